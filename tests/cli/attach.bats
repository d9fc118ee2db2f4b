# SPDX-License-Identifier: LGPL-2.1-or-later
# attach and detach, from the one line that is the whole job to everything that is refused.

load common

@test "attach says what is where" {
    start_daemon --guest guest1 --pool 4K
    run -0 --separate-stderr ctl attach guest1 4K
    expect "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7ffff000)"
}

@test "a guest is named by its name, its domid or its UUID" {
    start_daemon --guest guest1 --guest guest2 --pool 64K
    domid=$(ctl --json guests | json '[g["domid"] for g in r["guests"] if g["name"] == "guest2"][0]')
    uuid=$(ctl --json guests | json '[g["uuid"] for g in r["guests"] if g["name"] == "guest2"][0]')
    run -0 --separate-stderr ctl attach "$domid" 4K
    [[ $output == "guest2-0: 4 KiB at "*" in guest2 (host "* ]]
    run -0 --separate-stderr ctl attach "$uuid" 4K
    [[ $output == "guest2-1: 4 KiB at "*" in guest2 (host "* ]]
    run -0 --separate-stderr ctl detach "$uuid" guest2-0
    expect "guest2-0: detached from guest2"
    run -0 --separate-stderr ctl detach "$domid" guest2-1
    expect "guest2-1: detached from guest2"
}

@test "sizes in bytes, K, M and G" {
    start_daemon --guest guest1 --pool 8M
    run -0 --separate-stderr ctl attach guest1 4096 --name bytes
    [[ $output == "bytes: 4 KiB at "* ]]
    run -0 --separate-stderr ctl attach guest1 8k --name kilo
    [[ $output == "kilo: 8 KiB at "* ]]
    run -0 --separate-stderr ctl attach guest1 3M --name mega
    [[ $output == "mega: 3 MiB at "* ]]
    [ -z "$stderr" ]
    run -1 --separate-stderr ctl attach guest1 1G
    expect_complaint "*262144 wanted* (POOL_FULL)"
}

@test "a size that is no whole number of pages is rounded up, with a note" {
    start_daemon --guest guest1 --pool 4M
    run -0 --separate-stderr ctl attach guest1 5000
    [[ $output == "guest1-0: 8 KiB at "* ]]
    [ "$stderr" = "xenshmctl: attach: note: 5000 bytes rounded up to 8 KiB" ]
    run -0 --separate-stderr ctl attach guest1 1
    [[ $output == "guest1-1: 4 KiB at "* ]]
    [ "$stderr" = "xenshmctl: attach: note: 1 byte rounded up to 4 KiB" ]
    # A page more than a megabyte is not "1 MiB".
    run -0 --separate-stderr ctl attach guest1 1048577
    [[ $output == "guest1-2: 1028 KiB at "* ]]
    [ "$stderr" = "xenshmctl: attach: note: 1048577 bytes rounded up to 1028 KiB" ]
}

@test "name and pool can be chosen" {
    start_daemon --guest guest1 --pool 64K --pool other=64K
    run -0 --separate-stderr ctl attach guest1 4K --name buf --pool other
    [[ $output == "buf: 4 KiB at "* ]]
    run -0 --separate-stderr ctl attach --pool=other guest1 --name=buf2 4K
    [[ $output == "buf2: 4 KiB at "* ]]
    [ "$(ctl --json list | json '[s["pool"] for s in r["segments"]]')" = "['other', 'other']" ]
}

@test "the guest address can be chosen" {
    start_daemon --guest guest1 --pool 64K
    run -0 --separate-stderr ctl attach guest1 4K --address 0x3b000000
    [[ $output == "guest1-0: 4 KiB at 0x3b000000 in guest1 (host "* ]]
}

@test "identity puts the pages where they are on the host" {
    start_daemon --guest guest1 --pool 4K
    run -0 --separate-stderr ctl attach guest1 4K --address identity
    [ "$output" = "guest1-0: 4 KiB at 0x7ffff000 in guest1 (host 0x7ffff000)" ]
    [[ -z $stderr || $stderr == "xenshmctl: attach: warning: "* ]]
}

@test "a segment is shared with one more guest" {
    start_daemon --guest guest1 --guest guest2:256M --pool 4K
    ctl attach guest1 4K
    run -0 --separate-stderr ctl attach guest2 --segment guest1-0
    expect "guest1-0: 4 KiB at 0x3a000000 in guest2 (host 0x7ffff000)"
    run -1 --separate-stderr ctl attach guest2 --segment guest1-0
    expect_complaint "xenshmctl: attach: * (ALREADY_ATTACHED)"
    run -1 --separate-stderr ctl attach guest2 --segment nothing
    expect_complaint "xenshmctl: attach: *nothing* (SEGMENT_UNKNOWN)"
}

@test "wrong sizes are refused as sizes, in one line" {
    start_daemon --guest guest1 --pool 64K
    for size in "" 0 0K -1 -4K 4X 4KB " 4K" 1.5K 0x1000 99999999999G 9223372036854775807 \
        18446744073709551616; do
        run -2 --separate-stderr ctl attach guest1 "$size"
        expect_complaint "xenshmctl: attach: size '$size' is *"
        run -2 --separate-stderr ctl --json attach guest1 -- "$size"
        expect_complaint "xenshmctl: attach: size '$size' is *"
    done
    run -0 --separate-stderr ctl --json list
    expect '{"segments":[]}'
}

