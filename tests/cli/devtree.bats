# SPDX-License-Identifier: LGPL-2.1-or-later
# xenshmctl dt: device trees in files, read back with the tools of dtc.

load common

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

# make_tree FILE [MORE SOURCE]: a board with 2 GiB at 0 and 2 GiB at 32 GiB.
make_tree()
{
    dtc -q -I dts -O dtb -o "$1" - <<END
/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    chosen { xen,dom0-bootargs = "console=hvc0"; };
    memory@0 { device_type = "memory"; reg = <0 0 0 0x80000000>, <8 0 0 0x80000000>; };
    ${2-}
};
END
}

@test "dt reserve: the classic page" {
    make_tree in.dtb
    run -0 --separate-stderr ctl dt reserve --size 4K in.dtb -o out.dtb
    expect "shared_mem: 4 KiB at 0x7ffff000"
    [ "$(fdtget -t x out.dtb /memory@0 reg)" = "0 0 0 7ffff000 8 0 0 80000000" ]
    [ "$(fdtget -t x out.dtb /shared_mem@7ffff000 reg)" = "0 7ffff000 0 1000" ]
    [ "$(fdtget out.dtb /shared_mem@7ffff000 compatible)" = uio-dev ]
    [ "$(fdtget out.dtb /chosen xen,dom0-bootargs)" = "console=hvc0 uio_pdrv_genirq.of_id=uio-dev" ]
    [ "$(echo *.dtb*)" = "in.dtb out.dtb" ]
}

@test "dt reserve: again changes nothing, also in place" {
    make_tree tree.dtb
    chmod 600 tree.dtb
    ln -s tree.dtb link.dtb
    run -0 ctl dt reserve --size 1M --count 2 link.dtb --output link.dtb
    [ -L link.dtb ]
    [ "$(stat -c %a tree.dtb)" = 600 ]
    cp tree.dtb first.dtb
    run -0 --separate-stderr ctl dt reserve --size 1M --count 2 tree.dtb -o tree.dtb
    expect "shared_mem: 1 MiB at 0x7ff00000, there already
shared_mem-1: 1 MiB at 0x7fe00000, there already"
    cmp tree.dtb first.dtb
    run -0 --separate-stderr ctl dt reserve --size 4K --name other --at 0x10000000 tree.dtb -o tree.dtb
    expect "other: 4 KiB at 0x10000000" \
        "xenshmctl: dt reserve: note: xenshmd looks for shared_mem*; name other in [pools] names of xenshmd.conf"
    [ "$(fdtget -t x tree.dtb /memory@0 reg)" = "0 0 0 10000000 0 10001000 0 6fdff000 8 0 0 80000000" ]
}

@test "dt reserve: as source and as overlay" {
    make_tree in.dtb
    run -0 ctl dt reserve --size 4K in.dtb -o out.dtb
    run -0 --separate-stderr ctl dt reserve --size 4K in.dtb --dts
    [ -z "$stderr" ]
    (dtc -q -I dtb -O dts in.dtb && echo "$output") | dtc -q -I dts -O dtb -o source.dtb
    dtc -q -s -I dtb -O dts -o source.dts source.dtb
    dtc -q -s -I dtb -O dts -o out.dts out.dtb
    diff source.dts out.dts
    run -0 --separate-stderr ctl --json dt reserve --size 4K in.dtb --overlay -o out.dtbo
    [ "$(json 'r["pools"][0]["host_address"], r["changed"]' <<<"$output")" = "0x7ffff000 True" ]
    fdtoverlay -i in.dtb -o overlaid.dtb out.dtbo
    dtc -q -s -I dtb -O dts overlaid.dtb | diff - out.dts
}

@test "dt reserve: refusals" {
    make_tree in.dtb "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
        firmware@1000 { reg = <0 0x1000 0 0x1000>; }; };"
    run -1 --separate-stderr ctl dt reserve --size 4K --at 0x1000 in.dtb -o out.dtb
    expect "" "xenshmctl: dt reserve: in.dtb: 0x1000 to 0x1fff overlaps /reserved-memory/firmware@1000, \
0x1000 to 0x1fff (PAGES_HELD)"
    run -1 --separate-stderr ctl dt reserve --size 8G in.dtb -o out.dtb
    expect_complaint "xenshmctl: dt reserve: in.dtb: no bank of memory has 0x200000000 * (CONFIG_INVALID)"
    run -1 --separate-stderr ctl dt reserve --size 4K none.dtb -o out.dtb
    expect_complaint "xenshmctl: dt reserve: cannot read 'none.dtb': No such file or directory"
    run -1 --separate-stderr ctl dt reserve --size 4K . -o out.dtb
    expect_complaint "xenshmctl: dt reserve: cannot read '.': Is a directory"
    run -1 --separate-stderr ctl dt reserve --size 4K in.dtb -o none/out.dtb
    expect_complaint "xenshmctl: dt reserve: cannot write 'none/out.dtb': No such file or directory"
    run -1 --separate-stderr ctl dt reserve --size 4K in.dtb -o /dev/null
    expect_complaint "xenshmctl: dt reserve: cannot write '/dev/null': it is not a regular file"
    [ "$(echo *.dtb*)" = in.dtb ]
}

