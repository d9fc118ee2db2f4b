#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the source tree that no compiler checks: licence lines, the one direction of
includes, who may know Xen, JSON and the log, and how pool memory may be touched. Prints TAP."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A file may include files of its own level and of those above it in this list.
LEVELS = [
    {"pool", "pool_runs", "window", "uio_open", "scrub", "config", "config_keys",
     "config_segment", "config_value", "access", "hypervisor", "hypervisor_xen", "hypervisor_xen_private", "hypervisor_xen_config",
     "hypervisor_xen_connection", "hypervisor_xen_store", "hypervisor_sim",
     "hypervisor_sim_private", "sim_domains", "sim_faults", "sim_world", "sim_guest", "builder", "store_file",
     "budget", "listing_text", "pace", "weight",
     "owner", "quota", "audit", "report_limit", "audit_journal",
     "created", "created_facts", "metrics", "exposition", "schema", "outgoing", "process",
     "builder_connect", "builder_spawn"},
    {"segment", "guest", "guest_private", "guest_call", "guest_wait", "guest_window", "mapping", "publish",
     "opening"},
    {"operation", "state", "store", "store_text", "describe", "describe_schema", "events", "progress", "tell", "holders",
     "placement", "claim", "bringup", "teardown", "order", "operation_attach", "operation_detach",
     "operation_reclaim", "operation_restore", "operation_segment", "operation_segment_alloc",
     "operation_segment_free", "create_check", "operation_create",
     "operation_create_private", "operation_create_adopt", "operation_create_build",
     "operation_create_end", "operation_create_segments", "operation_end", "suboperation", "building",
     "attachment_wait", "store_created", "closing", "operation_segment_open"},
    {"lifecycle", "reconcile", "connection", "connection_private", "connection_cut_off", "connection_input",
     "connection_output", "connection_turn"},
    {"listing",
     "dispatch", "audit_request", "methods", "metrics_families", "metrics_requests", "metrics_state", "share_params"},
    {"service", "listener", "options", "reload", "daemon"},
    {"main", "main_sim"},
]
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}

# The same for daemon/builder, whose programs are apart: what they take of the daemon is here too.
BUILDER_DAEMON = {"builder", "hypervisor", "hypervisor_sim", "hypervisor_xen_private"}
BUILDER_LEVELS = [
    {"conversation", "shares"},
    {"guest_tree"},
    {"plan"},
    {"backend", "backend_sim", "backend_sim_config", "backend_xen", "backend_xen_config",
     "backend_xen_destroy", "backend_xen_log", "backend_xen_private"},
    {"create", "end", "keeper"},
    {"main"},
]
BUILDER_LEVEL = {name: number for number, names in enumerate(BUILDER_LEVELS) for name in names}

PURE = {"pool", "pool_runs", "window", "segment", "owner", "report_limit"}
XEN_HEADER = re.compile(r"<(libxl|xen|_libxl|xs\.|xentoollog)")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^>"]+[>"])', re.M)


def sources(*folders):
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.[ch]"))


def includes(path):
    return INCLUDE.findall(path.read_text())


def tracked():
    """Every file that is or will be part of the repository; outside one, the sources."""
    try:
        git = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                             cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        git = None
    if not git or git.returncode != 0:
        return list(sources("common", "daemon", "client", "include", "tests"))
    return [ROOT / line for line in git.stdout.splitlines() if (ROOT / line).is_file()]


def level_of(path):
    if path.stem.startswith("method_"):
        return LEVEL["methods"]
    return LEVEL.get(path.stem)


def check_licence():
    for path in tracked():
        if path.suffix in {".md", ".json"} or path.name in {"LICENSE", "CHANGELOG", ".gitignore",
                                                             ".editorconfig", ".clang-format"} \
                or path.parent.name.startswith("corpus_") or path.is_relative_to(ROOT / "docs" / "rendered") \
                or path == ROOT / "docs" / "demo" / "transcript.txt":
            continue
        head = path.read_bytes()[:400]
        if b"SPDX-License-Identifier: LGPL-2.1-or-later" not in head:
            yield f"{path.relative_to(ROOT)}: no SPDX line"


