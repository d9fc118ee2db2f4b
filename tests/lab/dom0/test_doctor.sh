# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What `xenshmctl doctor` says of a real Dom0: nothing is wrong as long as the daemon runs; then
# what is wrong is named, with the remedy.

guest_need guest1
daemon_need

findings=$(xenshmctl doctor)
is "a healthy host" $? 0
lacks "nothing is wrong, and nothing is left out" "$findings" '^\(warning\|problem\|skipped\) '
has "Xen and its version" "$findings" '^ok  *version  *[^ ]*: 4\.'
has "the pool's node and its driver" "$findings" \
	"^ok  *node  */proc/device-tree/shared_mem@$(printf %x $((POOL_HOST))): bound to uio_pdrv_genirq$"
has "the driver's of_id" "$findings" '^ok  *of-id .*uio-dev'
has "the UIO device" "$findings" "^ok  *uio  */dev/uio0: shared_mem, map 0: 4 KiB at $POOL_HOST$"
has "what the firmware says of memory" "$findings" '^ok  *memory  .*no memory node covers a pool$'
has "the services" "$findings" '^ok  *xenstored .*: process [0-9]'
has "the daemon's pool" "$findings" "^ok  *pools .* $POOL_HOST, /dev/uio0$"

guest_start holder "$(printf '0x%x,1@0x30000' $((POOL_HOST / 4096)))"
findings=$(xenshmctl doctor)
is "a foreign holder is no problem" $? 0
has "but a warning" "$findings" "^warning  *guests .*holder has 4 KiB at $POOL_HOST .*remedy: take iomem="
guest_destroy holder

daemon_stop
findings=$(xenshmctl doctor)
is "no daemon: exit status" $? 1
has "and it is named" "$findings" '^problem  *socket .*xenshmd does not run; remedy: systemctl start xenshmd'
is "once" "$(printf '%s\n' "$findings" | grep -c ^problem)" 1

daemon_start
daemon_kill
findings=$(xenshmctl doctor)
is "a killed daemon: exit status" $? 1
has "and it is named" "$findings" '^problem  *daemon .*Connection refused; remedy: systemctl start xenshmd'
