# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recipe and the layer for Yocto, held against what meson.build says and installs."""

import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import unittest

import released
from recipe import FILES, LAYER, TOP, Recipe, matches, parsed, recipe_path
from released import FOLDER, VERSION, run

IMAGES = [("systemd",), ("sysvinit",), ("systemd", "sysvinit")]

# Which recipe of OpenEmbedded brings what Meson looks for; a library without pkg-config and a
# header are known by what meson.build says.
BRINGS = {
    "libevent": ["libevent_core"], "jansson": ["jansson"], "libinih": ["inih"], "systemd": ["libsystemd"],
    "xen-tools": ["xenlight", "xencontrol", "xenstore", "xenforeignmemory", "xentoollog"],
    "dtc": ["fdt"], "libbsd": ["bsd/sys/tree.h"],
}

# Each series' Meson.
MESON = {
    "kirkstone": "0.61.3", "langdale": "0.63.3", "mickledore": "1.0.1", "nanbield": "1.2.2",
    "scarthgap": "1.3.1", "styhead": "1.5.1", "walnascar": "1.7.0",
}


def version(text):
    return tuple(map(int, text.split(".")))


@functools.cache
def configured(image):
    """A build of the release with the recipe's options, as Yocto's class calls Meson."""
    build = FOLDER / "-".join(("image", *image))
    told = run("meson", "setup", build, released.unpacked(), "--prefix", "/usr", "--libdir", "lib",
               "--sysconfdir", "/etc", "--buildtype", "plain", *Recipe().options(*image), env=released.bare())
    return build, told


def introspect(image, what):
    return json.loads(run("meson", "introspect", configured(image)[0], what, env=released.bare()))


@functools.cache
def installed(image):
    """Every file in the image, once Yocto has taken away what its init system does not read."""
    files = set()
    for source, target in introspect(image, "--installed").items():
        source = pathlib.Path(source)
        inside = [path.relative_to(source) for path in source.rglob("*") if path.is_file()] \
            if source.is_dir() else [pathlib.Path()]
        files |= {str(pathlib.Path(target) / path) for path in inside}
    # The library's shorter names, which the list of targets does not have.
    for path in [path for path in files if re.search(r"\.so\.\d+\.\d+\.\d+$", path)]:
        files |= {re.sub(r"\.\d+\.\d+$", "", path), re.sub(r"\.\d+\.\d+\.\d+$", "", path)}
    return {path for path in files if "systemd" in image or not path.startswith("/lib/systemd/")}


@unittest.skipUnless(os.environ.get("NPM_MODULES"), "NPM_MODULES is not set: ./dev test release does")
class Syntax(unittest.TestCase):
    def test_files(self):
        for path, file in parsed().items():
            with self.subTest(file=path.name):
                self.assertEqual(file["faults"], [])
                self.assertTrue(file["assignments"])
        self.assertEqual(len(parsed()), len(FILES))

    def test_every_file_is_in_the_layer(self):
        """BBFILES finds each recipe, and each append that is for meta-xilinx."""
        layer = Recipe(LAYER / "conf" / "layer.conf")
        patterns = [word.split(":")[-1] for name in ("BBFILES", "BBFILES_DYNAMIC") for word in layer.words(name)]
        for path in FILES[:-1]:
            name = path.relative_to(LAYER)
            self.assertTrue(any(name.match(pattern.replace("${LAYERDIR}/", "")) for pattern in patterns), name)

    def test_files_beside(self):
        """What an append takes along is there."""
        for path in LAYER.rglob("*.bbappend"):
            for value in Recipe(path).values.values():
                for name in re.findall(r"file://(\S+)", value):
                    self.assertTrue((path.parent / "files" / name).is_file(), name)


