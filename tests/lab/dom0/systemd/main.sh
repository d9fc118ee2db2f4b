#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What this Dom0 does when systemd has brought it up: the tests, or a shell.
export HOME=/root TERM=vt100
cd /
echo "LAB Dom0 is up, its systemd is $(systemctl is-system-running)"
[ "$(cat /lab/mode)" != test ] || sh /lab/run-tests.sh
while :; do
	bash -l
done
