# SPDX-License-Identifier: LGPL-2.1-or-later
# watch: the stream of events, as lines for people and for programs, and all its ends.

load common
load fake_ssh

setup()
{
    cd "$BATS_TEST_TMPDIR" || return
    export TZ=UTC
}

# watch in the background, with these options, into the files out and errors.
start_watch()
{
    : >out # before it runs, so that nothing in it is of an earlier one
    "$XENSHMCTL" watch "$@" >out 2>errors 3>&- &
    watch=$!
}

# Waits for the end of watch, which has this status.
expect_end()
{
    local status=0

    wait "$watch" || status=$?
    [ "$status" -eq "$1" ]
}

# When something has come out, it has subscribed: until then things happen.
something_happens()
{
    ctl alloc first 4K >/dev/null
    ctl free first >/dev/null
    [ -s out ]
}

time='[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}'

@test "a line for each event" {
    start_daemon --guest guest1 --pool 64K
    start_watch
    wait_until something_happens
    ctl alloc data 8K
    ctl attach guest1 --segment data
    ctl detach guest1
    ctl free data
    wait_until grep -q 'segment.freed data' out
    kill "$watch"
    expect_end 143
    grep data out >lines
    mapfile -t lines <lines
    [ "${#lines[@]}" -eq 4 ]
    expect_match "${lines[0]}" "$time segment.allocated data: 8 KiB \(host 0x7fff0000\)"
    expect_match "${lines[1]}" "$time attachment.attached data: 8 KiB at 0x3a000000 in guest1"
    expect_match "${lines[2]}" "$time attachment.detached data: 8 KiB at 0x3a000000 in guest1"
    expect_match "${lines[3]}" "$time segment.freed data: 8 KiB \(host 0x7fff0000\)"
    [ ! -s errors ]
}

@test "--json prints events as they come" {
    start_daemon --guest guest1 --pool 64K
    mkfifo input
    ctl proxy <input >raw 3>&- &
    exec 4>input
    echo '{"jsonrpc":"2.0","id":1,"method":"events.subscribe"}' >&4
    wait_until test -s raw
    start_watch --json
    wait_until something_happens
    ctl attach guest1 4K
    ctl detach guest1
    wait_until grep -q attachment.detached.*guest1-0 out
    wait_until grep -q attachment.detached.*guest1-0 raw
    exec 4>&-
    kill "$watch"
    expect_end 143
    python3 - <<-END
		import json
		events = [json.loads(line) for line in open("out")]
		raw = [json.loads(line) for line in open("raw")][1:]
		raw = {line["params"]["seq"]: line["params"] for line in raw}
		assert len(events) >= 3
		for event in events:
		    assert event == raw[event["seq"]], event
		    assert list(event) == ["seq", "type", "time", "object"]
	END
}

@test "--type chooses, --count ends" {
    start_daemon --guest guest1 --pool 64K
    start_watch --type segment.freed --count 3 --type attachment.attached
    wait_until something_happens
    ctl attach guest1 4K
    ctl detach guest1
    ctl alloc more 4K
    ctl free more
    expect_end 0
    [ "$(wc -l <out)" -eq 3 ]
    [ "$(grep -cE "^$time (segment.freed|attachment.attached) " out)" -eq 3 ]
    [ ! -s errors ]
    run -1 --separate-stderr ctl watch --type segment.frobbed
    expect_complaint "xenshmctl: watch: *segment.frobbed*INVALID_PARAMS*"
    for count in "" 0 -1 x 1x 99999999999999999999; do
        run -2 --separate-stderr ctl watch --count "$count"
        expect_complaint "xenshmctl: watch: count '$count' is not a number of events *"
    done
}

# What the simulated daemon does not do at will: a daemon that answers, then sends these events.
start_stub()
{
    start_impostor "
    try:
        peer.makefile().readline()
        peer.sendall(b'{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {\"seq\": 4}}\\n')
        for line in open('$BATS_TEST_TMPDIR/events'): peer.sendall(line.encode())
        ${1-}
    except OSError: pass # it has enough
    peer.close()"
}

