#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Has doctor say what is wrong with this host, whose device tree has a mistake; the host of the
# lab knows which, and reads the lines marked DOCTOR.
# shellcheck source=lib.sh
. /lab/lib.sh

: >"$RESULTS"
if daemon_start; then
	pass "xenshmd answers, whatever it thinks of its pool"
else
	fail "xenshmd answers, whatever it thinks of its pool" "$(daemon_log 5)" "an answer"
fi
findings=$(xenshmctl doctor)
echo "DOCTOR exit status $?"
printf '%s\n' "$findings" | sed 's/^/DOCTOR /'
count_checks
