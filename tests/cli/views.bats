# SPDX-License-Identifier: LGPL-2.1-or-later
# map, list, guests and pools on terminals of several widths. on_terminal.py fails when a line is
# longer than the terminal is wide.

load common

unset COLUMNS LC_CTYPE LANG
export LC_ALL=C TERM=xterm NO_COLOR=1

# terminal COLUMNS ARGUMENT...: xenshmctl on a terminal.
terminal()
{
    local columns=$1

    shift
    python3 "$BATS_TEST_DIRNAME/on_terminal.py" "$columns" "$XENSHMCTL" "$@"
}

# Two guests, one segment shared, one not, and a guest that took pages by itself.
start_example()
{
    start_daemon --guest guest1:128M --guest guest2:256M --pool 64K
    ctl attach guest1 4K --name shared
    ctl attach guest2 --segment shared
    ctl attach guest2 8K
    ctl alloc kept 16K
    sim sim.guest.start '{"name": "thief", "memory": 67108864, "iomem": ["0x7fffe,2@0x3b000"]}'
}

# Calls a method that xenshmctl has no command for.
sim()
{
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n" % tuple(sys.argv[2:])
s.sendall(request.encode())
sys.exit("error" in s.makefile().readline())
' "$XENSHM_SOCKET" "$@"
}

# A daemon whose answers are those that the Python code puts into `answers`, by method.
start_canned()
{
    local file=$BATS_TEST_TMPDIR/answers

    python3 -c "
import json, sys

def segment(name, address, guests, **more):
    return {'name': name, 'pool': 'pool', 'host_address': hex(address), 'size': 8192,
            'kept': False, 'state': 'ready', **more,
            'attachments': [{'segment': name, 'guest': {'name': guest},
                             'guest_address': '0x000000003a000000', 'state': state}
                            for guest, state in guests]}

def run(address, pages, state, pool='pool', **more):
    return {'pool': pool, 'host_address': hex(address), 'size': pages * 4096, 'state': state,
            **more}

answers = {}
$1
json.dump(answers, open('$file', 'w'))
"
    start_impostor "
    stream = peer.makefile('rw')
    for line in stream:
        request = json.loads(line)
        result = json.load(open('$file'))[request['method']]
        print(json.dumps({'jsonrpc': '2.0', 'id': request['id'], 'result': result}), file=stream,
              flush=True)
"
}

hostile="
name = '\x1b[2J\u202e\u4e2d\u6587e\u0301\n\x9b'
long = 'x' * 63
high = 0xfffffffff0000000
answers['segment.list'] = {'segments': [
    segment(name, high,
            [(name, 'waiting'), (long, 'attached'), ('guest-with-20-letters', 'attached')],
            clash=[{'name': name}, {'name': long}]),
    segment('n' * 63, high + 0x4000, [(long, 'attached')])]}
answers['pool.map'] = {'runs': [
    run(high, 2, 'used', name, segment=name, clash=[{'name': name}, {'name': long}]),
    run(high + 0x2000, 2, 'free', name),
    run(high + 0x4000, 2, 'used', name, segment='n' * 63, guest=long),
    run(high + 0x6000, 2, 'quarantined', name, segment='q')]}
answers['guest.list'] = {'guests': [
    {'name': long, 'domid': 32751, 'state': 'running', 'memory': 12345678976, 'foreign': [],
     'attachments': [{'segment': 'segment-of-long-name-%d' % i} for i in range(30)]},
    {'name': name, 'domid': 3, 'state': 'paused', 'memory': 1 << 30, 'foreign': [],
     'config_known': False, 'attachments': []}]}
answers['pool.list'] = {'pools': [
    {'name': name, 'device': '/dev/uio0', 'host_address': hex(high), 'size': 1 << 40,
     'free': 4096, 'largest_free': 4096}]}
"

@test "map is a picture on a terminal" {
    start_example
    run -0 terminal 80 map
    diff - <(echo "$output") <<'END'
shared_mem: 64 KiB at 0x7fff0000, 28 KiB free
0x7fff0000 AAAABBBBBBBBCCCCCCCCCCCCCCCC............................aaaaaaaa
4 cells are 4 KiB, . free
   SEGMENT     SIZE  HOST        STATE    GUESTS
A  shared     4 KiB  0x7fff0000  used     guest1, guest2
B  guest2-0   8 KiB  0x7fff1000  used     guest2
C  kept      16 KiB  0x7fff3000  kept     -
a  -          8 KiB  0x7fffe000  foreign  thief
END
}

@test "map has blocks where the locale is of UTF-8" {
    start_example
    LC_ALL=C.UTF-8 run -0 terminal 80 map
    [ "${lines[1]}" = "0x7fff0000 A███B███████C███████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░a▓▓▓▓▓▓▓" ]
    [ "${lines[2]}" = "4 cells are 4 KiB, ░ free" ]
    LC_ALL='' LANG=de_DE.utf8 run -0 terminal 80 map
    [[ $output == *░* ]]
    LANG=de_DE.utf8 run -0 terminal 80 map
    [[ $output != *░* ]]
}