# event SEQ TYPE OBJECT
event()
{
    printf '{"jsonrpc": "2.0", "method": "event", "params": {"seq": %d, "type": "%s", "time": "2026-03-01T22:00:00.123Z", "object": %s}}\n' "$@"
}

segment='"name": "data", "pool": "a", "host_address": "0x1000", "size": 65536, "kept": true, "epoch": 1, "owner_uid": 0, "attachments": []'
guest='"name": "guest1", "domid": 5, "uuid": "c0ffee"'
attached='"segment": "data", "pool": "a", "guest": {'"$guest"'}, "guest_address": "0x3a000000", "host_address": "0x1000", "size": 65536, "epoch": 1, "state": "attached"'

@test "what is told of each kind" {
    {
        event 5 segment.progress "{$segment, \"state\": \"wiping\", \"progress\": {\"step\": \"wiping\", \"done\": 4096}}"
        event 6 segment.clash "{$segment, \"state\": \"clash\", \"clash\": [{\"name\": \"b\", \"domid\": 1, \"uuid\": \"x\"}, {\"name\": \"c\", \"domid\": 2, \"uuid\": \"y\"}]}"
        event 7 guest.created "{\"guest\": {$guest, \"state\": \"running\"}, \"attachments\": [{$attached}]}"
        event 8 guest.ended "{\"guest\": {$guest, \"state\": \"destroyed\"}, \"reason\": \"it was destroyed\"}"
        event 9 guest.failed '{"guest": {"name": "guest1", "uuid": "c0ffee"}, "error": "POOL_FULL", "problem": "no room"}'
        event 10 order.failed '{"segment": "data", "name": "POOL_FULL", "problem": "no room"}'
        event 11 config.reloaded '{"path": "/etc/x.conf"}'
        event 12 new.kind '{"a":[1,"\u001b[2J"]}'
        event 13 new.nothing null
    } >events
    start_stub
    run -3 --separate-stderr env TZ=XXX-5:30 "$XENSHMCTL" watch
    expect '03:30:00.123 segment.progress data: 64 KiB (host 0x1000), wiping, 4 KiB done
03:30:00.123 segment.clash data: 64 KiB (host 0x1000), also held by b, c
03:30:00.123 guest.created guest1: domid 5, with data
03:30:00.123 guest.ended guest1: it was destroyed
03:30:00.123 guest.failed guest1: no room (POOL_FULL)
03:30:00.123 order.failed data: no room (POOL_FULL)
03:30:00.123 config.reloaded /etc/x.conf
03:30:00.123 new.kind {"a":[1,"\u001B[2J"]}
03:30:00.123 new.nothing' "xenshmctl: watch: xenshmd at $XENSHM_SOCKET has ended; begin again when it runs"
    run -0 --separate-stderr ctl --json watch --count 9
    [ "${lines[6]}" = '{"seq":11,"type":"config.reloaded","time":"2026-03-01T22:00:00.123Z","object":{"path":"/etc/x.conf"}}' ]
    [ "${lines[8]}" = '{"seq":13,"type":"new.nothing","time":"2026-03-01T22:00:00.123Z","object":null}' ]
}

@test "one that reads too slowly is told what it missed, and goes on" {
    {
        event 5 new.kind null
        event 6 overflow null
    } >events
    start_stub
    run -0 --separate-stderr ctl watch --count 3
    expect '22:00:00.123 new.kind
overflow: events from 6 on were missed
22:00:00.123 new.kind
overflow: events from 6 on were missed
22:00:00.123 new.kind' "xenshmctl: watch: read too slowly, so that xenshmd gave up; begins again, see 'xenshmctl list' for the present state
xenshmctl: watch: read too slowly, so that xenshmd gave up; begins again, see 'xenshmctl list' for the present state"
    {
        event 3 new.kind null
        event 3 overflow null
    } >events
    run -0 --separate-stderr ctl watch --count 2
    [ "${lines[1]}" = "overflow: events 3 to 4 were missed" ]
    run -0 --separate-stderr ctl --json watch --count 2
    [ "${lines[1]}" = '{"type":"overflow","seq":3,"last":4}' ]
    [ "${#lines[@]}" -eq 3 ]
}

