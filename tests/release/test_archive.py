# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev release`: what it refuses, that its bytes depend on the commit alone, and that they can be
built and tested where there is neither git nor scdoc."""

import hashlib
import os
import re
import subprocess
import tarfile
import unittest

import released
from released import DAY, FOLDER, TOP, VERSION, clone, commit, dated, git, release, run


class Refusals(unittest.TestCase):
    """One line each, naming the object, the rule and the remedy."""

    def setUp(self):
        self.folder = clone(dated(), FOLDER / self.id())

    def refused(self, *wanted):
        done = subprocess.run([self.folder / "packaging" / "release", FOLDER / "refused"], text=True,
                              capture_output=True, timeout=300, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Arelease: .+\n\Z")
        for word in wanted:
            self.assertIn(word, done.stderr)
        self.assertFalse((FOLDER / "refused").exists())

    def test_no_day(self):
        commit(self.folder, "CHANGELOG", re.escape(f"({DAY})"), "(unreleased)")
        self.refused("CHANGELOG", "'(unreleased)'", "--snapshot")

    def test_no_such_day(self):
        commit(self.folder, "CHANGELOG", re.escape(DAY), "2024-02-30")
        self.refused("CHANGELOG", "'(2024-02-30)'")

    def test_other_version(self):
        commit(self.folder, "CHANGELOG", f"^xenshmd {VERSION}", "xenshmd 99.1")
        self.refused("CHANGELOG", "'xenshmd 99.1'", f"version {VERSION}")

    def test_other_recipe(self):
        recipe, = self.folder.glob("packaging/yocto/*/*/*/*.bb")
        git(self.folder, "mv", recipe, recipe.with_name("xenshmd_99.1.bb"))
        commit(self.folder, "CHANGELOG", "$", "")
        self.refused("xenshmd_99.1.bb", f"xenshmd_{VERSION}.bb")

    def test_changed(self):
        (self.folder / "LICENSE").write_text("mine\n", encoding="utf-8")
        self.refused("LICENSE", "commit it")

    def test_new_file(self):
        (self.folder / "common" / "new.c").write_text("\n", encoding="utf-8")
        self.refused("common/new.c")

    def test_no_checkout(self):
        run("rm", "-rf", self.folder / ".git")
        self.refused("not a git checkout")

    def test_snapshot(self):
        """Of what is committed, whatever else is there, under a name that is no release's."""
        commit(self.folder, "CHANGELOG", re.escape(f"({DAY})"), "(unreleased)")
        (self.folder / "LICENSE").write_text("mine\n", encoding="utf-8")
        path = release(self.folder, FOLDER / "snapshot", "--snapshot")
        self.assertRegex(path.name, rf"^xenshmd-{re.escape(VERSION)}\+git20240506\.[0-9a-f]+\.tar\.gz$")
        with tarfile.open(path) as tar:
            name = path.name.removesuffix(".tar.gz")
            self.assertEqual(tar.extractfile(f"{name}/LICENSE").read(), (TOP / "LICENSE").read_bytes())


class Archive(unittest.TestCase):
    def test_same_bytes(self):
        """Another place, mask, zone, language and configuration of git."""
        (FOLDER / "home").mkdir()
        run("git", "config", "--file", FOLDER / "home" / ".gitconfig", "tar.umask", "0077")
        run("git", "config", "--file", FOLDER / "home" / ".gitconfig", "core.autocrlf", "true")
        folder = clone(dated(), FOLDER / "a much longer place" / "b")
        env = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": str(FOLDER / "home"),
               "SOURCE_DATE_EPOCH": "1"}
        other = release(folder, folder.parent / "out", env=env, umask=0o077)
        self.assertEqual(other.name, f"xenshmd-{VERSION}.tar.gz")
        self.assertEqual(*(hashlib.sha256(path.read_bytes()).hexdigest()
                           for path in (released.archive(), other)))

    def test_checksum(self):
        run("sha256sum", "-c", f"xenshmd-{VERSION}.tar.gz.sha256", cwd=released.archive().parent)

    def test_content(self):
        """All that is committed, rendered pages of the commit's day, and nothing of a machine."""
        with tarfile.open(released.archive()) as tar:
            members = tar.getmembers()
        prefix = f"xenshmd-{VERSION}/"
        names = {member.name.removeprefix(prefix) for member in members if not member.isdir()}
        rendered = {name for name in names if name.startswith("docs/rendered/")}
        self.assertEqual(names - rendered, set(git(dated(), "ls-files").splitlines()))
        self.assertEqual(len(rendered), len(list(TOP.glob("docs/*.scd"))) + 2)
        for name in rendered:
            text = (released.unpacked() / name).read_text(encoding="utf-8")
            self.assertIn(f'"{DAY}"', next(line for line in text.splitlines() if line.startswith(".TH")))
        self.assertEqual({(member.uid, member.gid, member.uname, member.mtime) for member in members},
                         {(0, 0, "", members[0].mtime)})
        self.assertEqual({oct(member.mode) for member in members}, {"0o644", "0o755"})

    def test_builds(self):
        """Without git and scdoc, and yet with manual pages."""
        source, build = released.unpacked(), FOLDER / "build"
        how = {"env": released.bare(), "cwd": "/"}
        told = run("meson", "setup", build, source, "--buildtype", "debugoptimized", "-Ddebug=false",
                   "-Doptimization=1", "-Dexamples=false", "-Dstatic-client=disabled", **how)
        self.assertRegex(told, r"manual pages *: *\S*YES")
        run("ninja", "-C", build, **how)
        done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--timeout-multiplier", "5",
                               "--print-errorlogs", "--suite", "unit"], text=True, capture_output=True,
                              timeout=1500, check=False, **how)
        self.assertEqual(done.returncode, 0, done.stdout[-5000:])
        self.assertGreater(int(re.search(r"Ok: +(\d+)", done.stdout)[1]), 50)
