# SPDX-License-Identifier: LGPL-2.1-or-later
# create and destroy: what becomes of the command line, of an xl configuration, and of the reply.

load common

setup()
{
    cd "$BATS_TEST_TMPDIR" || return
    echo 'name = "guest1"' >guest1.cfg
    fake_xl '{"c_info": {"name": "guest1"}, "b_info": {"max_memkb": 65536}}'
}

# An xl that prints this text, and this on stderr, and ends with that status; or that runs `code`.
# What it was called with is in the file `arguments`, a line each.
fake_xl()
{
    mkdir -p bin
    printf '%s' "$1" >xl-output
    printf '%s' "${2:-}" >xl-errors
    cat >bin/xl <<-END
		#!/bin/sh
		printf '%s\n' "\$@" >'$BATS_TEST_TMPDIR/arguments'
		cat '$BATS_TEST_TMPDIR/xl-output'
		cat '$BATS_TEST_TMPDIR/xl-errors' >&2
		${code:-}
		exit ${3:-0}
	END
    chmod +x bin/xl
    PATH=$BATS_TEST_TMPDIR/bin:${PATH#"$BATS_TEST_TMPDIR/bin:"}
}

# A daemon that replies with this member, "result" or "error", and keeps the request's line.
start_stub()
{
    start_impostor "
    request = peer.makefile().readline()
    open('$BATS_TEST_TMPDIR/request', 'w').write(request)
    if request: peer.sendall(b'''{\"jsonrpc\": \"2.0\", \"id\": 1, $1}\\n''')"
}

guest='{"name": "guest1", "domid": 5, "uuid": "c0ffee", "state": "running"}'
attachment='{"segment": "guest1-0", "pool": "shared_mem", "guest": {"name": "guest1", "domid": 5},
 "guest_address": "0x3a000000", "host_address": "0x7ffff000", "size": 4096, "state": "attached"}'