@test "the end of xenshmd" {
    start_daemon --pool 4K
    start_watch
    wait_until something_happens
    kill "$daemon"
    wait "$daemon" || true
    unset daemon
    expect_end 3
    [ "$(cat errors)" = "xenshmctl: watch: xenshmd at $XENSHM_SOCKET has ended; begin again when it runs" ]
    run -3 --separate-stderr ctl watch
    expect_complaint "xenshmctl: watch: cannot reach xenshmd at *"
}

@test "nobody reads any more" {
    start_daemon --pool 4K
    mkfifo output
    ctl watch >output 2>errors 3>&- &
    exec 4<output 4<&-
    wait $!
    [ ! -s errors ]
    start_watch
    wait_until something_happens
    kill "$watch"
    expect_end 143
    # One line is read, then something else happens.
    ctl watch >output 2>errors 3>&- &
    watch=$!
    exec 4<output
    until ctl alloc a 4K && ctl free a && read -r -t 1 <&4; do :; done
    exec 4<&-
    wait_until something_happens
    expect_end 0
    [ ! -s errors ]
}

@test "nobody reads any more, in the midst of many events" {
    # More than a pipe holds, so that some are written when the reader has gone.
    for ((i = 5; i < 6005; i++)); do
        event "$i" new.kind null
    done >events
    start_stub "time.sleep(60)"
    run -0 bash -o pipefail -c "'$XENSHMCTL' watch 2>errors | head -n 1"
    [ "$output" = "22:00:00.123 new.kind" ]
    [ ! -s errors ]
}

@test "lines that cannot be written" {
    [ -w /dev/full ] || skip "no /dev/full"
    event 5 new.kind null >events
    start_stub "time.sleep(60)"
    run -1 bash -c "'$XENSHMCTL' watch >/dev/full"
    [[ $output == "xenshmctl: watch: cannot write to standard output"* ]]
}

@test "--timeout counts only until it has subscribed" {
    event 5 new.kind null >events
    start_impostor "
    peer.makefile().readline()
    peer.sendall(b'{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {\"seq\": 4}}\\n')
    time.sleep(2)
    peer.sendall(open('$BATS_TEST_TMPDIR/events', 'rb').read())
    time.sleep(60)"
    run -0 --separate-stderr ctl --timeout 1 watch --count 1
    expect "22:00:00.123 new.kind"
    kill "$daemon"
    wait "$daemon" || true
    rm "$XENSHM_SOCKET"
    start_impostor "time.sleep(600)"
    run -3 --separate-stderr ctl --timeout 1 watch
    expect_complaint "xenshmctl: watch: no answer from xenshmd at $XENSHM_SOCKET within 1 s*"
}

@test "the events of another host" {
    fake_ssh
    start_daemon --pool 4K
    start_watch --host "ssh://dom0$XENSHM_SOCKET" --count 1
    wait_until something_happens
    expect_end 0
    [ "$(grep -cE "^$time segment\.(allocated|freed) first" out)" -eq 1 ]
    wait_gone "$(cat ssh-pid)"
    rm ssh-pid
    start_watch --host "ssh://dom0$XENSHM_SOCKET"
    wait_until something_happens
    kill "$watch"
    expect_end 143
    wait_gone "$(cat ssh-pid)"
    start_watch --host "ssh://dom0$XENSHM_SOCKET"
    wait_until something_happens
    kill "$daemon"
    wait "$daemon" || true
    unset daemon
    expect_end 3
    [ "$(cat errors)" = "xenshmctl: watch: xenshmd at ssh://dom0$XENSHM_SOCKET has ended; begin again when it runs" ]
}
