# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The promises of daemon/hypervisor.h, kept by the real Xen: the same program checks them on
# the simulated one in the unit tests.  It needs the pool for itself.

guest_need guest1
daemon_stop

# A page of Dom0's own memory, which Dom0 may not give away.
own_page=0x$(sed -n 's/^\([0-9a-f]*\)-.* : System RAM$/\1/p' /proc/iomem | tail -n 1)

/lab/contract-xen "$(guest_id guest1)" $((POOL_HOST / 4096)) 1 $((own_page / 4096)) >/tmp/contract
status=$?
while IFS= read -r line; do
	case $line in
	"ok "*) pass "contract:${line#ok *-}" ;;
	"not ok "*) read -r why && fail "contract:${line#not ok *-}" "$why" "as promised" ;;
	esac
done </tmp/contract
is "contract: the program ends well" $status 0
