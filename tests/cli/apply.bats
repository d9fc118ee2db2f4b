# SPDX-License-Identifier: LGPL-2.1-or-later
# apply and export: what they print, and what they say of files that are no layouts.

load common

setup()
{
    layout=$BATS_TEST_TMPDIR/layout.json
}

# A layout with these segments: JSON with ' for ".
write_layout()
{
    echo "{'version': 1, 'segments': [$1]}" | tr "'" '"' >"$layout"
}

@test "a plan, carried out once" {
    start_daemon --guest guest1 guest2 --pool 1M
    write_layout "{'name': 'data', 'size': '64K', 'guests': [
        {'guest': 'guest1'}, {'guest': 'guest2', 'address': '0x3a800000'}]},
        {'name': 'lease', 'size': 8192, 'kept': false, 'guests': [{'guest': 2}]}"
    plan="+ alloc data 64 KiB
+ attach data to guest1
+ attach data to guest2 at 0x3a800000
+ attach lease 8 KiB to guest2"
    run -0 --separate-stderr ctl apply "$layout" --dry-run
    expect "$plan"
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 1 ]
    run -0 --separate-stderr ctl apply "$layout"
    expect "$plan"
    run -0 --separate-stderr ctl apply "$layout"
    expect "nothing to do"
    run -0 --separate-stderr ctl apply - <"$layout"
    expect "nothing to do"
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 4 ]
    write_layout "{'name': 'data', 'size': '64K', 'guests': [{'guest': 'guest1'}]}"
    run -0 --separate-stderr ctl apply --prune "$layout"
    expect "- detach data from guest2 at 0x3a800000
- detach lease from guest2 at 0x3a010000"
    write_layout ""
    run -0 --separate-stderr ctl apply --prune --dry-run "$layout"
    expect "- detach data from guest1 at 0x3a000000
- free data 64 KiB"
}

@test "export prints a layout that has nothing to do" {
    start_daemon --guest guest1 --pool 1M
    run -0 --separate-stderr ctl export
    expect '{
  "version": 1,
  "segments": []
}'
    ctl alloc data 1M
    ctl attach guest1 --segment data
    run -0 --separate-stderr ctl export
    expect '{
  "version": 1,
  "segments": [
    {
      "name": "data",
      "size": "1M",
      "pool": "shared_mem",
      "kept": true,
      "guests": [
        {
          "guest": "guest1",
          "address": "0x3a000000"
        }
      ]
    }
  ]
}'
    ctl export >"$layout"
    run -0 --separate-stderr ctl apply "$layout" --prune
    expect "nothing to do"
    ctl --json export >"$layout"
    [ "$(wc -l <"$layout")" -eq 1 ]
    run -0 --separate-stderr ctl apply "$layout" --prune
    expect "nothing to do"
}

@test "a plan as JSON" {
    start_daemon --guest guest1 --pool 1M
    write_layout "{'name': 'data', 'size': '64K', 'guests': [{'guest': 'guest1'}]}"
    run -0 --separate-stderr ctl --json apply --dry-run "$layout"
    [ "${#lines[@]}" -eq 1 ]
    [ "$(json '[s["action"] for s in r["steps"]], r["applied"]' <<<"$output")" = \
        "['alloc', 'attach'] False" ]
    run -0 --separate-stderr ctl --json apply "$layout"
    [ "$(json 'r["steps"][1]["address"], r["applied"]' <<<"$output")" = "0x3a000000 True" ]
    run -0 --separate-stderr ctl --json apply "$layout"
    expect '{"steps":[],"applied":true}'
}

@test "sizes are rounded up, with a note" {
    start_daemon --guest guest1 --pool 1M
    write_layout "{'name': 'data', 'size': 5000, 'guests': []}"
    run -0 --separate-stderr ctl apply "$layout"
    expect "+ alloc data 8 KiB" "xenshmctl: apply: note: segment 'data': 5000 bytes rounded up to 8 KiB"
}

