# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What the daemon says is in the journal under its own name, with its priority.

daemon_need

# entries FIELD=VALUE...: of the service in the journal, as JSON.
entries() {
	journalctl -q --no-pager -o json -t xenshmd _SYSTEMD_UNIT=xenshmd.service "$@"
}

has "the daemon's lines are in the journal, by its name" "$(entries)" '"_EXE":"/usr/sbin/xenshmd"'
has "as information" "$(entries PRIORITY=6)" '"PRIORITY":"6"'
lacks "without the mark of the priority" "$(journalctl -q --no-pager -o cat -t xenshmd)" '^<[0-9]>'
printf '[daemon]\nnonsense = 1\n' >/run/lab/bad.conf
mkdir -p /etc/xenshmd
cp /run/lab/bad.conf /etc/xenshmd/xenshmd.conf
systemctl reload xenshmd.service
complained() {
	entries PRIORITY=3 PRIORITY=4 | grep -q nonsense
}
has "a mistake in the configuration, as an error or a warning" "$(eventually 120 complained && echo yes)" yes
has "which ends nothing" "$(xenshmctl status 2>&1)" "^version: "
rm /etc/xenshmd/xenshmd.conf
systemctl reload xenshmd.service