attachment=${attachment//$'\n'/}
created="\"result\": {\"guest\": $guest, \"attachments\": [$attachment]}"
bare="\"result\": {\"guest\": $guest, \"attachments\": []}"

# The value of a Python expression over the request.
request()
{
    json "$1" <request
}

@test "create says who was created and what is where" {
    start_stub "$created"
    run -0 --separate-stderr ctl create guest1.cfg 4K
    expect $'guest1: created, domid 5\nguest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7ffff000)'
    [ "$(request 'r["method"]')" = guest.create ]
    [ "$(request 'sorted(r["params"])')" = "['config', 'shares']" ]
    [ "$(request 'r["params"]["shares"]')" = "[{'size': 4096}]" ]
    [ "$(request 'r["params"]["config"]["c_info"]')" = "{'name': 'guest1'}" ]
}

@test "create without shares, and paused" {
    start_stub "${bare/running/paused}"
    run -0 --separate-stderr ctl create guest1.cfg --paused
    expect "guest1: created, domid 5, paused"
    [ "$(request '(r["params"]["shares"], r["params"]["paused"])')" = "([], True)" ]
}

@test "create: warnings are told, on stderr" {
    start_stub "${created/%\}/, \"warnings\": [\"one\", \"two\"]\}}"
    run -0 --separate-stderr ctl create guest1.cfg 4K
    [ "${lines[0]}" = "guest1: created, domid 5" ]
    [ "$stderr" = $'xenshmctl: create: warning: one\nxenshmctl: create: warning: two' ]
}

@test "create --json is the daemon's result" {
    start_stub "$created"
    run -0 --separate-stderr ctl --json create guest1.cfg 4K
    [ "$(json '(r["guest"]["domid"], r["attachments"][0]["size"])' <<<"$output")" = "(5, 4096)" ]
    [ -z "$stderr" ]
}

@test "create: options belong to the share before them" {
    start_stub "$created"
    ctl create guest1.cfg 4K --name a --pool p --address identity --segment data 8K \
        --address=0x3a001000 --segment log --address 0x3a010000 --paused 1M --name b
    [ "$(request 'r["params"]["shares"]')" = "[{'size': 4096, 'name': 'a', 'pool': 'p',\
 'address': 'identity'}, {'segment': 'data'}, {'size': 8192, 'address': '0x3a001000'},\
 {'segment': 'log', 'address': '0x3a010000'}, {'size': 1048576, 'name': 'b'}]" ]
    # Global options belong to nobody.
    ctl --json create --segment data --timeout 9 --address identity guest1.cfg
    [ "$(request 'r["params"]["shares"]')" = "[{'segment': 'data', 'address': 'identity'}]" ]
}

@test "create: options that belong to no share" {
    while IFS='|' read -r words complaint; do
        # shellcheck disable=SC2086 # several words
        run -2 --separate-stderr ctl create $words
        expect_complaint "xenshmctl: create: $complaint; see 'xenshmctl create --help'"
    done <<-END
		guest1.cfg --name a|--name stands before any share; give it after the SIZE it is for
		--pool p guest1.cfg 4K|--pool stands before any share; give it after the SIZE it is for
		guest1.cfg --address identity 4K|--address stands before any share; give it after the SIZE or --segment it is for
		guest1.cfg 4K --name a --name b|--name is given twice for one share
		guest1.cfg 4K --address identity --address identity|--address is given twice for one share
		guest1.cfg --segment data --name a|--name is for a SIZE, segment 'data' has its own
		guest1.cfg 4K --segment data --pool p|--pool is for a SIZE, segment 'data' has its own
		guest1.cfg 4K --all|unknown option '--all'
		guest1.cfg --paused=yes|option '--paused=yes' takes no value
		|an argument is missing: *
	END
    [ ! -e arguments ] # xl was not asked
}

@test "create: sizes are those of attach" {
    for size in 0 -4K 4X ""; do
        run -2 --separate-stderr ctl create guest1.cfg "$size"
        expect_complaint "xenshmctl: create: size '$size' is *"
    done
    start_stub "$created"
    run -0 --separate-stderr ctl create guest1.cfg 5000
    [ "$stderr" = "xenshmctl: create: note: 5000 bytes rounded up to 8 KiB" ]
    [ "$(request 'r["params"]["shares"]')" = "[{'size': 8192}]" ]
}

@test "create: KEY=VALUE goes to xl, the file whatever its name" {
    start_stub "$created"
    ctl create guest1.cfg memory=64 4K 'extra="a = b"'
    [ "$(cat arguments)" = $'create\n--dryrun\n--quiet\n-f\nguest1.cfg\n--\nmemory=64\nextra="a = b"' ]
    [ "$(request 'r["params"]["shares"]')" = "[{'size': 4096}]" ]
    cp guest1.cfg ./-a=b.cfg
    ctl create -- -a=b.cfg
    [ "$(sed -n 5p arguments)" = "-a=b.cfg" ]
}

@test "create: relative paths count from the folder of CONFIG" {
    mkdir folder
    cp guest1.cfg folder
    fake_xl '{"b_info": {"kernel": "Image", "ramdisk": "/boot/initrd", "bootloader": "pygrub"},
              "disks": [{"pdev_path": "disk.img"}, {"pdev_path": "x", "script": "block-nbd"}]}'
    start_stub "$created"
    where=$(realpath .)
    ctl create folder/guest1.cfg
    [ "$(request 'r["params"]["config"]["b_info"]')" = "{'kernel': '$where/folder/Image',\
 'ramdisk': '/boot/initrd', 'bootloader': 'pygrub'}" ]
    [ "$(request '[d["pdev_path"] for d in r["params"]["config"]["disks"]]')" = \
        "['$where/folder/disk.img', 'x']" ]
    ctl create guest1.cfg
    [ "$(request 'r["params"]["config"]["b_info"]["kernel"]')" = "$where/Image" ]
    # As for xl: everything is in KEY=VALUE.
    ctl create /dev/null 'kernel="Image"'
    [ "$(request 'r["params"]["config"]["b_info"]["kernel"]')" = "$where/Image" ]
}

@test "create: what xl refuses is said in its words" {
    fake_xl "" $'guest1.cfg:1: config parsing error near `1\'\nFailed to parse config' 1
    run -1 --separate-stderr ctl create guest1.cfg 4K
    expect "" "xenshmctl: create: xl: guest1.cfg:1: config parsing error near \`1'
xenshmctl: create: xl: Failed to parse config"
    fake_xl "" "" 2
    run -1 --separate-stderr ctl create guest1.cfg
    expect "" "xenshmctl: create: xl could not translate 'guest1.cfg', and did not say why (exit status 2)"
    # shellcheck disable=SC2016 # for that shell
    code='kill -SEGV $$' fake_xl ""
    run -1 --separate-stderr ctl create guest1.cfg
    expect_complaint "xenshmctl: create: xl could not translate 'guest1.cfg': it was killed by signal 11 (*)"
}

@test "create: a warning of xl is passed on" {
    start_stub "$created"
    fake_xl '{"c_info": {}}' $'deprecated\nthing\e\n'
    run -0 --separate-stderr ctl create guest1.cfg
    [ "$stderr" = $'xenshmctl: create: xl: deprecated\nxenshmctl: create: xl: thing?' ]
}

@test "create: no xl" {
    mkdir empty
    run -1 --separate-stderr env PATH="$BATS_TEST_TMPDIR/empty" "$XENSHMCTL" create guest1.cfg
    expect_complaint "xenshmctl: create: cannot run xl, which translates the configuration: No such\
 file or directory; is this Dom0, and its folder in PATH? libxl's JSON is taken by 'xenshmctl create -'"
}

