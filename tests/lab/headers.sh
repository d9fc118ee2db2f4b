#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Compiles, for their syntax only, the sources that know Xen against the headers of the Xen of each
# release of Debian, from its stable one to the newest that there is.  The worlds of the lab are
# compiled and run as a whole: this is how one learns what the next Xen will want.
# Each release is a line; the counts go to $BUILD/lab/headers/result as "PASSED FAILED SKIPPED".
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$LAB/apt.sh"

RELEASES=(trixie sid experimental)
WARNINGS=(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wno-unused-parameter -Wno-missing-field-initializers)
folder=$BUILD/lab/headers
passed=0 failed=0 skipped=0

xen_sources() {
	(cd "$TOP" && printf '%s\n' daemon/hypervisor_xen*.c daemon/builder/backend_xen*.c \
		tests/contract/{contract_xen,crash_domain}.c tests/lab/src/xenview.c)
}

# get_headers RELEASE: unpacks the newest libxen-dev there into $folder/RELEASE, with its version
# beside it; fails where there is none.
get_headers() {
	local to=$folder/$1 version
	rm -rf "$to"
	mkdir -p "$to"
	configure_apt "$to/apt" "$1" "$(dpkg --print-architecture)"
	apt-get update || return
	version=$(apt-cache madison libxen-dev | awk -F ' *[|] *' '{ print $2 }' | sort -V | tail -n 1)
	[ -n "$version" ] || return 1
	(cd "$to" && apt-get download "libxen-dev=$version" && dpkg -x ./*.deb .) || return
	rm -rf "$to/apt"
	echo "$version" >"$to/version"
}

# compile FOLDER FILE: with the headers in FOLDER, and not those that this machine may have.
compile() {
	"${CC:-gcc}" -fsyntax-only -std=gnu11 -D_GNU_SOURCE "${WARNINGS[@]}" -isystem "$1/usr/include" \
		-I"$TOP"/{common,include,daemon,daemon/builder,tests/contract} "$TOP/$2"
}

# compile_all RELEASE: one line of what came of it.
compile_all() {
	local file bad=() name
	name="headers of Xen $(cat "$folder/$1/version") ($1)"
	while read -r file; do
		compile "$folder/$1" "$file" || bad+=("$file")
	done < <(xen_sources)
	if [ ${#bad[@]} = 0 ]; then
		passed=$((passed + 1))
		echo "PASS $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name: ${bad[*]} would not compile"
	fi
}

mkdir -p "$folder"
rm -f "$folder/result"
for release in "${RELEASES[@]}"; do
	if (get_headers "$release") >>"$LOG" 2>&1; then
		compile_all "$release"
	elif [ "$release" = "${RELEASES[0]}" ]; then
		failed=$((failed + 1))
		echo "FAIL headers of Xen ($release): cannot be had, see $LOG"
	else
		skipped=$((skipped + 1))
		echo "SKIP headers of Xen ($release): the machine's mirror has no libxen-dev there"
	fi
done
echo "$passed $failed $skipped" >"$folder/result"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
