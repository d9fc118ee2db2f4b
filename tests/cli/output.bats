# SPDX-License-Identifier: LGPL-2.1-or-later
# Where output goes: JSON as it came, colour only for people, and failed writes that are noticed.

load common

setup()
{
    start_daemon --guest guest1 --guest guest2 --pool 64K
}

# What the daemon answers to a method with params, byte for byte.
raw_reply()
{
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n" % tuple(sys.argv[2:])
s.sendall(request.encode())
print(s.makefile().readline(), end="")
' "$XENSHM_SOCKET" "$@"
}

# Runs a command line on a terminal; stdout and stderr are one there.
on_terminal()
{
    TERM=xterm script -qec "$1" /dev/null </dev/null
}

@test "--json prints the result as the daemon sent it" {
    ctl attach guest1 4K --name a
    ctl attach guest2 --segment a
    for pair in list=segment.list pools=pool.list guests=guest.list map=pool.map; do
        run -0 --separate-stderr ctl --json "${pair%=*}"
        [ -z "$stderr" ]
        [ "${#lines[@]}" -eq 1 ]
        reply=$(raw_reply "${pair#*=}" '{}')
        [[ $reply == *"\"result\":$output"* ]]
    done
    run -0 --separate-stderr ctl list a --json
    reply=$(raw_reply segment.show '{"name":"a"}')
    [[ $reply == *"\"result\":$output"* ]]
}

@test "--json of attach and detach is the attachment" {
    run -0 --separate-stderr ctl --json attach guest1 4K
    [ -z "$stderr" ]
    [ "${#lines[@]}" -eq 1 ]
    [ "$(json 'r["segment"], r["guest"]["name"], r["size"], r["state"]' <<<"$output")" = \
        "guest1-0 guest1 4096 attached" ]
    run -0 --separate-stderr ctl detach --json guest1 guest1-0
    [ -z "$stderr" ]
    [ "$(json 'r["detached"][0]["segment"]' <<<"$output")" = guest1-0 ]
}

@test "--json leaves stdout empty on failure" {
    run -1 --separate-stderr ctl --json attach guest9 4K
    expect_complaint "xenshmctl: attach: * (GUEST_UNKNOWN)"
}

@test "notes do not disturb --json" {
    run -0 --separate-stderr ctl --json attach guest1 5000
    [ "$(json 'r["size"]' <<<"$output")" = 8192 ]
    [ "$stderr" = "xenshmctl: attach: note: 5000 bytes rounded up to 8 KiB" ]
}

@test "no colour in a pipe, nor with NO_COLOR, nor on a dumb terminal" {
    ctl attach guest1 4K
    run -0 ctl list
    [[ $output != *$'\033'* ]]
    run -0 on_terminal "NO_COLOR=1 '$XENSHMCTL' list"
    [[ $output != *$'\033'* ]]
    run -0 on_terminal "TERM=dumb '$XENSHMCTL' list"
    [[ $output != *$'\033'* ]]
}

@test "colour on a terminal, and the same text" {
    ctl attach guest1 4K
    run -0 on_terminal "NO_COLOR= '$XENSHMCTL' list"
    [[ $output == *$'\033'* ]]
    plain=$(ctl list)
    stripped=$(sed $'s/\033\\[[0-9]*m//g; s/\r//' <<<"$output")
    [ "$stripped" = "$plain" ]
}

@test "a hint for people on a terminal only" {
    run -1 --separate-stderr ctl attach guest9 4K
    [ "${#stderr_lines[@]}" -eq 1 ]
    run -1 on_terminal "'$XENSHMCTL' attach guest9 4K"
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} == "  hint: "* ]]
}

@test "a full disk is a failure" {
    for command in list "--json list" "attach guest1 4K" --help --version; do
        run -1 bash -c "'$XENSHMCTL' $command 2>&1 >/dev/full"
        [[ $output == "xenshmctl: "*"cannot write to standard output: No space left on device" ]]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "a closed stdout is a failure, and the socket does not take its place" {
    for command in list "--json list" "attach guest1 4K" --help; do
        run -1 bash -c "'$XENSHMCTL' $command 2>&1 >&-"
        [[ $output == "xenshmctl: "*"cannot write to standard output: "* ]]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "a closed pipe is a failure with a line, not a signal" {
    run -1 python3 -c '
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
sys.exit(subprocess.run([sys.argv[1], "list"], stdout=writer, stderr=sys.stdout).returncode)
' "$XENSHMCTL"
    [[ $output == "xenshmctl: list: cannot write to standard output: Broken pipe" ]]
}

@test "closed stdin and stderr do no harm" {
    run -0 bash -c "'$XENSHMCTL' pools <&- 2>&-"
    [[ $output == NAME* ]]
    run -1 bash -c "'$XENSHMCTL' attach guest9 4K <&- 2>&- >&-"
}
