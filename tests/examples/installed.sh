#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# installed.sh BUILD PREFIX FLAGS COMPILER...: the examples as a user finds them: installed into a folder of
# its own, and built there with their Makefile against the installed package.
set -uo pipefail
build=$1 prefix=$2 flags=$3
shift 3
compiler=$*

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
examples=$root$prefix/share/doc/xenshmd/examples
number=0

# check NAME COMMAND...
check() {
	local name=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		echo "# ${output//$'\n'/$'\n'# }"
	fi
}

makes() {
	make -C "$examples/ring" CC="$compiler" CFLAGS="-O2 -Wall -Wextra -Werror $flags" "$@"
}

# An instrumented program cannot be static.
makes_guest() {
	makes ring-guest ${flags:+STATIC=}
}

says_usage() {
	local output status=0
	output=$(LD_LIBRARY_PATH=$libraries "$@" 2>&1) || status=$?
	echo "$status: $output"
	[[ $status = 2 && $output = *"usage: "* ]]
}

echo 1..6
check "installs" meson install -C "$build" --no-rebuild --quiet --destdir "$root"
package=$(find "$root" -name libxenshm.pc)
libraries=$(dirname "$(dirname "$package")")
export PKG_CONFIG_PATH=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
check "the scripts can be run" test -x "$examples/attach.sh" -a -x "$examples/python/monitor.py"
check "ring-dom0 compiles" makes ring-dom0
check "ring-guest compiles" makes_guest
check "ring-dom0 runs" says_usage "$examples/ring/ring-dom0"
check "ring-guest runs" says_usage "$examples/ring/ring-guest"