@test "create: an xl that prints SXP, nonsense, or nothing" {
    fake_xl $'(domain\n    (domid -1)\n)'
    run -1 --separate-stderr ctl create guest1.cfg
    expect "" "xenshmctl: create: xl prints SXP instead of JSON; set output_format=\"json\" in /etc/xen/xl.conf, or remove that line"
    fake_xl $'{\n  "a": nonsense\n}'
    run -1 --separate-stderr ctl create guest1.cfg
    expect_complaint "xenshmctl: create: what xl prints is not JSON: line 2, column 15: *"
    fake_xl ""
    run -1 --separate-stderr ctl create guest1.cfg
    expect_complaint "xenshmctl: create: what xl prints is not JSON: line 1, column 0: *"
    fake_xl "[]"
    run -1 --separate-stderr ctl create guest1.cfg
    expect_complaint "xenshmctl: create: what xl prints is not libxl's JSON of a domain*"
}

@test "create: an xl that does not end, or prints without end" {
    code="exec sleep 60" fake_xl ""
    run -1 --separate-stderr ctl --timeout 1 create guest1.cfg
    expect_complaint "xenshmctl: create: xl did not translate the configuration within 1 s*"
    code="exec cat /dev/zero" fake_xl ""
    run -1 --separate-stderr ctl create guest1.cfg
    expect_complaint "xenshmctl: create: what xl prints is longer than 16 MiB*"
}

@test "create -: JSON from standard input, taken as it is" {
    start_stub "$created"
    run -0 --separate-stderr ctl create - 4K <<<'{"b_info": {"kernel": "Image"}, "x": [1, null]}'
    [ "${lines[0]}" = "guest1: created, domid 5" ]
    [ -z "$stderr" ]
    [ "$(request 'r["params"]["config"]')" = "{'b_info': {'kernel': 'Image'}, 'x': [1, None]}" ]
    [ ! -e arguments ]
}

@test "create -: what is no object, with its position" {
    while IFS='|' read -r text complaint; do
        run -1 --separate-stderr ctl create - <<<"$text"
        expect_complaint "xenshmctl: create: standard input is not $complaint"
    done <<-'END'
		|JSON: line 2, column 0: *
		{"a": }|JSON: line 1, column 7: *
		{"a": 1, "a": 2}|JSON: line 1, column *: duplicate *
		{} {}|JSON: line 1, column 4: *
		[1]|libxl's JSON of a domain, which is an object {...}
		"text"|libxl's JSON of a domain, which is an object {...}
	END
    run -1 --separate-stderr bash -c "'$XENSHMCTL' create - <&-"
    expect_complaint "xenshmctl: create: cannot read standard input: *"
    run -2 --separate-stderr ctl create - memory=64 <<<"{}"
    expect_complaint "xenshmctl: create: 'memory=64' is for xl, but JSON on standard input is taken as it is*"
}

@test "create: a configuration that does not fit into a request" {
    # A megabyte, as a daemon never sees it.
    fake_xl "{\"b_info\": {\"cmdline\": \"$(head -c 1048576 /dev/zero | tr '\0' x)\"}}"
    run -1 --separate-stderr ctl create guest1.cfg 4K
    expect_complaint "xenshmctl: create: 'guest1.cfg' makes a request of 1048??? bytes, xenshmd takes at most 262144; shorten the configuration"
    run -1 --separate-stderr ctl create - <xl-output
    expect_complaint "xenshmctl: create: 'standard input' makes a request of 1048??? bytes, *"
    run -1 --separate-stderr ctl create - < <(head -c 20000000 /dev/zero)
    expect_complaint "xenshmctl: create: standard input is longer than 16 MiB*"
}

@test "create: the longest request fits, a byte more does not" {
    start_stub "$bare"
    # Everything but the text, with a 256 KiB line in mind.
    ctl create - <<<'{"x": ""}'
    room=$((262144 - $(tr -d '\n' <request | wc -c)))
    text=$(head -c $room /dev/zero | tr '\0' x)
    run -0 --separate-stderr ctl create - <<<"{\"x\": \"$text\"}"
    expect "guest1: created, domid 5"
    [ "$(tr -d '\n' <request | wc -c)" -eq 262144 ]
    run -1 --separate-stderr ctl create - <<<"{\"x\": \"y$text\"}"
    expect_complaint "*makes a request of 262145 bytes*"
}

