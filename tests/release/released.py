# SPDX-License-Identifier: LGPL-2.1-or-later
"""A release of this commit as somebody else would make it: in clones of it, with a day in CHANGELOG."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"^ *version: '([0-9.]+)',$", (TOP / "meson.build").read_text(encoding="utf-8"), re.M)[1]
DAY = "2024-05-06"  # long ago: whatever takes today's instead is found out

HIDDEN = {"git", "scdoc"}  # what who builds an archive need not have

place = tempfile.TemporaryDirectory(prefix="xenshmd-release-")
FOLDER = pathlib.Path(place.name)


def run(*command, **how):
    done = subprocess.run([str(word) for word in command], text=True, timeout=900, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def git(folder, *words):
    when = f"{DAY}T12:00:00Z"
    return run("git", "-C", folder, "-c", "user.name=Nobody", "-c", "user.email=nobody@invalid", *words,
               env={**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when})


def clone(source, folder):
    run("git", "clone", "-q", source, folder)
    return folder


def commit(folder, name, pattern, replacement):
    """Changes the first place of the pattern in the file."""
    path = folder / name
    text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, f"{name}: no {pattern}"
    path.write_text(text, encoding="utf-8")
    git(folder, "commit", "-q", "-a", "--allow-empty", "-m", "test: another text")


@functools.cache
def dated():
    """A clone that could be released."""
    folder = clone(TOP, FOLDER / "dated")
    commit(folder, "CHANGELOG", r"^(\S+ \S+) \(.*\)", rf"\1 ({DAY})")
    return folder


def release(folder, out, *options, **how):
    """The archive."""
    told = run(folder / "packaging" / "release", out, *options, **how).splitlines()
    return pathlib.Path(told[0])


@functools.cache
def archive():
    return release(clone(dated(), FOLDER / "a"), FOLDER / "out")


@functools.cache
def unpacked():
    """Its folder, as a user has it."""
    with tarfile.open(archive()) as tar:
        tar.extractall(FOLDER / "unpacked")
    return FOLDER / "unpacked" / f"xenshmd-{VERSION}"


@functools.cache
def bare():
    """An environment in which there is neither git nor scdoc."""
    folder = FOLDER / "bin"
    folder.mkdir()
    for path in os.environ["PATH"].split(os.pathsep):
        for program in pathlib.Path(path).glob("*"):
            if program.name not in HIDDEN and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    assert not any(shutil.which(name, path=folder) for name in HIDDEN)
    return {**os.environ, "PATH": str(folder)}
