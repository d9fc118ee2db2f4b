# SPDX-License-Identifier: LGPL-2.1-or-later
# list, pools, guests, map and status, as people read them.

load common

# Two guests, one segment shared, one not.
setup()
{
    start_daemon --guest guest1:128M --guest guest2:256M --pool 16K
    ctl attach guest1 4K --name shared
    ctl attach guest2 --segment shared
    ctl attach guest2 8K
}

@test "list has a row for each attachment" {
    run -0 --separate-stderr ctl list
    output=$(sort <<<"$output") # the order is the daemon's affair
    expect "\
SEGMENT   POOL        HOST         SIZE  GUEST   ADDRESS     STATE
guest2-0  shared_mem  0x7fffd000  8 KiB  guest2  0x3a001000  attached
shared    shared_mem  0x7fffc000  4 KiB  guest1  0x3a000000  attached
shared    shared_mem  0x7fffc000  4 KiB  guest2  0x3a000000  attached"
}

@test "list fits 80 columns" {
    run -0 ctl list
    for line in "${lines[@]}"; do
        [ "${#line}" -le 80 ]
    done
}

@test "list of one segment" {
    run -0 --separate-stderr ctl list guest2-0
    expect "\
SEGMENT   POOL        HOST         SIZE  GUEST   ADDRESS     STATE
guest2-0  shared_mem  0x7fffd000  8 KiB  guest2  0x3a001000  attached"
    run -1 --separate-stderr ctl list nothing
    expect_complaint "xenshmctl: list: *nothing* (SEGMENT_UNKNOWN)"
    run -2 --separate-stderr ctl list a b
    expect_complaint "xenshmctl: list: unexpected argument 'b'*"
}

@test "pools" {
    run -0 --separate-stderr ctl pools
    [ "${#lines[@]}" -eq 2 ]
    expect_match "${lines[0]}" 'NAME +DEVICE +HOST +SIZE +FREE +LARGEST'
    expect_match "${lines[1]}" 'shared_mem +[^ ]+ +0x7fffc000 +16 KiB +4 KiB +4 KiB'
    [ -z "$stderr" ]
}

@test "guests" {
    run -0 --separate-stderr ctl guests
    [ "${#lines[@]}" -eq 3 ]
    expect_match "${lines[0]}" 'NAME +DOMID +STATE +MEMORY +FOREIGN +SEGMENTS'
    expect_match "${lines[1]}" 'guest1 +[0-9]+ +running +128 MiB +- +shared'
    expect_match "${lines[2]}" 'guest2 +[0-9]+ +running +256 MiB +- +[a-z0-9-]+, [a-z0-9-]+'
    [[ ${lines[2]} == *guest2-0* && ${lines[2]} == *shared* ]]
    [ -z "$stderr" ]
}

@test "map covers the pool" {
    run -0 --separate-stderr ctl map
    [ "${#lines[@]}" -eq 4 ]
    expect_match "${lines[0]}" 'POOL +HOST +SIZE +STATE +SEGMENT +GUEST'
    expect_match "${lines[1]}" 'shared_mem +0x7fffc000 +4 KiB +used +shared +.*'
    expect_match "${lines[2]}" 'shared_mem +0x7fffd000 +8 KiB +used +guest2-0 +.*'
    expect_match "${lines[3]}" 'shared_mem +0x7ffff000 +4 KiB +free +- +-'
    whole=$output
    run -0 ctl map shared_mem
    [ "$output" = "$whole" ]
    run -1 --separate-stderr ctl map nowhere
    expect_complaint "xenshmctl: map: *nowhere* (POOL_UNKNOWN)"
}

@test "status is lines of key: value" {
    run -0 --separate-stderr ctl status
    [ -z "$stderr" ]
    [ "${#lines[@]}" -gt 3 ]
    for line in "${lines[@]}"; do
        expect_match "$line" '[a-z][A-Za-z0-9_.]*: .+'
    done
    [[ $output == *"version: "* ]]
    [[ $output == *"uptime"* ]]
}

@test "nothing to list leaves the headings" {
    ctl detach guest1 --all
    ctl detach guest2 --all
    run -0 --separate-stderr ctl list
    expect "SEGMENT  POOL  HOST  SIZE  GUEST  ADDRESS  STATE"
}

@test "commands without arguments take none" {
    for command in pools guests status; do
        run -2 --separate-stderr ctl "$command" extra
        expect_complaint "xenshmctl: $command: unexpected argument 'extra'*"
    done
}
