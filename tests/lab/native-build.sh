#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds xenshmctl for this machine into $NATIVE: it prepares the boards' device trees.
set -euo pipefail
. "$(dirname "$0")/common.sh"

build=$NATIVE
[ -e "$build/build.ninja" ] ||
	meson setup --buildtype debugoptimized -Dxen=disabled -Dtests=false "$build" "$TOP"
ninja -C "$build" client/xenshmctl
