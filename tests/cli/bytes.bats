# SPDX-License-Identifier: LGPL-2.1-or-later
# read and write: the bytes of a segment through standard input and output.

load common
load fake_ssh

setup()
{
    cd "$BATS_TEST_TMPDIR" || return
}

# Any bytes, the same each time: 0 to 255 are all among the first 512.
bytes()
{
    python3 -c "
import random, sys
random.seed(1)
start = list(range(256)) * 2
random.shuffle(start)
sys.stdout.buffer.write((bytes(start) + random.randbytes($1))[:$1])"
}

# The request's result, of the simulator.
simulate()
{
    ctl proxy <<<"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
}

@test "what is written is read, and the guest has it" {
    start_daemon --guest guest1 --pool 64K
    ctl alloc data 8K
    ctl attach guest1 --segment data
    bytes 8192 >all
    run -0 --separate-stderr ctl write data <all
    expect ""
    ctl read data >back
    cmp all back
    simulate sim.guest.read '{"name":"guest1","address":"0x3a000000","length":512}' | json 'r["result"]["data"]' >hex
    [ "$(cat hex)" = "$(head -c 512 all | od -An -v -tx1 | tr -d ' \n')" ]
    simulate sim.guest.write '{"name":"guest1","address":"0x3a000ffd","data":"00ff0a"}'
    [ "$(ctl read data 4093 3 | od -An -tx1)" = " 00 ff 0a" ]
}

@test "any offset, any length" {
    start_daemon --pool 64K
    ctl alloc other 4K
    ctl alloc data 8K
    head -c 8192 /dev/zero >image
    bytes 100 >piece
    for offset in 0 3 8 4095 8092; do
        for length in 0 1 9 31 100; do
            head -c "$length" piece | ctl write data "$offset"
            head -c "$length" piece | dd of=image bs=1 seek="$offset" conv=notrunc status=none
            ctl read data "$offset" "$length" >back
            head -c "$length" piece | cmp - back
        done
    done
    ctl read data >back
    cmp image back
    [ "$(ctl read data 8192 | wc -c)" -eq 0 ]
    [ "$(ctl read data 8191 | wc -c)" -eq 1 ]
    [ "$(ctl read data 1K 2k | wc -c)" -eq 2048 ]
    ctl read data 0x400 0X10 >back
    tail -c +1025 image | head -c 16 | cmp - back
    # The one beside it is as it was.
    [ "$(ctl read other | tr -d '\0' | wc -c)" -eq 0 ]
}

@test "much, through pipes that take little" {
    start_daemon --pool 8M
    ctl alloc big 5000K
    bytes 5120000 >all
    cat all | ctl write big
    ctl read big | dd bs=999 status=none | cmp - all
    ctl read big 999 4000001 | cmp - <(tail -c +1000 all | head -c 4000001)
    (head -c 3 all; head -c 10 /dev/zero) | ctl write big 5119987
    ctl read big 5119987 | cmp - <(head -c 3 all; head -c 10 /dev/zero)
}

@test "what does not fit is refused, and nothing is written" {
    start_daemon --pool 64K
    ctl alloc data 4K
    bytes 4096 | ctl write data
    ctl read data >before
    run -1 --separate-stderr ctl write data < <(head -c 4097 /dev/zero)
    expect "" "xenshmctl: write: standard input has more than the 4096 bytes that 'data' has from offset 0 on; nothing was written"
    run -1 --separate-stderr ctl write data 4095 < <(head -c 2 /dev/zero)
    expect_complaint "xenshmctl: write: standard input has more than the 1 bytes *"
    run -1 --separate-stderr ctl write data 4K < <(yes | head -c 1000000)
    expect_complaint "xenshmctl: write: standard input has more than the 0 bytes *"
    run -1 --separate-stderr ctl write data 4097 </dev/null
    expect "" "xenshmctl: write: offset 4097 is beyond the end of 'data', which has 4 KiB (4096 bytes)"
    run -1 --separate-stderr ctl read data 4097
    expect "" "xenshmctl: read: offset 4097 is beyond the end of 'data', which has 4 KiB (4096 bytes)"
    run -1 --separate-stderr ctl read data 4095 2
    expect "" "xenshmctl: read: 'data' has 1 bytes from offset 4095 on, 2 are asked for"
    run -1 --separate-stderr ctl read data 1 0x7fffffffffffffff
    expect_complaint "xenshmctl: read: 'data' has 4095 bytes from offset 1 on, *"
    run -1 --separate-stderr ctl write data </
    expect_complaint "xenshmctl: write: cannot read standard input: Is a directory; nothing was written"
    ctl read data | cmp - before
    run -0 --separate-stderr ctl write data 4K </dev/null
    expect ""
}

