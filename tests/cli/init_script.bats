#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The script for images without systemd, with the simulated daemon in place of the real one.

bats_require_minimum_version 1.5.0

setup() {
    home=$BATS_TEST_TMPDIR
    mkdir "$home/state"
    sed -e "s#@SBINDIR@/xenshmd#$XENSHMD_SIM#; s#@BINDIR@/xenshmctl#$XENSHMCTL#" \
        -e "s#/run/xenshmd.pid#$home/pid#; s#/var/log/xenshmd.log#$home/log#" \
        -e "s#/etc/default/xenshmd#$home/default#g; s#/proc/xen/capabilities#$home/capabilities#" \
        "$BATS_TEST_DIRNAME/../../systemd/xenshmd.init" >"$home/init"
    echo control_d >"$home/capabilities"
    cat >"$home/default" <<END
DAEMON_ARGS="--state-dir $home/state --guest alpha"
export XENSHM_SOCKET=$home/state/xenshmd.sock
END
}

teardown() {
    sh "$home/init" stop
}

is() {
    # Without descriptor 3, which is that of bats: the daemon would keep it.
    run sh "$home/init" "$1" 3>&-
    [ "$status" = "$2" ] || { echo "$1: $status, not $2: $output" && return 1; }
}

@test "start, and whoever comes next is served" {
    is status 3
    is start 0
    "$XENSHMCTL" --socket "$home/state/xenshmd.sock" attach alpha 4K
    is status 0
    is start 0
    [[ $output = *"runs already"* ]]
}

@test "restart and reload" {
    is start 0
    before=$(cat "$home/pid")
    is reload 0
    [ "$(cat "$home/pid")" = "$before" ]
    is restart 0
    [ "$(cat "$home/pid")" != "$before" ]
    is status 0
}

@test "stop waits for the end" {
    is start 0
    pid=$(cat "$home/pid")
    is stop 0
    [ ! -e "/proc/$pid" ]
    is status 3
    is stop 0
}

@test "a daemon that cannot start is a failure" {
    echo 'DAEMON_ARGS=--nonsense' >"$home/default"
    is start 1
    [[ $output = *"did not start, see $home/log"* ]]
}

@test "the number of another program is not the daemon's" {
    echo $$ >"$home/pid"
    is status 3
    is start 0
    [ "$(cat "$home/pid")" != $$ ]
}

@test "not in a guest" {
    : >"$home/capabilities"
    is start 0
    [[ $output = *"not Xen's Dom0"* ]]
    is status 3
}

@test "what it does not know" {
    is dance 2
}
