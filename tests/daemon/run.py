#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the test files named on the command line with unittest and prints TAP: a plan, one line a
test, and the reasons of what failed as diagnostics. `-k TEXT` takes only tests with TEXT in their
name."""

import argparse
import importlib
import pathlib
import sys
import traceback
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class TapResult(unittest.TestResult):
    """One line for each test when it ends, with everything that went wrong in it or its parts."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.failed = 0
        self.problems = []
        self.skipped_because = None

    def startTest(self, test):
        super().startTest(test)
        self.problems = []
        self.skipped_because = None

    def stopTest(self, test):
        super().stopTest(test)
        self.count += 1
        self.failed += bool(self.problems)
        line = f"{'not ok' if self.problems else 'ok'} {self.count} - {test.id()}"
        if self.skipped_because is not None and not self.problems:
            line += f" # SKIP {self.skipped_because}"
        print(line)
        for problem in self.problems:
            for text in problem.rstrip("\n").split("\n"):
                print(f"# {text}")
        sys.stdout.flush()

    def add_problem(self, test, err):
        text = "".join(traceback.format_exception(*err))
        if not isinstance(test, unittest.TestCase) and not hasattr(test, "test_case"):
            # A class or a module that could not be set up: its tests will not be run.
            print(f"Bail out! {test}")
            for line in text.rstrip("\n").split("\n"):
                print(f"# {line}")
            sys.exit(1)
        if not self.problems and hasattr(test, "diagnostics"):
            text += test.diagnostics()
        self.problems.append(text)

    def addError(self, test, err):
        super().addError(test, err)
        self.add_problem(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.add_problem(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.problems.append(f"in {subtest._subDescription()}:")
            self.add_problem(test, err)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.problems.append("it succeeded, which is not expected")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skipped_because = reason


def each_test(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each_test(test)
        else:
            yield test


def load(files):
    sys.path.insert(0, str(HERE))
    for file in files:
        sys.path.append(str(pathlib.Path(file).resolve().parent))
        module = importlib.import_module(pathlib.Path(file).stem)
        yield from each_test(unittest.defaultTestLoader.loadTestsFromModule(module))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=sorted(HERE.glob("test_*.py")))
    parser.add_argument("-k", dest="text", default="", help="only tests whose name has this")
    options = parser.parse_args()
    tests = [test for test in load(options.files) if options.text in test.id()]
    if not tests:
        print("Bail out! there is no such test")
        return 1
    print(f"1..{len(tests)}", flush=True)
    result = TapResult()
    unittest.TestSuite(tests).run(result)
    return 1 if result.failed else 0


sys.exit(main())