@test "dt: what is no device tree" {
    make_tree in.dtb
    for size in 0 10 40 100 200; do
        head -c $size in.dtb >cut.dtb
        run -1 --separate-stderr ctl dt check cut.dtb
        expect_complaint "xenshmctl: dt check: cut.dtb: * (CONFIG_INVALID)"
        run -1 --separate-stderr ctl dt reserve --size 4K cut.dtb -o out.dtb
        expect_complaint "xenshmctl: dt reserve: cut.dtb: * (CONFIG_INVALID)"
    done
    head -c 3M /dev/zero >large.dtb
    run -1 --separate-stderr ctl dt check large.dtb
    expect_complaint "*larger than the 2 MiB*"
    run -1 --separate-stderr ctl dt check /dev/zero
    expect_complaint "*larger than the 2 MiB*"
    [ ! -e out.dtb ]
}

@test "dt reserve: usage" {
    make_tree in.dtb
    run -2 --separate-stderr ctl dt reserve in.dtb -o out.dtb
    expect_complaint "*how many pages? give --size SIZE*"
    run -2 --separate-stderr ctl dt reserve --size 4K in.dtb
    expect_complaint "*where to? give --output FILE or --dts*"
    run -2 --separate-stderr ctl dt reserve --size 0 in.dtb --dts
    expect_complaint "*size '0' is zero*"
    run -2 --separate-stderr ctl dt reserve --size 4K --at 7ffff000 in.dtb --dts
    expect_complaint "*'7ffff000' is not an address*"
    for count in 0 x 65 -1 ""; do
        run -2 --separate-stderr ctl dt reserve --size 4K --count "$count" in.dtb --dts
        expect_complaint "*count '$count' is not a number from 1 to 64*"
    done
    run -2 --separate-stderr ctl dt reserve --size 4K
    expect_complaint "*an argument is missing*"
    run -2 --separate-stderr ctl dt reserve --size 4K in.dtb -o
    expect_complaint "*option '-o' needs a value*"
    [ "$(echo *.dtb*)" = in.dtb ]
}

@test "dt: help of the group" {
    run -2 --separate-stderr ctl dt
    [ -z "$output" ]
    [[ ${stderr_lines[0]} == "usage: xenshmctl dt COMMAND" ]]
    run -0 --separate-stderr ctl dt --help
    for command in reserve check guest; do
        [[ $output == *$'\n'"  dt $command "* ]]
    done
    whole=$output
    run -0 ctl help dt
    [ "$output" = "$whole" ]
    run -0 ctl help dt reserve
    whole=$output
    run -0 ctl dt reserve --help
    [ "$output" = "$whole" ]
    run -2 --separate-stderr ctl dt frob
    expect_complaint "xenshmctl: unknown command 'dt frob'*"
    run -2 --separate-stderr ctl dt chek in.dtb
    expect_complaint "*(did you mean 'dt check'?)*"
}

@test "dt check" {
    make_tree in.dtb
    run -1 --separate-stderr ctl dt check in.dtb
    expect "in.dtb: /: no node is called shared_mem*; \`xenshmctl dt reserve\` makes one"
    run -0 ctl dt reserve --size 4K in.dtb -o out.dtb
    run -0 --separate-stderr ctl dt check out.dtb
    expect "out.dtb: 1 node of shared memory, no mistake found"
    run -0 --separate-stderr ctl --json dt check out.dtb
    expect '{"pools":1,"findings":[]}'
    # What a boot loader does that fills in the memory by itself.
    fdtput -t x out.dtb /memory@0 reg 0 0 0 80000000
    fdtput -t s out.dtb /chosen xen,dom0-bootargs quiet
    run -1 --separate-stderr ctl dt check out.dtb
    expect "out.dtb: /shared_mem@7ffff000: 0x7ffff000 to 0x7fffffff is still in /memory@0, so Linux uses it; \
end the memory below it, or split it around it
out.dtb: /chosen: Dom0's arguments (xen,dom0-bootargs) have no uio_pdrv_genirq.of_id, without which the driver \
takes no node; add uio_pdrv_genirq.of_id= and the pools' compatible string"
    run -1 --separate-stderr ctl --json dt check out.dtb
    [ "$(json '[f["rule"] for f in r["findings"]]' <<<"$output")" = "['memory', 'of-id']" ]
    run -1 --separate-stderr ctl dt check --name 'none*' out.dtb
    expect "out.dtb: /: no node is called none*; \`xenshmctl dt reserve\` makes one"
    run -0 ctl dt reserve --size 4K out.dtb -o out.dtb
    run -0 ctl dt check --compatible uio-dev out.dtb
}

