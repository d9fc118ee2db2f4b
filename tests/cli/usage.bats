# SPDX-License-Identifier: LGPL-2.1-or-later
# The command line itself: help, options, commands that do not exist.

load common

commands="attach detach create destroy alloc free list pools guests map status read write watch proxy help"
dt_commands="reserve check guest"

@test "help" {
    run -0 --separate-stderr ctl --help
    [[ ${lines[0]} == "usage: xenshmctl "* ]]
    [ -z "$stderr" ]
    whole=$output
    for command in $commands; do
        [[ $whole == *$'\n'"  $command "* ]]
    done
    run -0 ctl -h
    [ "$output" = "$whole" ]
    run -0 ctl help
    [ "$output" = "$whole" ]
}

@test "help of each command" {
    for command in $commands; do
        run -0 --separate-stderr ctl "$command" --help
        [[ ${lines[0]} == "usage: xenshmctl $command"* ]]
        [ -z "$stderr" ]
        whole=$output
        run -0 ctl --help "$command"
        [ "$output" = "$whole" ]
        run -0 ctl "$command" -h
        [ "$output" = "$whole" ]
        run -0 ctl help "$command"
        [ "$output" = "$whole" ]
    done
    for command in $dt_commands; do
        run -0 --separate-stderr ctl dt "$command" --help
        [[ ${lines[0]} == "usage: xenshmctl dt $command "* ]]
        [ -z "$stderr" ]
    done
    run -2 --separate-stderr ctl help nothing
    expect_complaint "xenshmctl: help: unknown command 'nothing'*"
}

@test "version" {
    run -0 --separate-stderr ctl --version
    [[ $output =~ ^xenshmctl\ [0-9]+(\.[0-9]+)*$ ]]
}

@test "no command" {
    run -2 --separate-stderr ctl
    [ -z "$output" ]
    [[ ${stderr_lines[0]} == "usage: xenshmctl "* ]]
    run -2 --separate-stderr ctl --json
    [ -z "$output" ]
}

@test "unknown commands" {
    run -2 --separate-stderr ctl frobnicate
    expect "" "xenshmctl: unknown command 'frobnicate'; see 'xenshmctl --help'"
    run -2 --separate-stderr ctl atach guest1 4K
    expect "" "xenshmctl: unknown command 'atach' (did you mean 'attach'?); see 'xenshmctl --help'"
    run -2 --separate-stderr ctl ""
    expect_complaint "xenshmctl: unknown command ''*"
    run -2 --separate-stderr ctl -1
    expect_complaint "xenshmctl: unknown command '-1'*"
    run -2 --separate-stderr ctl $'a\nb\033'
    expect_complaint "xenshmctl: unknown command 'a?b?'*"
}

@test "unknown options" {
    run -2 --separate-stderr ctl --frob list
    expect "" "xenshmctl: unknown option '--frob'; see 'xenshmctl --help'"
    run -2 --separate-stderr ctl list --frob
    expect "" "xenshmctl: list: unknown option '--frob'; see 'xenshmctl list --help'"
    run -2 --separate-stderr ctl list --name x
    expect_complaint "xenshmctl: list: unknown option '--name'*"
    run -2 --separate-stderr ctl list -x
    expect_complaint "xenshmctl: list: unknown option '-x'*"
}

@test "wrong use of options" {
    run -2 --separate-stderr ctl list --socket
    expect_complaint "xenshmctl: list: option '--socket' needs a value*"
    run -2 --separate-stderr ctl list --json=1
    expect_complaint "xenshmctl: list: option '--json=1' takes no value*"
    for timeout in "" 0 -1 x 1x 1.5 1000001 99999999999999999999; do
        run -2 --separate-stderr ctl --timeout "$timeout" list
        expect_complaint "xenshmctl: list: timeout '$timeout' is not a number of seconds *"
    done
}

@test "global options stand before or after the command" {
    start_daemon --guest guest1 --pool 4K
    socket=$XENSHM_SOCKET
    unset XENSHM_SOCKET
    run -0 ctl --socket "$socket" --json --timeout 5 pools
    whole=$output
    run -0 ctl pools --json --timeout=5 --socket="$socket"
    [ "$output" = "$whole" ]
    run -0 ctl --json pools --socket "$socket" --
    [ "$output" = "$whole" ]
}

@test "--socket overrides XENSHM_SOCKET, an empty one counts as unset" {
    start_daemon --guest guest1 --pool 4K
    run -0 env XENSHM_SOCKET=/nonexistent/socket "$XENSHMCTL" --socket "$XENSHM_SOCKET" pools
    run -3 --separate-stderr ctl --socket /nonexistent/socket pools
    expect_complaint "*at /nonexistent/socket: *"
    run --separate-stderr env XENSHM_SOCKET= "$XENSHMCTL" pools
    [ "$status" -eq 0 ] || [[ $stderr == *" at /run/xenshmd/xenshmd.sock: "* ]]
}

@test "what is not UTF-8 is named" {
    start_daemon --pool 4K
    for command in "read name" "write name" "free name" "watch type --type"; do
        read -r verb key option <<<"$command"
        # shellcheck disable=SC2086 # words
        run -2 --separate-stderr ctl $verb $option $'d\xff' </dev/null
        expect_complaint "xenshmctl: $verb: $key 'd?' is not valid UTF-8*"
    done
}
