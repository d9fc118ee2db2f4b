# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# A daemon with an unaligned access planted in its scrubber: QEMU from 10 on ends it, as a board
# would, so that all other tests here would show such a mistake.  Older ones do not notice.

daemon_stop
/lab/xenshmd-unaligned >>"$DAEMON_LOG" 2>&1 &
planted=$!
is "the planted daemon answers" "$(eventually 30 daemon_answers && echo yes)" yes

said=$(xenshmctl alloc probe 4K --pool shared_mem 2>&1)
status=$?
if [ "$QEMU" -ge 10 ]; then
	is "wiping with an unaligned access: the client sees the daemon go" $status 3
	wait $planted
	is "its end is SIGBUS" $? 135
else
	has "wiping with an unaligned access: QEMU $QEMU does not notice" "$status $said" '^0 probe: 4 KiB kept'
	xenshmctl free probe >/dev/null
	kill $planted
	wait $planted
fi

daemon_start
host shared_mem 0 fill 0x5a5a5a5a 4096
xenshmctl alloc probe 4K --pool shared_mem >/dev/null
is "without the mistake the same page is wiped" "$(host shared_mem 0 verify 0 4096)" same
xenshmctl free probe >/dev/null
has "all pages are free" "$(pages_are_free && echo yes)" yes