@unittest.skipUnless(os.environ.get("NPM_MODULES"), "NPM_MODULES is not set: ./dev test release does")
class Against(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe()

    def test_version(self):
        self.assertEqual(recipe_path().name, f"xenshmd_{VERSION}.bb")

    def test_licence(self):
        md5 = hashlib.md5((TOP / "LICENSE").read_bytes(), usedforsecurity=False).hexdigest()
        self.assertEqual(self.recipe.value("LIC_FILES_CHKSUM"), f"file://LICENSE;md5={md5}")
        self.assertIn(f"license: '{self.recipe.value('LICENSE')}'", (TOP / "meson.build").read_text(encoding="utf-8"))

    def test_source(self):
        """Without an archive it is the tree around the layer."""
        levels = re.search(r"THISDIR'\) \+ '([/.]+)'", self.recipe.value("XENSHMD_TREE"))[1]
        self.assertEqual(pathlib.Path(f"{recipe_path().parent}{levels}").resolve(), TOP)

    def test_each_file_is_in_one_package(self):
        for image in IMAGES:
            for path in sorted(installed(image)):
                with self.subTest(image=image, file=path):
                    self.assertEqual(len([package for package, patterns in self.recipe.packages().items()
                                          if any(matches(path, pattern) for pattern in patterns)]), 1)

    def test_each_pattern_has_a_file(self):
        files = set().union(*map(installed, IMAGES))
        for package, patterns in self.recipe.packages().items():
            for pattern in patterns:
                with self.subTest(package=package):
                    self.assertTrue(any(matches(path, pattern) for path in files), pattern)

    def test_packages_are_made(self):
        made = {*self.recipe.words("PACKAGE_BEFORE_PN"), *self.recipe.words("PACKAGES"), "xenshmd"}
        own = {name.split(":", 1)[1] for name in self.recipe.values if name.startswith("FILES:")}
        self.assertEqual(own, made)
        named = {name.split(":", 1)[1] for name in self.recipe.values if ":" in name}
        self.assertLessEqual(named, made | {"xenshmd-dev", "xenshmd-doc"})

    def test_dependencies(self):
        """All but the tests', which are off."""
        text = (TOP / "meson.build").read_text(encoding="utf-8")
        said = {name for name in ("fdt", "bsd/sys/tree.h") if f"'{name}'" in text}
        for image in IMAGES:
            with self.subTest(image=image):
                found = {one["name"] for one in introspect(image, "--dependencies")} - {"threads", "cmocka"}
                brought = {name for recipe in self.recipe.needs(*image) for name in BRINGS[recipe]}
                self.assertEqual(found | said, brought)

    def test_meson(self):
        """meson.build asks for no later Meson than Yocto has, and uses nothing that came later."""
        least = re.search(r"meson_version: '>=([\d.]+)'", (TOP / "meson.build").read_text(encoding="utf-8"))[1]
        series = Recipe(LAYER / "conf" / "layer.conf").words("LAYERSERIES_COMPAT_xenshmd")
        self.assertLessEqual(version(least), min(version(MESON[name]) for name in series))
        told = configured(IMAGES[0])[1]
        self.assertNotIn("Project targets", told)
        self.assertRegex(told, r"manual pages *: *\S*YES")

    def test_services(self):
        for image in IMAGES:
            units = {pathlib.Path(path).name for path in installed(image) if "/systemd/" in path}
            self.assertEqual(set(self.recipe.words("SYSTEMD_SERVICE:xenshmd")) <= units, "systemd" in image)
            self.assertEqual(f"/etc/init.d/{self.recipe.value('INITSCRIPT_NAME')}" in installed(image),
                             "sysvinit" in image)
        self.assertLessEqual({"systemd", "update-rc.d", "useradd", "meson", "pkgconfig"}, set(self.recipe.inherits))

    def test_groups(self):
        sysusers = (TOP / "systemd" / "xenshmd.sysusers").read_text(encoding="utf-8")
        groups = [f"--system {name}" for name in re.findall(r"(?m)^g (\S+)", sysusers)]
        self.assertEqual(self.recipe.value("GROUPADD_PARAM:xenshmd").split(";"), groups)


class Kernel(unittest.TestCase):
    """Names of the kernel's configuration, in that of Debian's kernel for arm64."""

    @unittest.skipUnless(os.environ.get("DT_TREES"), "no kernel in DT_TREES: ./dev test release has one")
    def test_configuration(self):
        root = pathlib.Path(os.environ["DT_TREES"]).parents[2]
        known = "".join(path.read_text(encoding="utf-8") for path in (root / "boot").glob("config-*"))
        fragment, = LAYER.rglob("*.cfg")
        lines = [line for line in fragment.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
        self.assertGreater(len(lines), 5)
        for line in lines:
            name, value = line.split("=")
            with self.subTest(line=line):
                self.assertIn(value, ("y", "m"))
                self.assertTrue(re.search(rf"(?m)^(# )?{name}[= ]", known), name)


class Trees(unittest.TestCase):
    """The device-tree fragment on the tree of a ZCU102, as PetaLinux describes that board."""

    ARGUMENTS = "console=hvc0 earlycon=xen earlyprintk=xen clk_ignore_unused"

    def setUp(self):
        trees = os.environ.get("DT_TREES")
        if not trees or not all(map(shutil.which, ("dtc", "fdtput"))):
            self.skipTest("no trees in DT_TREES, or no dtc: ./dev test release has them")
        self.folder = FOLDER / self.id()
        self.folder.mkdir()
        self.tree = self.folder / "board.dtb"
        shutil.copyfile(pathlib.Path(trees) / "xilinx" / "zynqmp-zcu102-rev1.0.dtb", self.tree)
        self.fragment, = LAYER.rglob("*.dtsi")
        self.joined = self.folder / "joined.dtb"
        text = run("dtc", "-q", "-I", "dtb", "-O", "dts", self.tree) + f'/include/ "{self.fragment}"\n'
        (self.folder / "joined.dts").write_text(text, encoding="utf-8")
        run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", self.joined, self.folder / "joined.dts")

    def dt(self, *words):
        return run(os.environ["XENSHMCTL"], "dt", *words)

    def source(self, tree):
        return run("dtc", "-q", "-s", "-I", "dtb", "-O", "dts", tree)

    def test_check(self):
        self.assertIn("1 node of shared memory, no mistake found", self.dt("check", self.joined))

    def test_as_reserved(self):
        """It is what `dt reserve` makes of that board, and in its words."""
        run("fdtput", "-t", "x", self.tree, "/memory@0", "reg", *"0 0 0 7ff00000 8 0 0 80000000".split())
        run("fdtput", "-t", "s", self.tree, "/chosen", "xen,dom0-bootargs", self.ARGUMENTS)
        made = self.folder / "made.dtb"
        self.dt("reserve", "--size", "1M", self.tree, "-o", made)
        self.assertEqual(self.source(made), self.source(self.joined))
        plain = re.sub(r"(?s)\s*/\*.*?\*/", "", self.fragment.read_text(encoding="utf-8")).strip()
        self.assertEqual(plain, self.dt("reserve", "--size", "1M", "--dts", self.tree).strip())

    def test_again(self):
        self.dt("reserve", "--size", "1M", self.joined, "-o", self.folder / "again.dtb")
        self.assertEqual(self.joined.read_bytes(), (self.folder / "again.dtb").read_bytes())
