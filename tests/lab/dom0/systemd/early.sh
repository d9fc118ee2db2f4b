#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A client that comes before the daemon: what it finds, and what becomes of its request.
mkdir -p /run/lab
systemctl show -P ActiveState xenshmd.service >/run/lab/early.before
xenshmctl --timeout 300 status >/run/lab/early.answer 2>&1
echo $? >/run/lab/early.status
