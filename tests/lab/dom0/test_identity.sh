# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# --address identity: the guest's address is the host's, as in hand-written recipes.

guest_need guest1
daemon_need

is "attach" "$(xenshmctl attach guest1 4K --address identity 2>/tmp/warning)" \
	"guest1-0: 4 KiB at $POOL_HOST in guest1 (host $POOL_HOST)"
has "it warns of extended regions" "$(cat /tmp/warning)" 'warning: .*extended region'
host shared_mem 0 say "identity"
is "the guest reads at the host's address" "$(g guest1 "uiotool /dev/mem $POOL_HOST hear")" identity
is "detach" "$(xenshmctl detach guest1)" "guest1-0: detached from guest1"
g guest1 "uiotool /dev/mem $POOL_HOST get" >/dev/null
is "and it is gone" $? 137
