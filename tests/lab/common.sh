# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
#
# What every host-side part of the lab shares: where things are and how progress
# is told.  Sourced, never run.  Everything the lab makes or downloads lives below
# $BUILD/lab, so that removing that folder undoes it all.
#
# The environment says which lab it is: LAB_DEBIAN the world, that is whose Xen, kernel and
# libraries these are, and LAB_QEMU the major version of the emulator.

say() { printf '%s\n' "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# need_one_of TEXT NAME EACH...: dies unless NAME is one of EACH.
need_one_of() {
	[[ " ${*:3} " = *" $2 "* ]] || die "there is no lab $1 '$2'; there are: ${*:3}"
}

# world_folder DEBIAN: the first world's is the one in which the others have theirs.
world_folder() {
	if [ "$1" = 12 ]; then
		echo "$BUILD/lab"
	else
		echo "$BUILD/lab/debian$1"
	fi
}

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB=$TOP/tests/lab
BUILD=${XENSHMD_BUILD:-$TOP/build}
WORLDS=(12 13)
DEBIAN=${LAB_DEBIAN-12}
need_one_of "of Debian" "$DEBIAN" "${WORLDS[@]}"
# shellcheck source=world/12.sh
. "$LAB/world/$DEBIAN.sh"
QEMUS=(7 10)
QEMU=${LAB_QEMU-$QEMU_MAJOR}        # a world has its own
need_one_of "with QEMU" "$QEMU" "${QEMUS[@]}"
QEMU_PROGRAM=$BUILD/lab/qemu$QEMU/qemu-system-aarch64
NATIVE=$BUILD/lab/native            # programs for this machine, the same for every world
OUT=$(world_folder "$DEBIAN")
ROOT=$OUT/root                      # Debian's arm64 packages, unpacked: sysroot and quarry
TRIPLET=aarch64-linux-gnu
LOG=${LOG:-$BUILD/log}              # the noise of every step
mkdir -p "$OUT"

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
