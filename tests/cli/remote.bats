# SPDX-License-Identifier: LGPL-2.1-or-later
# --host: the xenshmd of another host, through ssh; and proxy, which ssh runs there.

load common
load fake_ssh

setup()
{
    cd "$BATS_TEST_TMPDIR" || return
    fake_ssh
}

# start_daemon, which then is nobody's default: only --host leads there.
start_daemon_there()
{
    start_daemon "$@"
    there=$XENSHM_SOCKET
    unset XENSHM_SOCKET
}

@test "the same as on the host itself" {
    start_daemon_there --guest guest1 --pool 64K
    run -0 --separate-stderr ctl --host "ssh://dom0$there" attach guest1 4K
    expect "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7fff0000)"
    run -0 ctl --socket "$there" list
    here=$output
    run -0 --separate-stderr ctl --host "ssh://dom0$there" list
    expect "$here"
    run -0 --separate-stderr ctl --host "ssh://dom0$there" --json pools
    [ "$(json 'r["pools"][0]["size"]' <<<"$output")" = 65536 ]
    run -0 --separate-stderr env XENSHM_HOST="ssh://dom0$there" "$XENSHMCTL" list
    expect "$here"
    run -1 --separate-stderr ctl --host "ssh://dom0$there" attach nobody 4K
    expect "" "xenshmctl: attach: no guest is called 'nobody' (GUEST_UNKNOWN)"
    wait_gone "$(cat ssh-pid)"
}

@test "how ssh is called" {
    run -3 ctl --host ssh://nowhere list
    [ "$(cat ssh-words)" = $'-T\n-o\nServerAliveInterval=15\n--\nnowhere\nxenshmctl proxy' ]
    run -3 ctl --host ssh://root@nowhere:2222/run/x.sock list
    [ "$(tail -n +4 ssh-words)" = $'-p\n2222\n-l\nroot\n--\nnowhere\nxenshmctl proxy --socket=/run/x.sock' ]
    run -3 ctl --host 'ssh://nowhere/a%20b' list
    [ "$(tail -1 ssh-words)" = "xenshmctl proxy --socket='/a b'" ]
}

@test "which socket" {
    for variable in "" /here; do
        export XENSHM_SOCKET=$variable
        run -3 ctl --host ssh://nowhere list
        [ "$(tail -1 ssh-words)" = "xenshmctl proxy" ]
        run -3 ctl --host ssh://nowhere/there --socket x.sock list
        [ "$(tail -1 ssh-words)" = "xenshmctl proxy --socket=x.sock" ]
        run -3 env XENSHM_HOST=ssh://nowhere/there "$XENSHMCTL" list
        [ "$(tail -1 ssh-words)" = "xenshmctl proxy --socket=/there" ]
    done
    # The option counts, not the variable; an empty variable is none.
    run -3 env XENSHM_HOST=ssh://other "$XENSHMCTL" --host ssh://nowhere list
    grep -qx nowhere ssh-words
    run -3 --separate-stderr env XENSHM_HOST= "$XENSHMCTL" --socket /none list
    expect_complaint "*cannot reach xenshmd at /none: *"
}

@test "nothing of the URL is a command" {
    start_daemon_there --pool 4K
    odd="$BATS_TEST_TMPDIR/a 'b' \$(touch X) \`touch X\`; touch X; \"\\ !"
    ln -s "$there" "$odd"
    run -0 ctl --socket "$there" pools
    here=$output
    run -0 --separate-stderr ctl --host ssh://dom0 --socket "$odd" pools
    expect "$here"
    run -0 --separate-stderr ctl --host "ssh://dom0${odd// /%20}" pools
    expect "$here"
    [ ! -e X ]
}

@test "URLs that are refused reach no ssh" {
    for url in "" dom0 http://dom0 ssh:// ssh://-oProxyCommand=x ssh://-l@dom0 ssh://dom0:0 'ssh://a b' \
        'ssh://$(touch X)' ssh://dom0?x; do
        run -2 --separate-stderr ctl --host "$url" list
        expect_complaint "xenshmctl: list: host '$url' *; see 'xenshmctl list --help'"
    done
    run -2 --separate-stderr env XENSHM_HOST=dom0 "$XENSHMCTL" list
    expect "" "xenshmctl: list: XENSHM_HOST 'dom0' is no ssh://[user@]host[:port][/path/of/socket]; see 'xenshmctl list --help'"
    run -2 --separate-stderr ctl --host ssh://root:secret@dom0 list
    expect_complaint "*password*"
    [[ $stderr != *secret* ]]
    run -2 ctl list --host
    [ ! -e ssh-words ]
    run -0 env XENSHM_HOST=nonsense "$XENSHMCTL" list --help
    run -0 env XENSHM_HOST=nonsense "$XENSHMCTL" --version
    run -0 --separate-stderr env XENSHM_HOST=nonsense "$XENSHMCTL" __complete -- atta
    expect_match "$output" $'attach\t.*'
    run -0 env XENSHM_HOST=nonsense "$XENSHMCTL" help
}