@test "map fits any terminal, and says all" {
    start_example
    for columns in 20 40 80 132 500; do
        run -0 terminal "$columns" map
        whole=$(tr -d ' \n' <<<"$output")
        for text in shared_mem:64KiB 0x7fff0000 28KiBfree guest1,guest2 guest2-0 kept thief \
            foreign; do
            [[ $whole == *"$text"* ]]
        done
        [[ $whole == *A*B*C*.*a* ]]
    done
}

@test "where the terminal does not tell its width it counts as 80, and COLUMNS comes before" {
    start_example
    run -0 terminal 80 map
    whole=$output
    run -0 terminal 0 map
    [ "$output" = "$whole" ]
    COLUMNS=40 run -0 terminal 80 map
    [ "$output" = "$(terminal 40 map)" ]
    [ "$output" != "$whole" ]
    run -0 python3 "$BATS_TEST_DIRNAME/on_terminal.py" 80 env COLUMNS=nonsense "$XENSHMCTL" map
    [ "$output" = "$whole" ]
}

@test "map is a table elsewhere, and either where it is asked for" {
    start_example
    run -0 ctl map
    table=$output
    [[ ${lines[0]} == "POOL  "*"GUEST" ]]
    run -0 ctl map --table
    [ "$output" = "$table" ]
    run -0 terminal 80 map --table
    [ "$output" = "$table" ]
    run -0 terminal 80 map
    picture=$output
    [ "$picture" != "$table" ]
    run -0 ctl map --picture
    [ "$output" = "$picture" ]
    COLUMNS=40 run -0 ctl map --picture
    [ "$output" = "$(terminal 40 map)" ]
    run -0 ctl map shared_mem --picture
    [ "$output" = "$picture" ]
    run -2 --separate-stderr ctl map --picture --table
    expect_complaint "xenshmctl: map: --picture and --table exclude each other; see *"
}

@test "map --json is the same everywhere" {
    start_example
    run -0 ctl map --json
    result=$output
    run -0 ctl map --json --picture
    [ "$output" = "$result" ]
    # One line longer than the terminal is right here.
    run script -qec "'$XENSHMCTL' map --json" /dev/null </dev/null
    [ "${output%$'\r'}" = "$result" ]
}

@test "the picture has colour on a terminal, unless it is not wanted" {
    start_example
    run -0 terminal 80 map
    plain=$output
    [[ $plain != *$'\033'* ]]
    NO_COLOR='' run -0 terminal 80 map
    [[ $output == *$'\033[32mAAAABBBBBBBBCCCCCCCCCCCCCCCC\033[0m....'* ]]
    [[ $output == *$'\033[33maaaaaaaa\033[0m'* ]]
    # shellcheck disable=SC2001 # no pattern of the shell can do this
    [ "$(sed $'s/\033\\[[0-9]*m//g' <<<"$output")" = "$plain" ]
    NO_COLOR='' TERM=dumb run -0 terminal 80 map
    [ "$output" = "$plain" ]
    NO_COLOR='' run -0 ctl map --picture
    [ "$output" = "$plain" ]
}

@test "map tells work that is under way, and who waits" {
    start_canned "
answers['pool.map'] = {'runs': [run(0x1000, 2, 'used', segment='a'),
                                run(0x3000, 1, 'quarantined', segment='b', guest='g3'),
                                run(0x4000, 1, 'used', segment='c', clash=[{'name': 'thief'}])]}
answers['segment.list'] = {'segments': [
    segment('a', 0x1000, [('g1', 'attached'), ('g2', 'waiting')],
            progress={'step': 'wiping', 'done': 4096})]}
"
    run -0 terminal 80 map
    diff - <(echo "$output") <<'END'
pool: 16 KiB at 0x1000, nothing free
0x1000 AAAAAAAAAAAAAAAA~~~~~~~~!!!!!!!!
8 cells are 4 KiB
   SEGMENT   SIZE  HOST    STATE        GUESTS
A  a        8 KiB  0x1000  wiping 50%   g1, g2 (waiting)
~  b        4 KiB  0x3000  quarantined  g3
!  c        4 KiB  0x4000  clash thief  -
END
}

@test "map of several pools" {
    start_canned "
answers['pool.map'] = {'runs': [
    run(0x1000 * i, 1, 'used' if i % 2 else 'free', pool, segment='s%d' % i)
    for pool, first in (('one', 1), ('two', 11)) for i in range(first, first + 5)]}
answers['segment.list'] = {'segments': []}
"
    run -0 terminal 60 map
    diff - <(echo "$output") <<'END'
one: 20 KiB at 0x1000, 8 KiB free in 2 runs, largest 4 KiB
0x1000 AAAAAAAA........BBBBBBBB........CCCCCCCC
8 cells are 4 KiB, . free
   SEGMENT   SIZE  HOST    STATE  GUESTS
A  s1       4 KiB  0x1000  used   -
B  s3       4 KiB  0x3000  used   -
C  s5       4 KiB  0x5000  used   -

two: 20 KiB at 0xb000, 8 KiB free in 2 runs, largest 4 KiB
0xb000 AAAAAAAA........BBBBBBBB........CCCCCCCC
8 cells are 4 KiB, . free
   SEGMENT   SIZE  HOST    STATE  GUESTS
A  s11      4 KiB  0xb000  used   -
B  s13      4 KiB  0xd000  used   -
C  s15      4 KiB  0xf000  used   -
END
}