@test "what is wrong with a size is said" {
    run -2 --separate-stderr ctl attach guest1 4X
    expect "" "xenshmctl: attach: size '4X' is not a number of bytes with an optional K, M or G"
    run -2 --separate-stderr ctl attach guest1 ""
    expect "" "xenshmctl: attach: size '' is not a number of bytes with an optional K, M or G"
    run -2 --separate-stderr ctl attach guest1 0
    expect_complaint "*'0' is zero; give at least one page*"
    run -2 --separate-stderr ctl attach guest1 -1
    expect_complaint "*'-1' is negative; give at least one page*"
    run -2 --separate-stderr ctl attach guest1 99999999999G
    expect_complaint "*'99999999999G' is too large*"
}

@test "an unknown guest is refused" {
    start_daemon --guest guest1 --pool 64K
    run -1 --separate-stderr ctl attach guest9 4K
    expect_complaint "xenshmctl: attach: *guest9* (GUEST_UNKNOWN)"
    run -1 --separate-stderr ctl attach "" 4K
    expect_complaint "xenshmctl: attach: *"
    run -1 --separate-stderr ctl attach -1 4K
    expect_complaint "xenshmctl: attach: * (GUEST_UNKNOWN)"
    run -1 --separate-stderr ctl detach guest9 --all
    expect_complaint "xenshmctl: detach: *guest9* (GUEST_UNKNOWN)"
}

@test "a full pool is refused, with the numbers" {
    start_daemon --guest guest1 --pool 12K
    run -1 --separate-stderr ctl attach guest1 64K
    expect_complaint "xenshmctl: attach: *3 free pages*16 wanted* (POOL_FULL)"
    ctl attach guest1 12K
    run -1 --separate-stderr ctl attach guest1 4K
    expect_complaint "xenshmctl: attach: * (POOL_FULL)"
}

@test "an unknown pool, a bad name and a bad address are the daemon's to refuse" {
    start_daemon --guest guest1 --pool 64K
    run -1 --separate-stderr ctl attach guest1 4K --pool nowhere
    expect_complaint "xenshmctl: attach: *nowhere* (POOL_UNKNOWN)"
    run -1 --separate-stderr ctl attach guest1 4K --name ../x
    expect_complaint "xenshmctl: attach: * (INVALID_PARAMS)"
    run -1 --separate-stderr ctl attach guest1 4K --address nonsense
    expect_complaint "xenshmctl: attach: * (INVALID_PARAMS)"
    run -1 --separate-stderr ctl attach guest1 4K --address 0x40000000
    expect_complaint "xenshmctl: attach: * (ADDRESS_IS_RAM)"
}

@test "attach: wrong use" {
    for words in "" "guest1" "guest1 4K extra" "guest1 4K --segment a" "guest1 4K --all" \
        "guest1 4K --name" "guest1 4K --json=yes"; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr ctl attach $words
        expect_complaint "xenshmctl: attach: *; see 'xenshmctl attach --help'"
    done
    run -2 --separate-stderr ctl attach $'g\xff' 4K
    expect_complaint "xenshmctl: attach: guest 'g?' is not valid UTF-8*"
}

@test "detach one segment, the only one, or all" {
    start_daemon --guest guest1 --guest guest2 --pool 64K
    ctl attach guest1 4K
    run -0 --separate-stderr ctl detach guest1 guest1-0
    expect "guest1-0: detached from guest1"
    ctl attach guest1 4K
    run -0 --separate-stderr ctl detach guest1
    expect "guest1-0: detached from guest1"
    ctl attach guest1 4K --name a
    ctl attach guest1 4K --name b
    ctl attach guest2 --segment a
    run -0 --separate-stderr ctl detach guest1 --all
    [ "$(sort <<<"$output")" = $'a: detached from guest1\nb: detached from guest1' ]
    [ -z "$stderr" ]
    # guest2 still has its share, and nothing else is left.
    [ "$(ctl --json list | json '[s["name"] for s in r["segments"]]')" = "['a']" ]
}

@test "detach refuses what is not attached" {
    start_daemon --guest guest1 --guest guest2 --pool 64K
    ctl attach guest1 4K --name a
    run -1 --separate-stderr ctl detach guest2 a
    expect_complaint "xenshmctl: detach: * (NOT_ATTACHED)"
    run -1 --separate-stderr ctl detach guest1 nothing
    expect_complaint "xenshmctl: detach: * (*)"
    run -2 --separate-stderr ctl detach
    expect_complaint "xenshmctl: detach: *; see 'xenshmctl detach --help'"
    run -2 --separate-stderr ctl detach guest1 a --all
    expect_complaint "xenshmctl: detach: NAME and --all *"
}

@test "freed pages are given out again" {
    start_daemon --guest guest1 --pool 4K
    for _ in 1 2 3; do
        run -0 ctl attach guest1 4K
        [ "$output" = "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7ffff000)" ]
        ctl detach guest1
    done
}
