# SPDX-License-Identifier: LGPL-2.1-or-later
# What every file of these tests loads: xenshmctl under test, and a simulated daemon of its own for
# each test. XENSHMCTL and XENSHMD_SIM name the programs.

bats_require_minimum_version 1.5.0

unset XENSHM_SOCKET XENSHM_HOST XENSHM_SSH NO_COLOR

ctl()
{
    "$XENSHMCTL" "$@"
}

# Starts xenshmd-sim with these options, and returns when it accepts connections.
start_daemon()
{
    export XENSHM_SOCKET=$BATS_TEST_TMPDIR/socket
    local log=$BATS_TEST_TMPDIR/log

    # Descriptor 3 is bats's own: a background program that keeps it would hang the test.
    "$XENSHMD_SIM" --socket "$XENSHM_SOCKET" --state-dir "$BATS_TEST_TMPDIR/state" "$@" \
        >"$log" 2>&1 3>&- &
    daemon=$!
    for ((i = 0; i < 200; i++)); do
        ! grep -q ready "$log" || return 0
        kill -0 "$daemon" || break
        sleep 0.05
    done
    cat "$log"
    return 1
}

# Starts a listener at $XENSHM_SOCKET that does what the Python code says with each `peer`.
start_impostor()
{
    export XENSHM_SOCKET=$BATS_TEST_TMPDIR/impostor

    python3 -c "
import json, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    peer = listener.accept()[0]
    $1
" "$XENSHM_SOCKET" 3>&- &
    daemon=$!
    for ((i = 0; i < 200; i++)); do
        [ ! -S "$XENSHM_SOCKET" ] || return 0
        sleep 0.05
    done
    return 1
}

teardown()
{
    if [ -n "${daemon:-}" ]; then
        kill "$daemon"
        wait "$daemon" || true
    fi
}

# The value of a Python expression over `r`, the JSON text on stdin.
json()
{
    python3 -c "import json, sys; r = json.load(sys.stdin); print($1)"
}

# After run --separate-stderr: exactly this on stdout and stderr. `stderr_lines` is bats's.
expect()
{
    if [ "$output" != "$1" ] || [ "$stderr" != "${2:-}" ]; then
        printf 'stdout: %s\nwanted: %s\nstderr: %s\nwanted: %s\n' "$output" "$1" "$stderr" "${2:-}"
        return 1
    fi
}

# Nothing on stdout, exactly one line on stderr, which matches this pattern of the shell.
expect_complaint()
{
    # shellcheck disable=SC2053 # the right side is a pattern
    if [ -n "$output" ] || [ "${#stderr_lines[@]}" -ne 1 ] || [[ $stderr != $1 ]]; then
        printf 'stdout: %s\nstderr: %s\nwanted: %s\n' "$output" "$stderr" "$1"
        return 1
    fi
}

# The text matches the whole regular expression.
expect_match()
{
    if [[ ! $1 =~ ^$2$ ]]; then
        printf 'text: %s\nwanted: %s\n' "$1" "$2"
        return 1
    fi
}