@test "map of pools that are free, and of none" {
    start_canned "
answers['pool.map'] = {'runs': []}
"
    run -0 terminal 80 map
    [ "$output" = "there is no pool" ]
    teardown
    start_daemon --guest guest1 --pool 4K --pool b=8K
    run -0 terminal 80 map
    diff - <(echo "$output") <<'END'
b: 8 KiB at 0x7fffd000, 8 KiB free
0x7fffd000 ................
8 cells are 4 KiB, . free

shared_mem: 4 KiB at 0x7ffff000, 4 KiB free
0x7ffff000 ........
8 cells are 4 KiB, . free
END
}

@test "a pool in very many pieces is drawn in few lines" {
    start_canned "
runs, address = [], 0x880000000
for i in range(100000):
    runs.append(run(address, 10, 'free' if i % 2 else 'used',
                    **({} if i % 2 else {'segment': 's%d' % i})))
    address += 10 * 4096
runs[77777] = run(0x880000000 + 77777 * 40960, 10, 'quarantined', segment='the-one')
answers = {'pool.map': {'runs': runs}, 'segment.list': {'segments': []}}
"
    run -0 terminal 80 map
    [ "${#lines[@]}" -le 60 ]
    [[ ${lines[0]} == "pool: 3.8 GiB at 0x880000000, 1.9 GiB free in 49999 runs, largest 40 KiB" ]]
    [[ $output == *"~  the-one"*"quarantined"* ]]
    [[ ${lines[-1]} == "and 49965 more: 'xenshmctl map --table'" ]]
    [ "$(grep -c '^0x.*~' <<<"$output")" -eq 1 ]
}

@test "hostile and extreme names fit, and nothing of them is lost" {
    start_canned "$hostile"
    for columns in 40 80 132; do
        for command in map list guests pools; do
            run -0 terminal "$columns" "$command"
            whole=$(tr -d ' \n' <<<"$output")
            [[ $whole == *"?[2J"* ]]
            case $command in
            map | list) texts="clash (SEGMENT) 0xfffffffff0004000 $(printf 'n%.0s' {1..63})" ;;
            guests) texts="segment-of-long-name-0, segment-of-long-name-29 32751 11.4GiB" ;;
            pools) texts="/dev/uio0 0xfffffffff0000000 1TiB" ;;
            esac
            for text in $texts; do
                [[ $whole == *"${text//[()]/}"* ]]
            done
        done
    done
}

@test "long addresses leave the room to the cells where there is little" {
    start_canned "$hostile"
    run -0 terminal 80 map
    [[ $output == *$'\n0xfffffffff0000000 !!!!!!!!........AAAAAAAA~~~~~~~~\n'* ]]
    run -0 terminal 26 map
    [[ $output == *$'\n!!!!....AAAA~~~~\n'* ]]
}

@test "elsewhere a record is one complete row" {
    start_canned "$hostile"
    run -0 ctl list
    [ "${#lines[@]}" -eq 5 ]
    [[ ${lines[3]} == *" 0xfffffffff0000000 "*" guest-with-20-letters "*" 0x000000003a000000 "* ]]
    run -0 ctl guests
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[1]} == *"segment-of-long-name-0, "*", segment-of-long-name-29" ]]
    COLUMNS=40 run -0 ctl guests
    [ "${#lines[@]}" -eq 3 ]
}

@test "list and guests at 80 columns with names of usual length" {
    start_canned "
answers['segment.list'] = {'segments': [
    segment('camera-front-left-00', 0x880000000, [('linux-guest-number-1', 'attached'),
                                                  ('linux-guest-number-2', 'waiting')],
            clash=[{'name': 'linux-guest-number-3'}]),
    segment('short', 0x880002000, [], kept=True)]}
answers['guest.list'] = {'guests': [
    {'name': 'linux-guest-number-1', 'domid': 12, 'state': 'running', 'memory': 1 << 29,
     'foreign': [], 'attachments': [{'segment': 'camera-front-left-00'}, {'segment': 'short'}]}]}
"
    run -0 terminal 80 list
    diff - <(echo "$output") <<'END'
SEGMENT               POOL  HOST          SIZE
    GUEST                 ADDRESS             STATE
camera-front-left-00  pool  0x880000000  8 KiB
    linux-guest-number-1  0x000000003a000000  clash linux-guest-number-3
    linux-guest-number-2  0x000000003a000000  waiting, clash
                                              linux-guest-number-3
short                 pool  0x880002000  8 KiB
    -                     -                   kept
END
    run -0 terminal 80 guests
    diff - <(echo "$output") <<'END'
NAME                  DOMID  STATE     MEMORY  FOREIGN  SEGMENTS
linux-guest-number-1     12  running  512 MiB        -  camera-front-left-00,
                                                        short
END
}
