# SPDX-License-Identifier: LGPL-2.1-or-later
# alloc and free, and what list and map say of segments that are kept, waiting, in a clash or being
# worked on.

load common

# Calls a method of the daemon, for what xenshmctl has no command: METHOD PARAMS.
call()
{
    python3 -c '
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n" % tuple(sys.argv[2:])).encode())
reply = json.loads(s.makefile().readline())
sys.exit(json.dumps(reply["error"]) if "error" in reply else 0)
' "$XENSHM_SOCKET" "$@"
}

# An impostor that answers every request with this result.
start_answering()
{
    start_impostor "
    request = json.loads(peer.makefile().readline())
    peer.sendall((json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': $1}) + '\n').encode())
    peer.close()"
}

fits_80_columns()
{
    for line in "${lines[@]}"; do
        [ "${#line}" -le 80 ] || { echo "${#line}: $line"; return 1; }
    done
}

@test "alloc and free say what they did" {
    start_daemon --guest guest1 --pool 64K
    run -0 --separate-stderr ctl alloc data 64K
    expect "data: 64 KiB kept at host 0x7fff0000 in pool shared_mem"
    run -0 --separate-stderr ctl free data
    expect "data: freed, 64 KiB"
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 1 ]
}

@test "alloc rounds up, with a note" {
    start_daemon --guest guest1 --pool 64K
    run -0 --separate-stderr ctl alloc data 5000
    expect "data: 8 KiB kept at host 0x7fff0000 in pool shared_mem" \
        "xenshmctl: alloc: note: 5000 bytes rounded up to 8 KiB"
    run -0 --separate-stderr ctl --json alloc more 1
    [ "$(json 'r["size"]' <<<"$output")" = 4096 ]
    [ "$stderr" = "xenshmctl: alloc: note: 1 byte rounded up to 4 KiB" ]
}

@test "pool and alignment can be chosen" {
    start_daemon --guest guest1 --pool 4M --pool other=64K
    run -0 --separate-stderr ctl alloc odd 4K
    run -0 --separate-stderr ctl alloc even 8K --align 1M
    [[ $output == "even: 8 KiB kept at host 0x7f"?"00000 in pool shared_mem" ]]
    run -0 --separate-stderr ctl alloc --pool=other there 4k
    [[ $output == "there: 4 KiB kept at host 0x"*" in pool other" ]]
    [ -z "$stderr" ]
    run -1 --separate-stderr ctl alloc uneven 4K --align 12K
    expect_complaint "xenshmctl: alloc: *power of two* (INVALID_PARAMS)"
    run -1 --separate-stderr ctl alloc fine 4K --align 2K
    expect_complaint "xenshmctl: alloc: *4096 at least* (INVALID_PARAMS)"
    run -1 --separate-stderr ctl alloc wide 4K --align 4G
    expect_complaint "xenshmctl: alloc: *not 1 from a multiple of 0x100000000 on (POOL_FULL)"
    run -1 --separate-stderr ctl alloc there2 4K --pool nowhere
    expect_complaint "xenshmctl: alloc: *nowhere* (POOL_UNKNOWN)"
}

@test "alloc: what the daemon refuses" {
    start_daemon --guest guest1 --pool 64K
    ctl alloc data 4K
    run -1 --separate-stderr ctl alloc data 4K
    expect_complaint "xenshmctl: alloc: a segment called 'data' exists (SEGMENT_EXISTS)"
    run -1 --separate-stderr ctl alloc big 128K
    expect_complaint "xenshmctl: alloc: *15 free pages*32 wanted* (POOL_FULL)"
    run -1 --separate-stderr ctl alloc ../x 4K
    expect_complaint "xenshmctl: alloc: * (INVALID_PARAMS)"
    run -1 --separate-stderr ctl alloc "" 4K
    expect_complaint "xenshmctl: alloc: * (INVALID_PARAMS)"
}

@test "alloc and free: wrong use" {
    for words in "" data "data 4K extra" "data 4K --align" "data 4K --name x" "data 4K --all"; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr ctl alloc $words
        expect_complaint "xenshmctl: alloc: *; see 'xenshmctl alloc --help'"
    done
    for size in 0 -4K x 4KB 9E 99999999999999999999 "" 0x1000; do
        run -2 --separate-stderr ctl alloc data "$size"
        expect_complaint "xenshmctl: alloc: size '$size' is *"
        run -2 --separate-stderr ctl alloc data 4K --align "$size"
        expect_complaint "xenshmctl: alloc: align '$size' is *"
    done
    for words in "" "data extra" "data --all"; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr ctl free $words
        expect_complaint "xenshmctl: free: *; see 'xenshmctl free --help'"
    done
    run -2 --separate-stderr ctl free $'d\xff'
    expect_complaint "xenshmctl: free: name 'd?' is not valid UTF-8*"
}

@test "free names those who have it" {
    start_daemon --guest guest1 --guest guest2 --pool 64K
    run -1 --separate-stderr ctl free data
    expect_complaint "xenshmctl: free: no segment is called 'data' (SEGMENT_UNKNOWN)"
    ctl alloc data 4K
    ctl attach guest1 --segment data
    run -1 --separate-stderr ctl free data
    expect_complaint "xenshmctl: free: segment 'data' is attached to 'guest1' (SEGMENT_IN_USE)"
    ctl attach guest2 --segment data
    run -1 --separate-stderr ctl free data
    expect_complaint \
        "xenshmctl: free: segment 'data' is attached to 'guest1', 'guest2' (SEGMENT_IN_USE)"
    ctl detach guest1
    ctl detach guest2
    run -0 --separate-stderr ctl free data
    expect "data: freed, 4 KiB"
}

@test "--json prints the segment" {
    start_daemon --guest guest1 --pool 64K
    run -0 --separate-stderr ctl alloc data 8K --json
    [ "${#lines[@]}" -eq 1 ]
    [ "$(json 'r["name"], r["size"], r["kept"], r["attachments"]' <<<"$output")" = \
        "data 8192 True []" ]
    [ "$output" = "$(ctl --json list data)" ]
    whole=$output
    run -0 --separate-stderr ctl --json free data
    [ "$output" = "$whole" ]
}

@test "list shows kept segments" {
    start_daemon --guest guest1 --pool 16K
    ctl alloc data 16K
    run -0 --separate-stderr ctl list
    expect "\
SEGMENT  POOL        HOST          SIZE  GUEST  ADDRESS  STATE
data     shared_mem  0x7fffc000  16 KiB  -      -        kept"
    run -0 ctl list data
    [ "${lines[1]}" = "data     shared_mem  0x7fffc000  16 KiB  -      -        kept" ]
    ctl attach guest1 --segment data
    run -0 --separate-stderr ctl list
    expect "\
SEGMENT  POOL        HOST          SIZE  GUEST   ADDRESS     STATE
data     shared_mem  0x7fffc000  16 KiB  guest1  0x3a000000  attached"
    ctl detach guest1
    run -0 ctl list data
    [ "${lines[1]}" = "data     shared_mem  0x7fffc000  16 KiB  -      -        kept" ]
    run -0 ctl map
    expect_match "${lines[1]}" 'shared_mem +0x7fffc000 +16 KiB +used +data +-'
}

@test "a guest that reboots is waited for" {
    start_daemon --guest guest1 --pool 16K
    ctl attach guest1 16K --name data
    call sim.guest.shutdown '{"name": "guest1", "reason": "reboot"}'
    call sim.guest.destroy '{"name": "guest1"}'
    ctl guests
    for _ in {1..100}; do
        run -0 ctl list data
        [[ ${lines[1]} != *waiting ]] || break
        sleep 0.02
    done
    [ "${lines[1]}" = \
        "data     shared_mem  0x7fffc000  16 KiB  guest1  0x3a000000  waiting" ]
    run -1 --separate-stderr ctl free data
    expect_complaint "xenshmctl: free: segment 'data' is attached to 'guest1' (SEGMENT_IN_USE)"
    run -0 --separate-stderr ctl detach guest1
    expect "data: detached from guest1"
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 1 ]
}

