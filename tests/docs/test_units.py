# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units of systemd: they are sound, as tight as they are to be, and whatever stays open is
decided on in the unit. XENSHM_UNITS names the folder of those that meson has configured."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import XENSHMD_SIM

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGURED = os.environ.get("XENSHM_UNITS")
MADE = ("xenshmd.service", "xenshm-builder@.service")
FIXED = ("xenshmd.socket", "xenshm-builder.socket")
# Tenths of what `systemd-analyze security` calls exposure, from 0 to 100.
LIMITS = {"xenshmd.service": 25, "xenshm-builder@.service": 60}


def settings(text):
    """[(section, name, value)] of a unit file, in its order."""
    section, found = None, []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((section, name, value))
    return found


def without_libsystemd(text):
    """A service as it is configured then; see systemd/meson.build."""
    for name, value in {"SBINDIR": "/usr/sbin", "TYPE": "Type=simple", "SOCKET": "",
                        "ALSO": ""}.items():
        text = text.replace(f"@{name}@", value)
    return text


class UnitTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="xenshmd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.units = {name: (ROOT / "systemd" / name).read_text(encoding="utf-8")
                      for name in FIXED}
        for name in MADE:
            self.units[name] = (pathlib.Path(CONFIGURED) / name).read_text(encoding="utf-8")

    def write(self, units):
        for name, text in units.items():
            # What they run is not installed.
            text = re.sub(r"^(ExecStart=)\S+", rf"\1{shutil.which('true')}", text, flags=re.M)
            (self.folder / name).write_text(text, encoding="utf-8")
        return [str(self.folder / name) for name in units]

    def values(self, unit, name):
        return [value for _, key, value in settings(self.units[unit]) if key == name]


@unittest.skipIf(shutil.which("systemd-analyze") is None, "there is no systemd-analyze")
class Analyzed(UnitTest):
    def analyze(self, *arguments):
        return subprocess.run(["systemd-analyze", "--no-pager", *arguments], check=False,
                              capture_output=True, text=True, timeout=120)

    def verify(self, units):
        done = self.analyze("verify", "--man=no", *self.write(units))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_they_are_sound(self):
        self.verify(self.units)

    def test_without_libsystemd(self):
        """There is no xenshmd.socket then."""
        units = {name: without_libsystemd((ROOT / "systemd" / name).read_text(encoding="utf-8"))
                 for name in (*MADE, "xenshm-builder.socket")}
        self.assertNotIn("xenshmd.socket", "".join(units.values()))
        self.verify(units)

    def test_a_fault_is_noticed(self):
        self.units["xenshmd.service"] += "[Service]\nProtectEverything=yes\n"
        done = self.analyze("verify", "--man=no", *self.write(self.units))
        self.assertIn("ProtectEverything", done.stderr)

    def exposure(self, unit, threshold):
        path, = self.write({unit: self.units[unit]})
        return self.analyze("security", "--offline=true", f"--threshold={threshold}", path)

    def test_exposure(self):
        for unit, limit in LIMITS.items():
            with self.subTest(unit=unit):
                done = self.exposure(unit, limit)
                self.assertIn("Overall exposure level", done.stdout, done.stderr)
                print(f"# {done.stdout.strip().splitlines()[-1]}", flush=True)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_one_line_less_is_noticed(self):
        text = self.units["xenshmd.service"]
        self.units["xenshmd.service"] = text.replace("CapabilityBoundingSet=", "#")
        self.assertNotEqual(self.exposure("xenshmd.service", 25).returncode, 0)

    def test_what_is_open_is_decided_on(self):
        """By a line of the unit, or a comment that names the directive."""
        for unit in LIMITS:
            path, = self.write({unit: self.units[unit]})
            done = self.analyze("security", "--offline=true", "--json=short", path)
            rows = json.loads(done.stdout)
            self.assertGreater(len(rows), 50)
            named = set(re.findall(r"\b([A-Z][A-Za-z]+)=", self.units[unit]))
            for row in rows:
                # "CapabilityBoundingSet=~CAP_SYS_ADMIN", "User=/DynamicUser="
                directives = set(re.findall(r"\b([A-Z][A-Za-z]+)=", row["name"]))
                if row["set"] is False and float(row["exposure"] or 0) > 0:
                    self.assertTrue(directives & named, f"{unit}: nothing tells why {row['name']} "
                                    f"is open: {row['description']}")


class Agreement(UnitTest):
    """The units, the daemon and the pages name the same."""

    def test_nothing_is_left_to_fill_in(self):
        for name, text in self.units.items():
            self.assertNotRegex(text, r"@[A-Z]+@", name)

    def test_one_socket_of_builders(self):
        path, = self.values("xenshm-builder.socket", "ListenStream")
        start, = self.values("xenshmd.service", "ExecStart")
        self.assertEqual(start.split()[1:], ["--builder-socket", path])
        for page in ("xenshmd.8.scd", "xenshmd.conf.5.scd"):
            self.assertIn(f"_{path}_", (ROOT / "docs" / page).read_text(encoding="utf-8"))

    def test_only_root_connects_to_builders(self):
        self.assertEqual(self.values("xenshm-builder.socket", "SocketMode"), ["0600"])
        for name in ("SocketUser", "SocketGroup"):
            self.assertEqual(self.values("xenshm-builder.socket", name), [])

    def test_there_are_more_connections_than_builders(self):
        """Those that are about to end count too."""
        shown = subprocess.run([XENSHMD_SIM, "--config", "/dev/null", "--show-config"], check=True,
                               capture_output=True, text=True).stdout
        builders = int(re.search(r"^builders = (\d+)$", shown, re.M)[1])
        connections, = self.values("xenshm-builder.socket", "MaxConnections")
        self.assertGreaterEqual(int(connections), 4 * builders)

    def test_what_is_left_behind_for_guests_lives_on(self):
        for name in MADE:
            self.assertEqual(self.values(name, "KillMode"), ["process"])

    def test_paths_of_both(self):
        """The device tree of a guest is written by a builder, below the daemon's folder."""
        directory, = self.values("xenshmd.service", "RuntimeDirectory")
        path, = self.values("xenshm-builder.socket", "ListenStream")
        self.assertEqual(str(pathlib.Path(path).parent), f"/run/{directory}")
        self.assertIn(f"d /run/{directory} ",
                      (ROOT / "systemd" / "xenshmd.tmpfiles").read_text(encoding="utf-8"))
        for name in ("ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem"):
            self.assertEqual(self.values("xenshm-builder@.service", name), [])
        self.assertEqual(self.values("xenshm-builder@.service", "ProtectSystem"), ["full"])

    def test_every_unit_has_its_page(self):
        for name in self.units:
            self.assertEqual(self.values(name, "Documentation"), ["man:xenshmd(8)"])
            self.assertIn(f"*{name}*", (ROOT / "docs" / "xenshmd.8.scd").read_text("utf-8"))


def load_tests(loader, tests, pattern):
    if CONFIGURED and (pathlib.Path(CONFIGURED) / MADE[0]).exists():
        return tests
    class Without(unittest.TestCase):
        @unittest.skip("built without Xen's libraries: no units")
        def test_units(self):
            pass
    return loader.loadTestsFromTestCase(Without)