@test "no daemon over there" {
    run -3 --separate-stderr ctl --host ssh://dom0/none list
    expect "" "xenshmctl: proxy: cannot reach xenshmd at /none: No such file or directory; is it running?"
}

@test "ssh's own failures" {
    run -3 --separate-stderr ctl --host ssh://nowhere list
    expect "" "ssh: connect to host nowhere port 22: Connection refused
xenshmctl: list: ssh has no connection to ssh://nowhere (its exit status is 255); try 'ssh nowhere xenshmctl status'"
    run -3 --separate-stderr ctl --host ssh://root@killed:22 list
    expect_complaint "xenshmctl: list: ssh to ssh://root@killed:22 was ended by signal 9 (Killed)"
    run -3 --separate-stderr ctl --host ssh://odd list
    expect_complaint "xenshmctl: list: what ssh ran at ssh://odd ended with exit status 77; *"
    XENSHM_SSH=/nonexistent/ssh run -3 --separate-stderr ctl --host ssh://dom0 list
    expect_complaint "xenshmctl: list: cannot run /nonexistent/ssh, which leads to ssh://dom0: No such file or directory; *"
}

@test "ssh's end is seen by one that was started with SIGCHLD ignored" {
    cat >ignore <<-'END'
		import os, signal, sys
		signal.signal(signal.SIGCHLD, signal.SIG_IGN)
		os.execvp(sys.argv[1], sys.argv[1:])
	END
    for command in list doctor; do
        run -3 --separate-stderr python3 ignore "$XENSHMCTL" --host ssh://nowhere "$command"
        [[ ${stderr_lines[-1]} == "xenshmctl: $command: ssh has no connection to ssh://nowhere "* ]]
    done
}

@test "no xenshmctl over there" {
    run -3 --separate-stderr ctl --host ssh://bare list
    [ "${stderr_lines[-1]}" = "xenshmctl: list: ssh://bare cannot run xenshmctl (exit status 127); install it there, in the PATH of 'ssh bare env'" ]
}

@test "an xenshmctl over there that knows no proxy" {
    rm there/xenshmctl
    printf '#!/bin/sh\necho "unknown command" >&2\nexit 2\n' >there/xenshmctl
    chmod +x there/xenshmctl
    run -3 --separate-stderr ctl --host ssh://dom0 list
    expect "" "unknown command
xenshmctl: list: the xenshmctl at ssh://dom0 did not let this one through; install this version there"
}

@test "a login script that prints" {
    start_daemon_there --pool 4K
    run -3 --separate-stderr ctl --host "ssh://chatty$there" list
    expect "" "xenshmctl: list: what answers at ssh://chatty$there is not xenshmd; does a login script over there print something?"
}

@test "a daemon over there that hangs up" {
    start_impostor "peer.recv(4096); peer.close()"
    run -3 --separate-stderr ctl --host "ssh://dom0$XENSHM_SOCKET" list
    expect "" "xenshmctl: list: xenshmd at ssh://dom0$XENSHM_SOCKET closed the connection before the reply; see the daemon's log"
}

@test "--timeout bounds all of it, and no ssh stays behind" {
    run -3 --separate-stderr ctl --timeout 1 --host ssh://hangs list
    expect_complaint "xenshmctl: list: no answer from xenshmd at ssh://hangs within 1 s; *"
    wait_gone "$(cat ssh-pid)"
    run -3 --separate-stderr ctl --timeout 1 --host ssh://hangs doctor
    expect_complaint "xenshmctl: doctor: ssh://hangs did not end within 1 s; *"
    wait_gone "$(cat ssh-pid)"
}

@test "ssh ends with a client that is killed" {
    "$XENSHMCTL" --host ssh://hangs list 3>&- &
    wait_until test -s ssh-pid
    kill -KILL $!
    wait_gone "$(cat ssh-pid)"
}

# ---- proxy

request='{"jsonrpc":"2.0","id":1,"method":"pool.list","params":{}}'

@test "proxy passes requests on until its input ends, and all replies" {
    start_daemon --pool 4K
    run -0 --separate-stderr ctl proxy <<<"$request"
    [ "$(json 'r["result"]["pools"][0]["size"]' <<<"$output")" = 4096 ]
    [ -z "$stderr" ]
    # More than pipes and sockets hold, in both directions.
    yes "$request" | head -n 20000 >requests
    ctl proxy <requests | cat >replies
    [ "$(wc -l <replies)" -eq 20000 ]
    head -n 3000 requests | cat | ctl proxy >replies
    [ "$(wc -l <replies)" -eq 3000 ]
    run -0 ctl proxy </dev/null
    [ -z "$output" ]
}