@test "mistakes in the command line" {
    start_daemon --pool 64K
    ctl alloc data 4K
    for number in "" x -1 4T 1.5 0x 0xg 0x1K ' 1'; do
        run -2 --separate-stderr ctl read data "$number"
        expect_complaint "xenshmctl: read: offset '$number' is not a number of bytes: *"
        run -2 --separate-stderr ctl read data 0 "$number"
        expect_complaint "xenshmctl: read: length '$number' is not a number of bytes: *"
        run -2 --separate-stderr ctl write data "$number" </dev/null
        expect_complaint "xenshmctl: write: offset '$number' is not a number of bytes: *"
    done
    for number in 9223372036854775808 0x8000000000000000 8589934592G; do
        run -2 --separate-stderr ctl read data "$number"
        expect_complaint "xenshmctl: read: offset '$number' is too large, *"
    done
    run -2 --separate-stderr ctl read data --raw --hex
    expect_complaint "xenshmctl: read: --raw and --hex exclude each other*"
    run -2 --separate-stderr ctl --json read data
    expect_complaint "xenshmctl: read: bytes have no form in JSON; *"
    run -2 --separate-stderr ctl read
    expect_complaint "xenshmctl: read: an argument is missing: *"
    run -2 --separate-stderr ctl write data 0 1
    expect_complaint "xenshmctl: write: unexpected argument '1'*"
}

@test "no such segment, no daemon" {
    start_daemon --pool 64K
    run -1 --separate-stderr ctl read none
    expect_complaint "xenshmctl: read: *'none'*SEGMENT_UNKNOWN*"
    run -1 --separate-stderr ctl write none </dev/null
    expect_complaint "xenshmctl: write: *'none'*SEGMENT_UNKNOWN*"
    run -3 --separate-stderr ctl --socket /none read data
    expect_complaint "xenshmctl: read: cannot reach xenshmd at /none: *"
    # When it has been read it can be freed at once.
    ctl alloc data 4K
    ctl read data >/dev/null
    ctl free data
}

@test "bytes that cannot be written" {
    [ -w /dev/full ] || skip "no /dev/full"
    start_daemon --pool 1M
    ctl alloc data 1M
    run -1 bash -c "'$XENSHMCTL' read data >/dev/full"
    [ "$output" = "xenshmctl: read: cannot write to standard output: No space left on device" ] ||
        [ "$output" = "xenshmctl: read: cannot write to standard output" ]
}

# ---- as a dump

# The form of hexdump -C, said once more: FILE OFFSET.
dump()
{
    python3 - "$1" "$2" <<-'END'
		import sys
		data, offset = open(sys.argv[1], "rb").read(), int(sys.argv[2])
		last = starred = None
		for at in range(0, len(data), 16):
		    row = data[at:at + 16]
		    if row == last and len(row) == 16:
		        if not starred: print("*")
		        starred = True
		        continue
		    last, starred = row, False
		    cells = ["%02x" % byte for byte in row] + ["  "] * (16 - len(row))
		    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
		    print("%08x  %s  %s  |%s|" % (offset + at, " ".join(cells[:8]), " ".join(cells[8:]), text))
		if data: print("%08x" % (offset + len(data)))
	END
}

@test "a dump" {
    start_daemon --pool 512K
    ctl alloc data 256K
    bytes 1000 | ctl write data 70000
    printf 'a dump|\\n' | ctl write data 16
    for range in "" "0 0" "3 16" "16 9" "65530 100000" "262143"; do
        # shellcheck disable=SC2086 # words
        ctl read data $range >piece
        # shellcheck disable=SC2086 # words
        ctl read --hex data $range >shown
        diff <(dump piece "${range%% *}" 2>/dev/null || dump piece 0) shown
        if command -v hexdump >/dev/null && [ "${range%% *}" = 0 ]; then
            diff <(hexdump -C piece) shown
        fi
    done
}

