#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs test files of this folder as those of tests/daemon are run, whose harness they use."""

import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
runpy.run_path(str(HERE.parent / "daemon" / "run.py"), run_name="__main__")
