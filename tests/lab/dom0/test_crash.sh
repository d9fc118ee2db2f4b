# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Guests that crash, are preserved, are made anew beside what is left of them, are paused and
# renamed: each has a defined outcome.

GRACE=8
mkdir -p /etc/xenshmd
printf '[daemon]\nrestart-grace = %d\n' $GRACE >/etc/xenshmd/xenshmd.conf
daemon_stop
guest_need guest1
daemon_need

# is_listed GUEST STATE
is_listed() {
	xenshmctl list | grep -q " $1 .* $2"
}

is_forgotten() {
	! xenshmctl list | grep -q " $1 "
}

# ---- paused, renamed

xl pause guest1
is "a paused guest can be attached to" "$(xenshmctl attach guest1 4K)" \
	"guest1-0: 4 KiB at 0x3a000000 in guest1 (host $POOL_HOST)"
host shared_mem 0 say "while it was paused"
xl unpause guest1
is "and finds it when it goes on" "$(g guest1 'uiotool /dev/mem 0x3a000000 hear')" "while it was paused"
xl rename guest1 other
has "a renamed one is known by its new name" "$(xenshmctl detach other 2>&1)" '^guest1-0: detached'
xl rename other guest1
has "and by its old one when it has that again" "$(xenshmctl attach guest1 4K)" '^guest1-0: 4 KiB at 0x3a000000 in guest1'

# ---- crashed, and preserved (on_crash of the lab's guests)

host shared_mem 0 say "of a crashed guest"
/lab/crash-domain "$(guest_id guest1)"
has "a crashed guest is waited for" "$(eventually 20 is_listed guest1 waiting && echo yes)" yes
refused "nobody gets its page" 1 'guest1.* (PAGES_HELD)$\|GUEST_DYING' xenshmctl attach guest1 4K --pool shared_mem
xl destroy guest1
sleep 1
has "also when it is gone" "$(xenshmctl list)" ' guest1 .* waiting'
has "until the grace time is over" "$(eventually $((GRACE + 10)) is_forgotten guest1 && echo yes)" yes
has "all pages are free" "$(pages_are_free && echo yes)" yes

# ---- crashed, preserved under another name, and made anew beside it

guest_config phoenix | sed 's/"preserve"/"rename-restart"/' >/tmp/phoenix.cfg
xl create -q /tmp/phoenix.cfg
guest_wait phoenix
old=$(guest_id phoenix)
xenshmctl attach phoenix 4K >/dev/null
g phoenix 'uiotool /dev/mem 0x3a000000 say "out of the ashes"'
rm -f "$CONSOLES/guest-phoenix.log"
/lab/crash-domain "$old"
guest_back phoenix "$old"
new=$(guest_id phoenix)
is "the new domain has the bytes" "$(g phoenix 'uiotool /dev/mem 0x3a000000 hear')" "out of the ashes"
is "the old one is still there" "$(xl domname "$old" | cut -c1-8)" "phoenix-"
is "one guest has the segment" "$(xenshmctl list | grep -c phoenix-0)" 1
may=$(xenview "$((POOL_HOST / 4096))" 1)
lacks "the old one has no right to the page any more" "$may" "^may $old "
has "the new one has" "$may" "^may $new $((POOL_HOST / 4096)) 1"
xl destroy "$old"
is "and keeps it when the old one goes" "$(g phoenix 'uiotool /dev/mem 0x3a000000 hear')" "out of the ashes"
xl destroy phoenix
has "all pages are free in the end" "$(eventually 10 pages_are_free && echo yes)" yes

rm /etc/xenshmd/xenshmd.conf
daemon_stop
daemon_start