@test "a clash names the guest, in list and map" {
    start_daemon --guest guest1 --pool 16K
    ctl alloc data 16K
    ctl attach guest1 --segment data
    call sim.guest.start '{"name": "guest2", "iomem": ["0x7fffc,1@0x3b000"]}'
    ctl guests
    run -0 --separate-stderr ctl list
    expect "\
SEGMENT  POOL        HOST          SIZE  GUEST   ADDRESS     STATE
data     shared_mem  0x7fffc000  16 KiB  guest1  0x3a000000  clash guest2"
    fits_80_columns
    run -0 --separate-stderr ctl map
    expect "\
POOL        HOST          SIZE  STATE         SEGMENT  GUEST
shared_mem  0x7fffc000  16 KiB  clash guest2  data     guest1"
    run -1 --separate-stderr ctl attach guest2 --segment data
    expect_complaint "xenshmctl: attach: *guest 'guest2'*iomem (PAGES_HELD)"
    ctl detach guest1
    run -0 ctl list
    [[ ${lines[1]} == *" clash guest2" ]]
    run -0 ctl free data
    run -0 --separate-stderr ctl map
    expect_match "${lines[1]}" 'shared_mem +0x7fffc000 +4 KiB +foreign +- +guest2'
    expect_match "${lines[2]}" 'shared_mem +0x7fffd000 +12 KiB +free +- +-'
}

@test "work under way is told in percent" {
    start_answering "{'segments': [
        dict(name='kept', pool='shared_mem', host_address='0x7ff00000', size=1048576, kept=True,
             state='wiping', progress=dict(step='wiping', done=419430), attachments=[]),
        dict(name='more', pool='shared_mem', host_address='0x7fe00000', size=4096, kept=False,
             state='mapping', progress=dict(step='mapping', done=4096),
             clash=[dict(name='guest3'), dict(name='guest4')], attachments=[
                 dict(guest=dict(name='guest1'), guest_address='0x3a000000', state='attached'),
                 dict(guest=dict(name='guest2'), guest_address='0x3a000000', state='attaching')]),
        dict(name='old')]}"
    run -0 --separate-stderr ctl list
    [[ ${lines[1]} == *"  wiping 39%" ]]
    [[ ${lines[2]} == *"  attached, clash guest3, guest4" ]]
    [[ ${lines[3]} == *"  mapping 100%, clash guest3, guest4" ]]
    [[ ${lines[4]} == "old"*"  -" ]]
}

@test "colours go by the first word" {
    start_daemon --guest guest1 --pool 16K
    ctl alloc data 8K
    ctl alloc other 8K
    call sim.guest.start '{"name": "guest2", "iomem": ["0x7fffc,1@0x3b000"]}'
    ctl guests
    TERM=xterm run -0 script -qec "'$XENSHMCTL' list" /dev/null </dev/null
    [[ $output == *$'\033[31mclash guest2\033[0m'* ]]
    [[ $output == *$'\033[32mkept\033[0m'* ]]
}
