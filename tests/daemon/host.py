# SPDX-License-Identifier: LGPL-2.1-or-later
"""A made-up Dom0 for `xenshmctl doctor`: files as the kernel of a ZCU102 shows them on Xen, below a
folder that stands for the root."""

import os
import pathlib
import shutil
import struct

TREE = "/sys/firmware/devicetree/base"
PLATFORM = "/sys/devices/platform"
DRIVERS = "/sys/bus/platform/drivers"
DRIVER = "uio_pdrv_genirq"
ADDRESS = 0x7ffff000
NODE = f"shared_mem@{ADDRESS:x}"


def cells(*numbers, width=2):
    """The numbers as a property has them, 64 bits each."""
    return b"".join(struct.pack(">Q" if width == 2 else ">I", number) for number in numbers)


def words(*strings):
    return b"".join(string.encode() + b"\0" for string in strings)


class Host:
    """A healthy host; tests then spoil it. Its pool is the page that xenshmd-sim has with
    `--pool 4K`."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.make_xen()
        self.make_kernel()
        self.make_tree()
        self.make_uio("uio0", NODE, [(ADDRESS, 4096)])

    # ---- files ----

    def path(self, path):
        return pathlib.Path(str(self.root) + path)

    def file(self, path, content):
        """Text or bytes; the folders that lead there are made as well."""
        full = self.path(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def link(self, path, target):
        """A link to a path of this host."""
        full = self.path(path)
        full.parent.mkdir(parents=True, exist_ok=True)
        full.unlink(missing_ok=True)
        full.symlink_to(os.path.relpath(self.path(target), full.parent))

    def remove(self, path):
        full = self.path(path)
        if full.is_dir() and not full.is_symlink():
            shutil.rmtree(full)
        else:
            full.unlink()

    # ---- a healthy host ----

    def make_xen(self):
        self.file("/sys/hypervisor/type", "xen\n")
        for part, text in (("major", "4"), ("minor", "17"), ("extra", ".7")):
            self.file(f"/sys/hypervisor/version/{part}", text + "\n")
        self.file("/proc/xen/capabilities", "control_d\n")
        self.file("/dev/xen/privcmd", "")
        self.file("/dev/xen/xenbus", "")
        for pid, name in ((1, "systemd"), (200, "xenstored"), (210, "xenconsoled")):
            self.file(f"/proc/{pid}/comm", name + "\n")

    def make_kernel(self):
        self.file("/proc/cmdline", "console=hvc0 uio_pdrv_genirq.of_id=uio-dev quiet\n")
        self.file("/proc/iomem", "00000000-2fffffff : System RAM\n"
                                 "  00210000-0139ffff : Kernel code\n"
                                 "ff000000-ff000fff : serial\n")
        for module in ("uio", DRIVER):
            self.path(f"/sys/module/{module}").mkdir(parents=True)
        self.path(f"{DRIVERS}/{DRIVER}").mkdir(parents=True)
        self.path("/sys/class/uio").mkdir(parents=True)

    def make_tree(self):
        self.link("/proc/device-tree", TREE)
        for name in ("#address-cells", "#size-cells"):
            self.node("", **{name: cells(2, width=1)})
        self.node("memory@0", device_type=words("memory"), reg=cells(0, 0x30000000))
        self.node("hypervisor", compatible=words("xen,xen-4.17", "xen,xen"),
                  reg=cells(0x30000000, 0x1000000, 0x31000000, 0x4ee00000))
        self.node(NODE, compatible=words("uio-dev"), reg=cells(ADDRESS, 4096))

    def node(self, path, **properties):
        for name, value in properties.items():
            self.file(f"{TREE}/{path}/{name.replace('__', ',')}", value)

    def make_device(self, name, node, driver=DRIVER):
        """The platform device of a node, bound to a driver or not."""
        self.path(f"{PLATFORM}/{name}").mkdir(parents=True, exist_ok=True)
        self.link(f"{PLATFORM}/{name}/of_node", f"{TREE}/{node}")
        self.link(f"/sys/bus/platform/devices/{name}", f"{PLATFORM}/{name}")
        if driver:
            self.path(f"{DRIVERS}/{driver}").mkdir(parents=True, exist_ok=True)
            self.link(f"{PLATFORM}/{name}/driver", f"{DRIVERS}/{driver}")
            self.link(f"{DRIVERS}/{driver}/{name}", f"{PLATFORM}/{name}")

    def make_uio(self, uio, node, maps):
        """A UIO device that the driver made of a node."""
        device = node.rpartition("/")[2].replace("@", ".")
        folder = f"{PLATFORM}/{device}/uio/{uio}"
        self.make_device(device, node)
        self.file(f"{folder}/name", node.partition("@")[0] + "\n")
        for index, (address, size) in enumerate(maps):
            for name, value in (("addr", address), ("size", size), ("offset", 0)):
                self.file(f"{folder}/maps/map{index}/{name}", f"0x{value:016x}\n")
        self.link(f"{folder}/device", f"{PLATFORM}/{device}")
        self.link(f"/sys/class/uio/{uio}", folder)
        self.file(f"/dev/{uio}", "")

    def remove_uio(self, uio, node):
        """The node is there, but no driver has taken it."""
        device = node.rpartition("/")[2].replace("@", ".")
        self.remove(f"/sys/class/uio/{uio}")
        self.remove(f"/dev/{uio}")
        self.remove(f"{PLATFORM}/{device}")
        self.remove(f"{DRIVERS}/{DRIVER}/{device}")
        self.make_device(device, node, driver=None)
