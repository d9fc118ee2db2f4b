# SPDX-License-Identifier: LGPL-2.1-or-later
"""The layer for Yocto as BitBake would understand it: its files are taken apart by the grammar of
language-server-bitbake (NPM_MODULES), and variables expanded here."""

import functools
import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
LAYER = TOP / "packaging" / "yocto" / "meta-xenshmd"
FILES = [*sorted(LAYER.rglob("*.bb")), *sorted(LAYER.rglob("*.bbappend")), LAYER / "conf" / "layer.conf"]

# bitbake.conf's places and packages, in a distribution that has not merged /usr. What a package
# would get of itself counts only where the recipe says nothing.
PLACES = {
    "bindir": "/usr/bin", "sbindir": "/usr/sbin", "libdir": "/usr/lib", "nonarch_libdir": "/usr/lib",
    "includedir": "/usr/include", "datadir": "/usr/share", "sysconfdir": "/etc", "SOLIBS": ".so.*",
    "systemd_system_unitdir": "/lib/systemd/system", "PN": "xenshmd",
}
DEFAULTS = {
    "xenshmd-dev": "/usr/include /usr/lib/lib*.so /usr/lib/pkgconfig",
    "xenshmd-doc": "/usr/share/doc /usr/share/man",
    "xenshmd-bash-completion": "/usr/share/bash-completion",
}


@functools.cache
def parsed():
    """{path: {"faults", "assignments", "inherits"}}"""
    done = subprocess.run(["node", HERE / "recipe.js", *FILES], text=True, check=True, timeout=120,
                          stdout=subprocess.PIPE,
                          env={**os.environ, "NODE_PATH": os.environ["NPM_MODULES"]})
    return {pathlib.Path(file["path"]): file for file in json.loads(done.stdout)}


def recipe_path():
    path, = LAYER.rglob("*.bb")
    return path


class Recipe:
    """values: {"FILES:xenshmd": text}, flags: {("PACKAGECONFIG", "systemd"): text}"""

    def __init__(self, path=None):
        file = parsed()[path or recipe_path()]
        self.inherits, self.values, self.flags = file["inherits"], {}, {}
        for one in file["assignments"]:
            name = self.expand(one["name"])
            if one["flag"]:
                self.flags[name, one["flag"].strip("[]")] = one["value"]
            elif one["operator"] == "+=":
                self.values[name] = f"{self.values.get(name, '')} {one['value']}"
            else:
                assert name not in self.values, f"{name} is set twice"
                self.values[name] = one["value"]

    def expand(self, text):
        """Places alone: no Python, no variables of others."""
        return re.sub(r"\$\{(\w+)\}", lambda match: PLACES.get(match[1], match[0]), text)

    def value(self, name):
        return self.expand(self.values[name])

    def words(self, name):
        return self.value(name).split()

    def packages(self):
        """{package: its patterns}, those that the recipe makes and those that it leaves as they are."""
        own = {name.split(":", 1)[1]: self.words(name)
               for name in self.values if name.startswith("FILES:")}
        return {package: patterns.split() for package, patterns in DEFAULTS.items()} | own

    def options(self, *features):
        """Meson's, for an image with those features of PACKAGECONFIG."""
        chosen = [texts.split(",")[0 if feature in features else 1]
                  for (name, feature), texts in self.flags.items() if name == "PACKAGECONFIG"]
        return [*self.words("EXTRA_OEMESON"), *chosen]

    def needs(self, *features):
        """What is built before it, for such an image."""
        more = [texts.split(",")[2:3] for (name, feature), texts in self.flags.items()
                if name == "PACKAGECONFIG" and feature in features]
        return {*self.words("DEPENDS"), *(word for texts in more for text in texts for word in text.split())}


def matches(path, pattern):
    """Whether a package with that pattern has the file: itself, or a folder that it is in."""
    path = pathlib.PurePosixPath(path)
    return any(place.match(pattern) for place in (path, *path.parents)
               if len(place.parts) == len(pathlib.PurePosixPath(pattern).parts))
