# SPDX-License-Identifier: LGPL-2.1-or-later
# xenshmctl metrics: the text as it is, for whoever collects it.

load common

@test "metrics prints the text" {
    start_daemon --pool 1M --guest alpha
    ctl attach alpha 64K
    run -0 ctl metrics
    [ "${lines[0]}" = "# TYPE xenshmd_pool_bytes gauge" ]
    [ "${lines[-1]}" = "# EOF" ]
    [[ "$output" = *'xenshmd_pool_bytes{pool="shared_mem",state="used"} 65536'* ]]
    [[ "$output" = *'xenshmd_requests_total{method="guest.attach",outcome="done"} 1'* ]]
}

@test "metrics is the daemon's text, byte for byte" {
    start_daemon --pool 1M
    ctl --json metrics >"$BATS_TEST_TMPDIR/json"
    ctl metrics >"$BATS_TEST_TMPDIR/text"
    # Without what one more request changes.
    python3 -c "
import json, sys
sys.stdout.write(json.load(open(sys.argv[1]))['text'])" "$BATS_TEST_TMPDIR/json" |
        grep -v -e 'daemon\.metrics"' -e ^xenshmd_reconciles >"$BATS_TEST_TMPDIR/a"
    grep -v -e 'daemon\.metrics"' -e ^xenshmd_reconciles "$BATS_TEST_TMPDIR/text" >"$BATS_TEST_TMPDIR/b"
    cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "metrics --json prints the result" {
    start_daemon --pool 1M
    run -0 ctl --json metrics
    [ "${#lines[@]}" = 1 ]
    [[ "$output" = '{"content_type":"application/openmetrics-text; version=1.0.0; charset=utf-8","text":"# '* ]]
}

@test "metrics as a file for node_exporter, by the line of its help" {
    start_daemon --pool 1M
    cd "$BATS_TEST_TMPDIR"
    line=$(ctl metrics --help | grep 'x.prom')
    xenshmctl() { "$XENSHMCTL" "$@"; }
    eval "$line"
    [ "$(tail -n 1 x.prom)" = "# EOF" ]
    run -1 compgen -G 'x.prom.*'
}

@test "metrics takes no argument" {
    start_daemon --pool 1M
    run -2 --separate-stderr ctl metrics now
    [[ "$stderr" = *"unexpected argument 'now'"* ]]
}
