# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
#
# What every host-side part of the lab shares: where things are and how progress
# is told.  Sourced, never run.  Everything the lab makes or downloads lives below
# $OUT, so that removing that folder undoes it all.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB=$TOP/tests/lab
BUILD=${XENSHMD_BUILD:-$TOP/build}
OUT=$BUILD/lab
ROOT=$OUT/root                      # Debian's arm64 packages, unpacked: sysroot and quarry
TRIPLET=aarch64-linux-gnu
LOG=${LOG:-$BUILD/log}              # the noise of every step
mkdir -p "$OUT"

say() { printf '%s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# step TEXT COMMAND...: runs COMMAND with its noise in $LOG and tells, in one line,
# what is going on and how long it took.  COMMAND should be a program: bash ignores
# `set -e` in a function that is called from a condition, as it is here.
step() {
	local text=$1 start=$SECONDS from
	shift
	printf '%-60s' "$text ..." >&2
	printf '\n== %s: %s\n' "$text" "$*" >>"$LOG"
	from=$(wc -c <"$LOG")
	if "$@" >>"$LOG" 2>&1 </dev/null; then
		say "$((SECONDS - start)) s"
	else
		say "failed after $((SECONDS - start)) s; the end of $LOG:"
		tail -c "+$((from + 1))" "$LOG" | tail -n 25 | sed 's/^/    /' >&2
		return 1
	fi
}