@test "proxy ends when xenshmd does" {
    start_daemon --pool 4K
    mkfifo input
    ctl proxy <input >replies 2>errors 3>&- &
    proxy=$!
    exec 4>input
    echo "$request" >&4
    wait_until test -s replies
    kill "$daemon"
    wait "$daemon" || true
    unset daemon
    wait "$proxy"
    exec 4>&-
    [ ! -s errors ]
}

@test "proxy ends when nobody reads" {
    start_daemon --pool 4K
    mkfifo input output
    ctl proxy <input >output 3>&- &
    exec 4>input 5<output
    exec 5<&-
    wait $!
    exec 4>&-
}

@test "proxy serves this host only" {
    run -2 --separate-stderr ctl --host ssh://dom0 proxy
    expect_complaint "xenshmctl: proxy: this works on this host only; *"
    run -3 --separate-stderr env XENSHM_HOST=ssh://dom0 "$XENSHMCTL" --socket /none proxy
    expect "" "xenshmctl: proxy: cannot reach xenshmd at /none: No such file or directory; is it running?"
    start_impostor "time.sleep(600)"
    run -1 --separate-stderr ctl proxy </
    expect_complaint "xenshmctl: proxy: cannot pass bytes on: *"
    [ ! -e ssh-words ]
}

# ---- commands that are carried out over there

# An xenshmctl over there that prints its words, its standard input, and ends with that status.
stub_there()
{
    rm there/xenshmctl
    cat >there/xenshmctl <<-END
		#!/bin/sh
		printf '<%s>' "\$@"
		[ "$1" = 7 ] || cat
		echo complaint >&2
		exit $1
	END
    chmod +x there/xenshmctl
}

@test "create is done over there, word by word" {
    stub_there 0
    run -0 --separate-stderr ctl --json create "my guest's.cfg" 4K --name 'a b' --pool=p --segment "\$(x)" \
        'kernel="/boot/a b"' --paused --timeout 5 --host ssh://dom0/run/x.sock -- --odd <<<input
    expect "<create><--socket=/run/x.sock><--json><my guest's.cfg><4K><--name=a b><--pool=p><--segment=\$(x)><kernel=\"/boot/a b\"><--paused><--timeout=5><--><--odd>input" complaint
    run -0 ctl --socket /other --host ssh://dom0/run/x.sock create a </dev/null
    [[ $output == "<create><--socket=/other><a>"* ]]
    run -2 --separate-stderr ctl --host ssh://dom0 create
    expect_complaint "xenshmctl: create: an argument is missing: *"
}

# A configuration as xl prints it.
guest_json()
{
    : >kernel
    echo '{"c_info": {"type": "pvh", "name": "guest1"},
        "b_info": {"max_memkb": 32768, "target_memkb": 32768, "kernel": "'"$BATS_TEST_TMPDIR/kernel"'"}}'
}

@test "over there it is not passed on any further" {
    start_daemon_there --pool 4K
    ctl --socket "$there" alloc data 4K
    sed -i "s|env -i|& XENSHM_HOST=ssh://odd XENSHM_SSH=$XENSHM_SSH|" "$XENSHM_SSH"
    run -0 --separate-stderr ctl --host "ssh://dom0$there" read data 0 1
    expect "" ""
}

@test "a line break is not passed on to a shell" {
    run -2 --separate-stderr ctl --host ssh://dom0 read $'a\nid'
    expect_complaint "xenshmctl: read: a word has a line break, *"
    run -2 --separate-stderr ctl --host ssh://dom0 --socket $'a\nid' list
    expect_complaint "xenshmctl: list: socket 'a?id' has a line break, *"
    [ ! -e ssh-words ]
}

@test "create with a file and an xl that are over there" {
    start_daemon_there --pool 64K
    echo 'name = "guest1"' >guest1.cfg
    guest_json >guest1.json
    printf '#!/bin/sh\ncat "%s"\n' "$BATS_TEST_TMPDIR/guest1.json" >there/xl
    chmod +x there/xl
    run -0 --separate-stderr ctl --host "ssh://dom0$there" create guest1.cfg 4K
    expect $'guest1: created, domid 1\nguest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7fff0000)'
    run -1 --separate-stderr ctl --host "ssh://dom0$there" create guest1.cfg 4K
    expect_complaint "xenshmctl: create: *GUEST_EXISTS*"
}

