# SPDX-License-Identifier: LGPL-2.1-or-later
# An ssh that has no network: its hosts are all this one. As sshd does it, the command goes through
# a shell, in an environment that has nothing of ours.

# Makes it the one that xenshmctl runs; `there` is PATH over there. What it was called with is in the
# file ssh-words, a line each; its process's number in ssh-pid.
fake_ssh()
{
    mkdir -p "$BATS_TEST_TMPDIR/there"
    ln -sf "$XENSHMCTL" "$BATS_TEST_TMPDIR/there/xenshmctl"
    cat >"$BATS_TEST_TMPDIR/ssh" <<-END
		#!/bin/sh
		cd '$BATS_TEST_TMPDIR' || exit
		printf '%s\n' "\$@" >ssh-words
		echo \$\$ >ssh-pid
		while [ "\$1" != -- ]; do shift; done
		host=\$2 command=\$3
		[ \$# = 3 ] || exit 254
		case \$host in
		nowhere) echo 'ssh: connect to host nowhere port 22: Connection refused' >&2; exit 255 ;;
		hangs) exec sleep 600 ;;
		killed) kill -KILL \$\$ ;;
		odd) exit 77 ;;
		chatty) echo 'Welcome to dom0!' ;;
		bare) exec env -i PATH=/nonexistent /bin/sh -c "\$command" ;;
		esac
		exec env -i PATH='$BATS_TEST_TMPDIR/there':"\$PATH" /bin/sh -c "\$command"
	END
    chmod +x "$BATS_TEST_TMPDIR/ssh"
    export XENSHM_SSH=$BATS_TEST_TMPDIR/ssh
}

# Waits until no process has this number.
wait_gone()
{
    for ((i = 0; i < 600; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    echo "process $1 is still there"
    return 1
}

# Waits until this command succeeds.
wait_until()
{
    for ((i = 0; i < 600; i++)); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.05
    done
    echo "in vain: $*"
    return 1
}