# On a terminal, as users have it.
on_terminal()
{
    command -v script >/dev/null || skip "no script"
    script -q -e -c "$1" /dev/null </dev/null | tr -d '\r'
}

@test "on a terminal bytes show as a dump, unless told otherwise" {
    start_daemon --pool 64K
    ctl alloc data 4K
    printf 'hello\033\n' | ctl write data
    [ "$(on_terminal "'$XENSHMCTL' read data 0 7")" = "$(ctl read --hex data 0 7)" ]
    [ "$(on_terminal "'$XENSHMCTL' read data 0 7 --raw")" = $'hello\033' ]
    fake_ssh
    [ "$(on_terminal "'$XENSHMCTL' --host 'ssh://dom0$XENSHM_SOCKET' read data 0 7")" = "$(ctl read --hex data 0 7)" ]
    [ "$(on_terminal "'$XENSHMCTL' --host 'ssh://dom0$XENSHM_SOCKET' read data 0 7 --raw")" = $'hello\033' ]
}

# ---- of another host

@test "bytes of another host" {
    fake_ssh
    start_daemon --pool 1M
    url=ssh://dom0$XENSHM_SOCKET
    unset XENSHM_SOCKET
    ctl --host "$url" alloc data 512K
    bytes 500000 >all
    run -0 --separate-stderr ctl --host "$url" write data 5 <all
    expect ""
    ctl --host "$url" read data 5 500000 | cmp - all
    run -1 --separate-stderr ctl --host "$url" write data 500K <all
    expect_complaint "xenshmctl: write: standard input has more than *"
    run -1 --separate-stderr ctl --host "$url" read none
    expect_complaint "xenshmctl: read: *SEGMENT_UNKNOWN*"
    run -3 --separate-stderr ctl --host ssh://nowhere read none
    [[ ${stderr_lines[-1]} == "xenshmctl: read: ssh has no connection to "* ]]
    wait_gone "$(cat ssh-pid)"
}

@test "a socket that only passes bytes on" {
    start_impostor "
    peers = globals().setdefault('peers', [])
    peers.append(peer)
    if len(peers) == 2:
        peer.recv(4096)
        peer.sendall(b'{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"offset\":0,\"size\":4096,\"map_offset\":0}}\n')
"
    run -1 --separate-stderr ctl read data
    expect_complaint "xenshmctl: read: segment 'data' cannot be mapped: no descriptor came with the reply, *"
}

@test "half of an input is not written" {
    start_daemon --pool 4K
    ctl alloc data 4K
    fake_ssh
    bytes 3000 >all
    run -1 --separate-stderr ctl write data --length 3001 <all
    expect_complaint "xenshmctl: write: standard input has 3000 bytes, not 3001 as --length says; nothing was written"
    run -1 --separate-stderr ctl write data --length 2999 <all
    expect_complaint "xenshmctl: write: standard input has 3000 bytes, not 2999 *"
    run -2 --separate-stderr ctl write data --length much <all
    expect_complaint "xenshmctl: write: length 'much' is not *"
    # The line ends after 1000 bytes: over there that is the end of standard input.
    mv ssh whole-ssh
    printf '#!/bin/sh\nhead -c 1000 | "%s" "$@" 2>>there.log\nexit 255\n' "$PWD/whole-ssh" >ssh
    chmod +x ssh
    run -3 --separate-stderr ctl --host "ssh://dom0$XENSHM_SOCKET" write data <all
    run -3 --separate-stderr ctl --host "ssh://dom0$XENSHM_SOCKET" write data --length 3000 <all
    [ "$(grep -c "standard input has 1000 bytes, not 3000 as --length says" there.log)" = 2 ]
    [ "$(ctl read data | tr -d '\0' | wc -c)" = 0 ]
    mv whole-ssh ssh
    run -0 --separate-stderr ctl --host "ssh://dom0$XENSHM_SOCKET" write data <all
    ctl read data 0 3000 >back
    cmp all back
    run -0 --separate-stderr ctl write data --length 3000 <all
}
