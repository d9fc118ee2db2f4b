# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules of Debian's packages, for a python3 that is not Debian's too. Import this first."""

import sys

FOLDER = "/usr/lib/python3/dist-packages"

if FOLDER not in sys.path:
    sys.path.append(FOLDER)
