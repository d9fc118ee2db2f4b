#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs every /lab/test_*.sh, each in a shell of its own so that a broken one cannot take the
# others along, and ends with the line that the host waits for.
# shellcheck source=lib.sh
. /lab/lib.sh
. /lab/parameters
. /lab/board

# Seconds for one test file; less than the host's limit for silence.
FILE_LIMIT=$((540 + LOOP_SECONDS))

# A file that ends early, in an error or in the time limit, has failed, whatever it checked.
run_file() {
	echo "LAB $(basename "$1" .sh)"
	rm -f /run/lab/finished
	timeout "$FILE_LIMIT" sh -uc '. /lab/lib.sh; . /lab/parameters; . /lab/board; . "$1"; echo >/run/lab/finished' sh "$1"
	[ -e /run/lab/finished ] || fail "$(basename "$1" .sh) runs to its end" "exit status $?" "all its checks made"
}

# The next file must find every page free; guests are left running, to save their start, but for
# those that xenshmd has made.
clean_up() {
	daemon_need
	for guest in $(xl list | sed -n '3,$ s/ .*//p'); do
		case $guest in
		made*) xenshmctl destroy "$guest" >/dev/null 2>&1 || xl destroy "$guest" ;;
		*) xenshmctl detach "$guest" --all >/dev/null 2>&1 ;;
		esac
	done
}

show_daemon_log() {
	echo "--- the end of xenshmd's log"
	daemon_log 40
	echo "---"
}

: >"$RESULTS"
for file in /lab/test_*.sh; do
	failures=$(grep -c ^FAIL "$RESULTS")
	run_file "$file"
	[ "$(grep -c ^FAIL "$RESULTS")" = "$failures" ] || show_daemon_log
	clean_up
done
count_checks
