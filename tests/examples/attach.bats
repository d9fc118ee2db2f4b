# SPDX-License-Identifier: LGPL-2.1-or-later
# examples/attach.sh: attached as long as its command runs, taken back however it ends.

load ../cli/common

setup()
{
    example=$BATS_TEST_DIRNAME/../../examples/attach.sh
    start_daemon --guest guest1 guest2 --pool 16K
}

attached()
{
    ctl list | sed 1d
}

# Runs the example in the background, until it has attached; $example_pid.
start_example()
{
    mkfifo "$BATS_TEST_TMPDIR/input"
    "$example" "$@" <"$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    example_pid=$!
    exec 9>"$BATS_TEST_TMPDIR/input"
    for ((i = 0; i < 600; i++)); do
        ! grep -q ' bytes at ' "$BATS_TEST_TMPDIR/output" || return 0
        sleep 0.05
    done
    cat "$BATS_TEST_TMPDIR/output"
    return 1
}

@test "attached while the command runs, which knows where" {
    # shellcheck disable=SC2016 # for the inner shell
    run --separate-stderr "$example" guest1 5000 sh -c \
        'echo "$SEGMENT $ADDRESS $HOST_ADDRESS $BYTES"; "$XENSHMCTL" list | sed 1d'
    [ "$status" -eq 0 ]
    expect "guest1-0: 8192 bytes at 0x3a000000 in guest1 (host 0x7fffc000)
guest1-0 0x3a000000 0x7fffc000 8192
guest1-0  shared_mem  0x7fffc000  8 KiB  guest1  0x3a000000  attached"
    [ "$(attached)" = "" ]
}

@test "the command's exit status" {
    run "$example" guest1 4096 sh -c 'exit 7'
    [ "$status" -eq 7 ]
    [ "$(attached)" = "" ]
}

@test "without a command: until Enter" {
    start_example guest1 4096
    [ "$(attached)" != "" ]
    echo >&9
    wait "$example_pid"
    [ "$(attached)" = "" ]
}

@test "a signal takes it back, too" {
    start_example guest1 4096
    kill -TERM "$example_pid"
    echo >&9
    status=0
    wait "$example_pid" || status=$?
    [ "$status" -eq 143 ]
    [ "$(attached)" = "" ]
}

@test "what is gone already is no failure" {
    run --separate-stderr "$example" guest1 4096 "$XENSHMCTL" detach guest1
    [ "$status" -eq 0 ]
    [ "$stderr" = "" ]
    [ "$(attached)" = "" ]
}

@test "no room has an exit status of its own" {
    run --separate-stderr "$example" guest1 20000 true
    [ "$status" -eq 4 ]
    expect_complaint "attach.sh: no room: pool 'shared_mem' has 4 free pages, 5 wanted"
}

@test "a refusal is one line with its name and what to do" {
    run --separate-stderr "$example" guest9 4096 true
    [ "$status" -eq 1 ]
    expect_complaint "attach.sh: no guest is called 'guest9' (GUEST_UNKNOWN); *"
    run --separate-stderr "$example" '"},{"' 4096 true
    [ "$status" -eq 1 ]
    expect_complaint "attach.sh: * (GUEST_UNKNOWN); *"
    run --separate-stderr "$example" guest1 0 true
    [ "$status" -eq 1 ]
    expect_complaint "attach.sh: * (INVALID_PARAMS); *"
}

@test "a name goes to the daemon as it is" {
    run -1 --separate-stderr "$example" 'a\nb' 4096
    expect "" 'attach.sh: no guest is called '"'a\\nb'"' (GUEST_UNKNOWN); `xenshmctl guests` lists the running guests'
}

@test "misuse" {
    run --separate-stderr "$example" guest1
    [ "$status" -eq 2 ]
    expect_complaint "attach.sh: usage: *"
    run --separate-stderr "$example" guest1 4K
    [ "$status" -eq 2 ]
    expect_complaint "attach.sh: '4K' is not a number of bytes"
}

@test "no daemon" {
    XENSHM_SOCKET=/nowhere run --separate-stderr "$example" guest1 4096 true
    [ "$status" -eq 3 ]
    [[ $stderr = *"attach.sh: no answer at /nowhere; is xenshmd running?" ]]
}