@test "dt guest" {
    start_daemon --guest guest1 --pool 1M
    run -0 ctl alloc first 4K
    run -0 ctl alloc second 64K
    run -0 --separate-stderr ctl dt guest first second -o guest.dtb
    expect 'iomem = [ "0x7ff00,1@0x3a000", "0x7ff01,0x10@0x3a001" ]
device_tree = "guest.dtb"'
    [ "$(fdtget -t x guest.dtb /passthrough/first@3a000000 reg)" = "0 3a000000 0 1000" ]
    [ "$(fdtget -t x guest.dtb /passthrough/second@3a001000 reg)" = "0 3a001000 0 10000" ]
    [ "$(fdtget guest.dtb /passthrough/first@3a000000 compatible)" = uio-dev ]
    [ "$(fdtget guest.dtb /passthrough compatible)" = simple-bus ]
    [ "$(fdtget -p guest.dtb /passthrough)" = $'compatible\nranges\n#address-cells\n#size-cells' ]
    # Where attaching would place it.
    run -0 --separate-stderr ctl attach guest1 --segment second
    [[ $output == "second: 64 KiB at 0x3a001000 in guest1 "* ]]
}

@test "dt guest: as source, elsewhere, and refusals" {
    start_daemon --guest guest1 --pool 4K
    run -0 ctl alloc data 4K
    run -0 --separate-stderr ctl dt guest data --dts --compatible generic-uio --address 0x3b000000
    [[ ${lines[1]} == '/* iomem = [ "0x7ffff,1@0x3b000" ] */' ]]
    dtc -q -I dts -O dtb -o guest.dtb <<<"$output"
    [ "$(fdtget -t x guest.dtb /passthrough/data@3b000000 reg)" = "0 3b000000 0 1000" ]
    run -0 ctl --json dt guest data -o guest.dtb
    [ "$output" = '{"iomem":["0x7ffff,1@0x3a000"]}' ]
    run -1 --separate-stderr ctl dt guest none -o guest2.dtb
    expect_complaint "xenshmctl: dt guest: * (SEGMENT_UNKNOWN)"
    run -1 --separate-stderr ctl dt guest data data -o guest2.dtb
    expect "" "xenshmctl: dt guest: data is given twice (CONFIG_INVALID)"
    run -2 --separate-stderr ctl dt guest data data -o guest2.dtb --address 0x3b000000
    expect_complaint "*--address places one segment*"
    run -2 --separate-stderr ctl dt guest data
    expect_complaint "*where to? give --output FILE or --dts*"
    run -3 --separate-stderr ctl --socket none dt guest data -o guest2.dtb
    expect_complaint "*cannot reach xenshmd at none*"
    [ ! -e guest2.dtb ]
}

@test "dt guest: added to the guest's own tree" {
    start_daemon --guest guest1 --pool 1M
    run -0 ctl alloc data 4K
    run -0 ctl alloc serial 4K
    dtc -q -I dts -O dtb -o own.dtb - <<'END'
/dts-v1/;
/ {
    aliases { serial1 = &uart; };
    passthrough {
        compatible = "simple-bus";
        ranges;
        #address-cells = <1>;
        #size-cells = <1>;
        uart: serial@ff010000 {
            compatible = "xlnx,xuartps";
            reg = <0xff010000 0x1000>;
            interrupts = <0 22 4>;
        };
    };
};
END
    cp own.dtb guest.dtb
    run -0 --separate-stderr ctl dt guest data --base guest.dtb -o guest.dtb
    expect 'iomem = [ "0x7ff00,1@0x3a000" ]
device_tree = "guest.dtb"'
    [ "$(fdtget -l guest.dtb /passthrough)" = $'serial@ff010000\ndata@3a000000' ]
    [ "$(fdtget -t x guest.dtb /passthrough/data@3a000000 reg)" = "3a000000 1000" ]
    # Nothing else has changed.
    fdtput -r guest.dtb /passthrough/data@3a000000
    [ "$(dtc -q -I dtb -O dts guest.dtb)" = "$(dtc -q -I dtb -O dts own.dtb)" ]
    run -0 --separate-stderr ctl dt guest data --base own.dtb --dts
    dtc -q -I dts -O dtb -o again.dtb <<<"$output"
    [ "$(fdtget -t x again.dtb /aliases serial1)" = "$(fdtget -t x own.dtb /aliases serial1)" ]
    [ "$(fdtget -t x again.dtb /passthrough/data@3a000000 reg)" = "3a000000 1000" ]

    run -1 --separate-stderr ctl dt guest serial --base own.dtb -o guest2.dtb
    expect "" "xenshmctl: dt guest: own.dtb: serial: /passthrough has a node of this name already; use another name \
(CONFIG_INVALID)"
    run -1 --separate-stderr ctl dt guest data --address 0xff010000 --base own.dtb -o guest2.dtb
    expect "" "xenshmctl: dt guest: own.dtb: data at 0xff010000 overlaps /passthrough/serial@ff010000 (0x1000 bytes at \
0xff010000); place it elsewhere (ADDRESS_IN_USE)"
    run -1 --separate-stderr ctl dt guest data --base none.dtb -o guest2.dtb
    expect_complaint "*cannot read 'none.dtb': No such file or directory*"
    run -1 --separate-stderr ctl dt guest data --base /dev/null -o guest2.dtb
    expect_complaint "*/dev/null: not a device tree: 0 bytes are less than a header*"
    [ ! -e guest2.dtb ]
}