def check_builder():
    """The builders' own levels; the daemon knows of them only what they say over the socket."""
    folder = ROOT / "daemon" / "builder"
    for path in sources("daemon"):
        of_builder = path.parent == folder
        level = BUILDER_LEVEL.get(path.stem) if of_builder else None
        if of_builder and level is None:
            yield f"daemon/builder/{path.name}: it has no level in tests/tree/check_tree.py"
            continue
        for name in includes(path):
            own = folder / name.strip('"')
            daemons = ROOT / "daemon" / name.strip('"')
            if name[0] != '"' or (not own.exists() and not daemons.exists()):
                continue
            if own.exists() and not of_builder and not daemons.exists():
                yield f"daemon/{path.name} includes the builders' {name}"
            elif of_builder and own.exists() and BUILDER_LEVEL.get(own.stem, 0) > level:
                yield f"daemon/builder/{path.name} includes {own.name}, which stands above it"
            elif of_builder and not own.exists() and daemons.stem not in BUILDER_DAEMON:
                yield f"daemon/builder/{path.name} includes the daemon's {name}"


def check_levels():
    for path in sources("daemon"):
        if path.parent != ROOT / "daemon":
            continue
        level = level_of(path)
        if level is None:
            yield f"daemon/{path.name}: it has no level in tests/tree/check_tree.py"
            continue
        for name in includes(path):
            other = ROOT / "daemon" / name.strip('"')
            if name[0] == '"' and other.exists() and (level_of(other) or 0) > level:
                yield f"daemon/{path.name} includes {other.name}, which stands above it"


def check_common():
    for path in sources("common", "include"):
        for name in includes(path):
            own = [ROOT / "common" / name.strip('"'), ROOT / "include" / name.strip('"')]
            if name[0] == '"' and not any(file.exists() for file in own):
                yield f"{path.relative_to(ROOT)} includes {name} from outside common/"


def check_client():
    for path in sources("client"):
        for name in includes(path):
            if name[0] == '"' and (ROOT / "daemon" / name.strip('"')).exists() \
                    and not (ROOT / "client" / name.strip('"')).exists() \
                    and not (ROOT / "common" / name.strip('"')).exists():
                yield f"client/{path.name} includes the daemon's {name}"


def check_library():
    """libxenshm knows nothing of xenshmctl, which knows only the library's public headers."""
    folder = ROOT / "client" / "libxenshm"
    homes = {"library": [folder, ROOT / "common", ROOT / "include"],
             "client": [ROOT / "client", ROOT / "common", ROOT / "include"]}
    for path in sources("client"):
        side = "library" if path.parent == folder else "client"
        for name in includes(path):
            if name[0] == '"' and not any((home / name.strip('"')).exists()
                                          for home in homes[side]):
                yield f"{path.relative_to(ROOT)} includes {name}, which is not the {side}'s"


def check_xen():
    for path in sources("common", "daemon", "client", "include"):
        if path.name.startswith(("hypervisor_xen", "backend_xen")):
            continue
        for name in includes(path):
            if XEN_HEADER.search(name):
                yield f"{path.relative_to(ROOT)} includes a Xen header, {name}"


def check_devtree():
    for path in sources("common", "daemon", "client", "include"):
        if "<libfdt.h>" in includes(path) and not path.name.startswith("devtree"):
            yield f"{path.relative_to(ROOT)} includes libfdt"


def check_pure():
    forbidden = {'"log.h"', "<stdio.h>", "<unistd.h>", "<fcntl.h>", "<event2/event.h>"}
    allowed = {"segment.c": {"<stdio.h>"}}  # snprintf
    for path in sources("daemon"):
        if path.stem not in PURE:
            continue
        for name in set(includes(path)) & forbidden - allowed.get(path.name, set()):
            yield f"daemon/{path.name} is pure but includes {name}"


def check_pool_memory():
    """Only scrub.c stores to a pool; the simulator's bytes are ordinary memory."""
    for path in sources("daemon"):
        text = path.read_text()
        if path.stem in {"scrub", "state"} or path.stem.startswith(("sim_", "hypervisor_sim",
                                                                     "method_sim")):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(r"mem(set|cpy|move)\s*\([^;]*state_pool_address", line):
                yield f"daemon/{path.name}:{number}: touches pool memory"


CHECKS = [check_licence, check_levels, check_builder, check_common, check_client, check_library, check_xen, check_devtree, check_pure,
          check_pool_memory]


def main():
    failed = 0
    print(f"1..{len(CHECKS)}")
    for number, check in enumerate(CHECKS, 1):
        faults = list(check())
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {check.__name__}")
        for fault in faults:
            print(f"# {fault}")
    return 1 if failed else 0


sys.exit(main())
