# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# How much of the system the service could harm, by the measure of systemd itself.
LIMIT=2.5

# exposure UNIT
exposure() {
	systemd-analyze security --no-pager "$1" 2>&1 | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\) .*/\1/p'
}

service=$(exposure xenshmd.service)
echo "LAB systemd-analyze security: xenshmd.service $service, xenshm-builder@.service $(exposure xenshm-builder@1.service)"
has "systemd-analyze security xenshmd.service: at most $LIMIT, it is ${service:-unknown}" \
	"$(awk -v is="$service" -v limit="$LIMIT" 'BEGIN { if (is != "" && is + 0 <= limit) print "yes" }')" yes
