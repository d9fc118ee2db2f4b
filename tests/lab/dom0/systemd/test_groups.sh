# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Who may do what: users of a real system, whose groups systemd-sysusers has made.

guest_need guest1
daemon_need

# audit USER FIELD...: what the journal has about changes by this user, and attempts at one.
audit() {
	user=$1
	shift
	journalctl -q --no-pager -o cat MESSAGE_ID="$AUDIT" XENSHM_UID="$(id -u "$user")" "$@"
}
AUDIT=6d3bb0b1c4a94d4e9c0f0e6f2b7a5c18

# denied NAME COMMAND...: refused as what this user may not do.
denied() {
	name=$1
	shift
	refused "$name" 1 'PERMISSION_DENIED' "$@"
}

is "an operator attaches" "$(as operator xenshmctl attach guest1 4K)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
has "the segment is his" "$(xenshmctl --json list guest1-0)" "\"owner_uid\":$(id -u operator)\\b"
echo "from the operator" | as operator xenshmctl write guest1-0
is "what he writes is in the guest" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "from the operator?"
# Its own xl refuses him already, before anything is asked of the daemon.
refused "an operator creates a guest" 1 "Permission denied" as operator xenshmctl create /tmp/guest1.cfg
denied "an operator ends a guest" as operator xenshmctl destroy guest1

has "a watcher looks" "$(as watcher xenshmctl list)" '^guest1-0 .* guest1 .* attached'
has "at everything" "$(as watcher xenshmctl guests)" '^guest1 '
denied "a watcher attaches" as watcher xenshmctl attach guest1 4K
denied "a watcher detaches" as watcher xenshmctl detach guest1
denied "a watcher reads bytes" as watcher xenshmctl read guest1-0 0 4

denied "a stranger looks" as stranger xenshmctl list
denied "a stranger attaches" as stranger xenshmctl attach guest1 4K
denied "a stranger detaches" as stranger xenshmctl detach guest1
as stranger uiotool "$(uio shared_mem)" 0 get >/dev/null 2>&1
is "nor has he the device" $? 1
as stranger ls /run/xenshmd/segments >/dev/null 2>&1
is "nor the store" $? 2

is "an operator detaches" "$(as operator xenshmctl detach guest1)" "guest1-0: detached from guest1"

has "the journal has who attached" "$(audit operator XENSHM_METHOD=guest.attach XENSHM_GUEST=guest1 XENSHM_OUTCOME=ok)" '^audit: .*segment=guest1-0'
has "and who detached" "$(audit operator XENSHM_METHOD=guest.detach XENSHM_OUTCOME=ok)" '^audit: .*guest=guest1'
for user in watcher stranger; do
	has "the journal has that a $user tried to" \
		"$(audit $user XENSHM_METHOD=guest.attach XENSHM_OUTCOME=PERMISSION_DENIED)" "^audit: .*uid=$(id -u $user)"
done