@test "create and destroy: refusals of the daemon" {
    start_stub '"error": {"code": 22, "message": "config: no name", "data": {"name": "CONFIG_INVALID"}}'
    run -1 --separate-stderr ctl create guest1.cfg 4K
    expect "" "xenshmctl: create: config: no name (CONFIG_INVALID)"
    run -1 --separate-stderr ctl destroy guest1
    expect "" "xenshmctl: destroy: config: no name (CONFIG_INVALID)"
}

@test "create and destroy: the daemon goes on after a timeout" {
    start_impostor "time.sleep(60)"
    for words in "create guest1.cfg" "destroy guest1"; do
        # shellcheck disable=SC2086 # several words
        run -3 --separate-stderr ctl --timeout 1 $words
        expect "" "xenshmctl: ${words%% *}: no answer from xenshmd at $XENSHM_SOCKET within 1 s; it goes on with what it has begun, see 'xenshmctl guests'"
    done
    run -3 --separate-stderr ctl --timeout 1 attach guest1 4K
    expect_complaint "*; the request may still be carried out, see the daemon's log"
}

@test "destroy" {
    start_stub "\"result\": {\"guest\": $guest}"
    run -0 --separate-stderr ctl destroy guest1
    expect "guest1: destroyed"
    [ "$(request '(r["method"], r["params"])')" = "('guest.destroy', {'guest': 'guest1'})" ]
    run -0 --separate-stderr ctl --json destroy 5
    [ "$(json 'r["guest"]["name"]' <<<"$output")" = guest1 ]
    [ "$(request 'r["params"]')" = "{'guest': '5'}" ]
    run -2 --separate-stderr ctl destroy
    expect_complaint "xenshmctl: destroy: an argument is missing: GUEST*"
    run -2 --separate-stderr ctl destroy guest1 guest2
    expect_complaint "xenshmctl: destroy: unexpected argument 'guest2'*"
    run -2 --separate-stderr ctl destroy guest1 --all
    expect_complaint "xenshmctl: destroy: unknown option '--all'*"
}

@test "names in a reply are made printable" {
    start_stub '"result": {"guest": {"name": "g\\u001b[1m", "domid": 5}, "attachments": []}'
    run -0 --separate-stderr ctl create guest1.cfg
    expect "g?[1m: created, domid 5"
    run -0 --separate-stderr ctl destroy 5
    expect "g?[1m: destroyed"
}

# ---- with the daemon itself

# A daemon, and a configuration that it can create a guest from.
start_creator()
{
    : >vmlinuz
    fake_xl '{"c_info": {"type": "pvh", "name": "guest1"},
        "b_info": {"type.pvh": {}, "max_memkb": 65536, "kernel": "vmlinuz"}}'
    start_daemon "$@"
}

@test "a guest is created with its share, and destroyed" {
    start_creator --pool 4K
    run -0 --separate-stderr ctl create guest1.cfg 4K
    expect_match "${lines[0]}" 'guest1: created, domid [0-9]+'
    [ "${lines[1]}" = "guest1-0: 4 KiB at 0x3a000000 in guest1 (host 0x7ffff000)" ]
    [ "${#lines[@]}" -eq 2 ]
    [ -z "$stderr" ]
    [ "$(ctl --json guests | json '[g["state"] for g in r["guests"]]')" = "['running']" ]
    run -0 --separate-stderr ctl destroy guest1
    expect "guest1: destroyed"
    run -0 --separate-stderr ctl --json list
    expect '{"segments":[]}'
    run -1 --separate-stderr ctl destroy guest1
    expect_complaint "xenshmctl: destroy: *guest1* (GUEST_UNKNOWN)"
}

@test "a guest is created paused, with a kept segment" {
    start_creator --pool 64K
    ctl alloc data 8K
    run -0 --separate-stderr ctl create guest1.cfg --paused --segment data 4K --name own
    expect_match "${lines[0]}" 'guest1: created, domid [0-9]+, paused'
    [[ ${lines[1]} == "data: 8 KiB at 0x3a00"*" in guest1 (host 0x7fff"*")" ]]
    [[ ${lines[2]} == "own: 4 KiB at 0x3a00"*" in guest1 (host 0x7fff"*")" ]]
    ctl destroy guest1
    [ "$(ctl --json list | json '[s["name"] for s in r["segments"]]')" = "['data']" ]
}

@test "a refused creation leaves nothing" {
    start_creator --pool 4K
    run -1 --separate-stderr ctl create guest1.cfg 4K 4K
    expect_complaint "xenshmctl: create: * (POOL_FULL)"
    run -1 --separate-stderr ctl create guest1.cfg --segment nothing
    expect_complaint "xenshmctl: create: *nothing* (SEGMENT_UNKNOWN)"
    [ "$(ctl --json guests | json 'r["guests"]')" = "[]" ]
    [ "$(ctl --json list | json 'r["segments"]')" = "[]" ]
}