@test "files that are no layouts, and the place" {
    start_daemon --guest guest1 --pool 1M
    ctl alloc kept 4K
    run -1 --separate-stderr ctl apply --prune /dev/null
    expect_complaint "xenshmctl: apply: /dev/null: line 1, column 0: * (CONFIG_INVALID)"
    run -1 --separate-stderr ctl apply --prune - </dev/null
    expect_complaint "xenshmctl: apply: standard input: line 1, column 0: * (CONFIG_INVALID)"
    run -1 --separate-stderr ctl apply "$layout"
    expect "" "xenshmctl: apply: cannot read '$layout': No such file or directory"
    run -1 --separate-stderr ctl apply "$BATS_TEST_TMPDIR"
    expect "" "xenshmctl: apply: cannot read '$BATS_TEST_TMPDIR': Is a directory"
    printf '{\n "version": 1,\n "version": 1}' >"$layout"
    run -1 --separate-stderr ctl apply "$layout"
    expect_complaint "xenshmctl: apply: $layout: line 3, column 10: duplicate object key* (CONFIG_INVALID)"
    write_layout "{'name': 'a', 'size': '4K', 'guests': [], 'gests': 1}"
    run -1 --separate-stderr ctl apply "$layout"
    expect "" "xenshmctl: apply: $layout: segments[0] (segment 'a'): 'gests' is not known here; what may stand here: name, size, pool, align, kept, guests (CONFIG_INVALID)"
    write_layout "{'name': 'a', 'size': '4K', 'guests': [{'guest': 'guest1', 'address': 5}]}"
    run -1 --separate-stderr ctl apply - <"$layout"
    expect "" "xenshmctl: apply: standard input: segments[0].guests[0] (segment 'a'): 'address' must be a string like \"0x3a000000\", or \"identity\" (CONFIG_INVALID)"
    printf '\377' >"$layout"
    run -1 --separate-stderr ctl apply "$layout"
    expect_complaint "xenshmctl: apply: $layout: line 1, * (CONFIG_INVALID)"
    run -0 --separate-stderr ctl list kept
    [ "${#lines[@]}" -eq 2 ]
}

@test "what is refused, with the reason and the step" {
    start_daemon --guest guest1 --pool 64K
    write_layout "{'name': 'a', 'size': '4K', 'guests': [{'guest': 'guest7'}]}"
    run -1 --separate-stderr ctl apply "$layout"
    expect "" "xenshmctl: apply: segment 'a': no guest is called 'guest7'; start it first, or leave it out (GUEST_UNKNOWN)"
    write_layout "{'name': 'a', 'size': '4K', 'guests': []}, {'name': 'b', 'size': '1M', 'guests': []}"
    run -1 --separate-stderr ctl apply "$layout"
    expect "+ alloc a 4 KiB
+ alloc b 1 MiB" "xenshmctl: apply: pool 'shared_mem' has 15 free pages, 256 wanted (POOL_FULL)
xenshmctl: apply: '+ alloc b 1 MiB' was refused; nothing was changed"
    run -1 --separate-stderr ctl --json apply "$layout"
    [ -z "$output" ]
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 1 ]
    ctl alloc a 8K
    write_layout "{'name': 'a', 'size': '4K', 'guests': []}"
    run -1 --separate-stderr ctl apply "$layout"
    expect "" "xenshmctl: apply: segment 'a' has 8 KiB, the layout says 4 KiB, which cannot be changed without losing its bytes; save its bytes and free it first, or give this one another name (SEGMENT_EXISTS)"
}

@test "a plan that cannot be printed is not carried out" {
    start_daemon --guest guest1 --pool 64K
    write_layout "{'name': 'a', 'size': '4K', 'guests': []}"
    ctl_full()
    {
        ctl "$@" >/dev/full
    }
    run -1 --separate-stderr ctl_full apply "$layout"
    expect_complaint "xenshmctl: apply: cannot write to standard output*"
    run -0 --separate-stderr ctl list
    [ "${#lines[@]}" -eq 1 ]
}

@test "usage" {
    run -2 --separate-stderr ctl apply
    expect_complaint "xenshmctl: apply: an argument is missing: FILE \[--dry-run] \[--prune]; see *"
    run -2 --separate-stderr ctl apply a b
    expect_complaint "xenshmctl: apply: unexpected argument 'b'; see *"
    run -2 --separate-stderr ctl apply a --force
    expect_complaint "xenshmctl: apply: unknown option '--force'; see *"
    run -2 --separate-stderr ctl export file
    expect_complaint "xenshmctl: export: unexpected argument 'file'; see *"
    run -0 --separate-stderr ctl apply --help
    # What the help shows is a layout.
    sed -n '/^  {"version/,/]}]}/p' <<<"$output" >"$layout"
    start_daemon --guest guest1 --pool 64K
    run -0 --separate-stderr ctl apply "$layout"
    expect "+ alloc data 64 KiB
+ attach data to guest1"
}

@test "no daemon" {
    export XENSHM_SOCKET=$BATS_TEST_TMPDIR/nothing
    write_layout ""
    run -3 --separate-stderr ctl apply "$layout"
    expect_complaint "xenshmctl: apply: cannot reach xenshmd at *"
    run -3 --separate-stderr ctl export
    expect_complaint "xenshmctl: export: cannot reach xenshmd at *"
}
