# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# How much of the system the service could harm, by the measure of systemd itself.
LIMIT=2.5

analysis=$(systemd-analyze security --no-pager xenshmd.service 2>&1)
exposure=$(printf '%s\n' "$analysis" | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\) .*/\1/p')
echo "LAB systemd-analyze security xenshmd.service: $exposure"
has "systemd-analyze security: at most $LIMIT, it is ${exposure:-unknown}" \
	"$(awk -v is="$exposure" -v limit="$LIMIT" 'BEGIN { if (is != "" && is + 0 <= limit) print "yes" }')" yes
