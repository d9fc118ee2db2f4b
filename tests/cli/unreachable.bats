# SPDX-License-Identifier: LGPL-2.1-or-later
# No daemon, or one that does not answer as it should: exit status 3, and one line that says where.

load common

@test "no socket" {
    run -3 --separate-stderr ctl --socket "$BATS_TEST_TMPDIR/none" attach guest1 4K
    expect "" "xenshmctl: attach: cannot reach xenshmd at $BATS_TEST_TMPDIR/none: No such file or directory; is it running?"
    run -3 --separate-stderr ctl --socket "" list
    expect_complaint "xenshmctl: list: cannot reach xenshmd at *"
}

@test "a socket that nobody listens on" {
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
        "$BATS_TEST_TMPDIR/dead"
    run -3 --separate-stderr ctl --socket "$BATS_TEST_TMPDIR/dead" list
    expect_complaint "xenshmctl: list: cannot reach xenshmd at $BATS_TEST_TMPDIR/dead: Connection refused; is it running?"
}

@test "no right to the socket" {
    [ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "root may everything"
    start_impostor "peer.close()"
    chmod 0 "$XENSHM_SOCKET"
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.."
    if [ "$(id -u)" -eq 0 ]; then
        cp "$XENSHMCTL" "$BATS_TEST_TMPDIR/ctl"
        run -3 --separate-stderr setpriv --reuid 65534 --clear-groups "$BATS_TEST_TMPDIR/ctl" list
    else
        run -3 --separate-stderr ctl list
    fi
    expect_complaint "xenshmctl: list: cannot reach xenshmd at $XENSHM_SOCKET: Permission denied; ask as root*"
}

@test "a path that is too long for a socket" {
    long=/$(printf 'x%.0s' {1..200})
    run -3 --separate-stderr ctl --socket "$long" list
    expect_complaint "xenshmctl: list: cannot reach xenshmd at $long: File name too long*"
}

@test "a daemon that hangs" {
    start_impostor "time.sleep(60)"
    SECONDS=0
    run -3 --separate-stderr ctl --timeout 1 attach guest1 4K
    expect_complaint "xenshmctl: attach: no answer from xenshmd at $XENSHM_SOCKET within 1 s*"
    [ "$SECONDS" -lt 10 ]
}

@test "a daemon that hangs in the middle of its reply" {
    start_impostor "peer.sendall(b'{\"id\":1,'); time.sleep(60)"
    run -3 --separate-stderr ctl --timeout 1 list
    expect_complaint "xenshmctl: list: no answer from xenshmd at $XENSHM_SOCKET within 1 s*"
}

@test "a daemon that hangs up" {
    start_impostor "peer.recv(4096); peer.close()"
    run -3 --separate-stderr ctl list
    expect_complaint "xenshmctl: list: xenshmd at $XENSHM_SOCKET closed the connection before the reply*"
}

@test "something else behind the socket" {
    start_impostor "peer.sendall(b'HTTP/1.1 400 Bad Request\\r\\n'); peer.recv(4096); peer.close()"
    run -3 --separate-stderr ctl list
    expect_complaint "xenshmctl: list: what answers at $XENSHM_SOCKET is not xenshmd*"
}

@test "a daemon that turns the connection away" {
    start_impostor "peer.sendall(b'{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":17,\"message\":\"too many connections\",\"data\":{\"name\":\"TOO_MANY\"}}}\\n'); peer.close()"
    run -1 --separate-stderr ctl list
    expect "" "xenshmctl: list: too many connections (TOO_MANY)"
}

@test "an error without a name still says something" {
    start_impostor "peer.sendall(b'{\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no such method\"}}\\n')"
    run -1 --separate-stderr ctl list
    expect "" "xenshmctl: list: no such method (error -32601)"
}

@test "a warning in the result" {
    start_impostor "peer.sendall(b'{\"id\":1,\"result\":{\"segment\":\"s\",\"guest\":{\"name\":\"g\"},\"size\":4096,\"guest_address\":\"0x1000\",\"host_address\":\"0x2000\",\"warning\":\"mind the gap\"}}\\n')"
    run -0 --separate-stderr ctl attach g 4K
    expect "s: 4 KiB at 0x1000 in g (host 0x2000)" "xenshmctl: attach: warning: mind the gap"
}

@test "text from the daemon cannot drive the terminal" {
    start_impostor "peer.sendall(b'{\"id\":1,\"result\":{\"segments\":[{\"name\":\"a\\\\u001b[2J\\\\n\\\\u009b\"}]}}\\n')"
    run -0 --separate-stderr ctl list
    [[ ${lines[1]} == "a?[2J???"* ]]
    [ "${#lines[@]}" -eq 2 ]
}

@test "a result from another version shows what it has" {
    start_impostor "peer.sendall(b'{\"id\":1,\"result\":{\"pools\":[{\"name\":\"a\",\"size\":\"much\",\"new\":1},7]}}\\n')"
    run -0 --separate-stderr ctl pools
    expect_match "${lines[1]}" 'a +- +- +much +- +-'
    expect_match "${lines[2]}" '- +- +- +- +- +-'
}