@test "create - takes the JSON from here" {
    start_daemon_there --pool 64K
    run -0 --separate-stderr ctl --host "ssh://dom0$there" create - < <(guest_json)
    expect "guest1: created, domid 1"
    [[ $(tail -1 ssh-words) == "xenshmctl proxy "* ]]
}

@test "the exit status of what was done over there" {
    for status in 1 2 3; do
        stub_there "$status"
        run "-$status" --separate-stderr ctl --host ssh://dom0 doctor </dev/null
        expect "<doctor>" complaint
    done
    stub_there 7
    run -3 --separate-stderr ctl --host ssh://dom0 doctor
    [[ $stderr == *"ended with exit status 7"* ]]
    run -3 --separate-stderr ctl --host ssh://nowhere doctor
    [[ ${stderr_lines[1]} == "xenshmctl: doctor: ssh has no connection to ssh://nowhere "* ]]
}

@test "doctor looks at the host over there" {
    start_daemon_there --pool 4K
    run --separate-stderr ctl --json --host "ssh://dom0$there" doctor
    [ "$(json 'sum(f["check"] == "socket" and f["looked_at"] == "'"$there"'" for f in r["findings"])' <<<"$output")" = 1 ]
}

@test "device trees are files of this host" {
    for command in "check x.dtb" "reserve x.dtb --size 4K -o y.dtb"; do
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr ctl --host ssh://dom0 dt $command
        expect_complaint "xenshmctl: dt *: this works on this host only; *"
        # shellcheck disable=SC2086 # words
        XENSHM_HOST=ssh://dom0 run -1 --separate-stderr ctl dt $command
        expect_complaint "xenshmctl: dt *: cannot read 'x.dtb': No such file or directory"
    done
    [ ! -e ssh-words ]
    start_daemon_there --pool 4K
    ctl --socket "$there" alloc data 4K
    cd ..
    run -0 --separate-stderr ctl --host "ssh://dom0$there" dt guest data -o "$BATS_TEST_TMPDIR/guest.dtb"
    [ -s "$BATS_TEST_TMPDIR/guest.dtb" ]
}

# ---- the real one

# An sshd of this user, on standard input and output instead of a port.
real_ssh()
{
    sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || skip "no sshd"
    command -v ssh ssh-keygen >/dev/null || skip "no ssh"
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f host-key
    ssh-keygen -q -t ed25519 -N '' -f key
    cat >sshd_config <<-END
		HostKey $BATS_TEST_TMPDIR/host-key
		AuthorizedKeysFile $BATS_TEST_TMPDIR/key.pub
		StrictModes no
		UsePAM no
		PermitRootLogin yes
		PidFile none
		LogLevel QUIET
		SetEnv PATH=$BATS_TEST_TMPDIR/there:$PATH
	END
    echo "dom0 $(cat host-key.pub)" >known_hosts
    cat >ssh <<-END
		#!/bin/sh
		echo \$\$ >'$BATS_TEST_TMPDIR/ssh-pid'
		exec ssh -F none -o ProxyCommand='$sshd -i -f $BATS_TEST_TMPDIR/sshd_config' \\
		    -o IdentityFile='$BATS_TEST_TMPDIR/key' -o BatchMode=yes \\
		    -o UserKnownHostsFile='$BATS_TEST_TMPDIR/known_hosts' "\$@"
	END
}

@test "through OpenSSH" {
    real_ssh
    start_daemon_there --pool 64K --guest guest1
    odd="$BATS_TEST_TMPDIR/a 'b' \$(touch X) \\ !"
    ln -s "$there" "$odd"
    run -0 --separate-stderr ctl --host ssh://dom0 --socket "$odd" attach guest1 4K
    expect "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7fff0000)"
    run -1 --separate-stderr ctl --host "ssh://$(id -un)@dom0:22$there" attach nobody 4K
    expect "" "xenshmctl: attach: no guest is called 'nobody' (GUEST_UNKNOWN)"
    run -3 --separate-stderr ctl --host ssh://dom0/none list
    expect "" "xenshmctl: proxy: cannot reach xenshmd at /none: No such file or directory; is it running?"
    run --separate-stderr ctl --json --host "ssh://dom0$there" doctor
    [ "$(json 'any(f["looked_at"] == "'"$there"'" for f in r["findings"])' <<<"$output")" = True ]
    rm there/xenshmctl
    run -3 --separate-stderr ctl --host ssh://dom0 list
    [[ ${stderr_lines[-1]} == *"cannot run xenshmctl (exit status 127)"* ]]
    echo "dom0 $(cat key.pub)" >known_hosts
    run -3 --separate-stderr ctl --host ssh://dom0 list
    [[ ${stderr_lines[-1]} == "xenshmctl: list: ssh has no connection to ssh://dom0 "* ]]
    wait_gone "$(cat ssh-pid)"
    [ ! -e X ]
}
