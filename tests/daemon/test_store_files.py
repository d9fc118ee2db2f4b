# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever stands in the store: the daemon starts, names the file, gives nothing out while there is
one that it cannot understand, serves what it does understand, and deletes nothing but its own
temporary files."""

import json
import os
import stat
import unittest

from world import PAGE, Refused, World, explained

POOL = 256 * PAGE


class StoreCase(unittest.TestCase):
    def setUp(self):
        self.world = World("--pool", str(POOL), "--guest", "alpha", "beta", "gamma").start()
        self.addCleanup(self.world.close)
        self.world.attach("alpha", 2 * PAGE, name="good")
        self.world.attach("alpha", 3 * PAGE, name="hurt")
        self.world.attach("beta", segment="hurt")
        self.good = self.world.list()[0]
        self.hurt = self.world.list()[1]
        self.world.stop()
        self.file = self.world.segments / "hurt.json"
        self.text = self.file.read_bytes()

    def marks(self):
        """The log from here on."""
        start = len(self.world.text_log())
        return lambda: self.world.text_log()[start:]

    def look(self, path):
        """What is there, without following it."""
        status = os.lstat(path)
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        return stat.S_IFMT(status.st_mode), status.st_ino, content

    def served(self):
        """What is understood is there as ever, and shown."""
        self.assertEqual([s for s in self.world.list() if s["name"] == "good"], [self.good])
        self.assertEqual(self.world.call("segment.show", name="good"), self.good)
        self.world.write("alpha", self.good["attachments"][0], b"0123456789abcdef")

    def held(self, **params):
        """Nothing new is attached: neither pages nor addresses are known to be free."""
        with self.assertRaises(Refused) as caught:
            self.world.call("guest.attach", **params)
        self.assertEqual(caught.exception.name, "PAGES_HELD")
        return caught.exception

    def bad(self, path=None, count=1, uid=None):
        """The file is bad: it is named, held, and left alone; everything else goes on."""
        path = path or self.file
        before = self.look(path)
        log = self.marks()
        self.world.start(uid=uid)
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], count)
        lines = [line for line in log().splitlines() if f"segments/{path.name}:" in line]
        self.assertTrue(lines, log())
        self.assertTrue(all("error" in line for line in lines), lines)
        for params in ({"guest": "alpha", "size": PAGE}, {"guest": "gamma", "size": PAGE},
                       {"guest": "gamma", "segment": "good"}):
            refusal = self.held(**params)
            if count == 1:
                self.assertIn(path.name, refusal.message)
        self.served()
        self.world.stop()
        self.assertEqual(self.look(path), before)
        return lines

    def whole(self):
        """Nothing is bad (any more)."""
        self.world.start()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 0)
        self.world.attach("gamma", PAGE)
        self.world.detach("gamma")
        self.assertEqual(self.world.list(), [self.good, self.hurt])
        self.world.check()
        self.world.stop()

    def edit(self, change):
        """The file with one thing changed in its JSON."""
        content = json.loads(self.text)
        change(content)
        self.file.write_text(json.dumps(content))


class Broken(StoreCase):
    """The file of a segment is not what it was."""

    def test_truncated_at_every_byte(self):
        """Each length is a file of its own, so that one start is enough for all of them."""
        files = {}
        for length in range(len(self.text)):
            name = f"t{length}"
            text = self.text.replace(b'"hurt"', f'"{name}"'.encode())
            files[f"{name}.json"] = text[:length]
            (self.world.segments / f"{name}.json").write_bytes(text[:length])
        log = self.marks()
        self.world.start()
        counts = self.world.call("daemon.status")["counts"]
        self.assertEqual((counts["bad_store_files"], counts["segments"]), (len(files), 2))
        for name, content in files.items():
            self.assertIn(f"segments/{name}: it is not a whole JSON object", log())
            self.assertEqual((self.world.segments / name).read_bytes(), content)

    def test_truncated(self):
        """One at a time, at some lengths."""
        for length in (*range(0, len(self.text), 61), len(self.text) - 1):
            self.file.write_bytes(self.text[:length])
            with explained(f"{length} bytes"):
                self.bad()
        self.file.write_bytes(self.text)
        self.whole()

    def test_garbage(self):
        for content in (b"\0", b"\0" * 4096, b"null", b"[]", b"{}", b"\xff\xfe", b"{" * 5000,
                        b"[" * 100000, b'{"version": 1}', self.text + self.text,
                        self.text + b"x", self.text.replace(b'"hurt"', b'"h\xc3rt"'),
                        self.text.replace(b'"kept"', b'"epoch":1,"kept"')):
            self.file.write_bytes(content)
            self.bad()

    def test_later_version(self):
        self.edit(lambda content: content.update(version=2))
        self.assertIn("another version", self.bad()[0])

    def test_no_version(self):
        for value in (None, "1", 1.0, -1, True):
            self.edit(lambda content, value=value: content.update(version=value))
            self.bad()

    def test_wrong_name(self):
        self.edit(lambda content: content.update(name="good"))
        self.assertIn("another name", self.bad()[0])
        for name in ("", "../x", "x" * 64, ".x", "hurt ", "Hurt", None, 7):
            self.edit(lambda content, name=name: content.update(name=name))
            self.bad()

    def test_fields_missing(self):
        for field in json.loads(self.text):
            self.edit(lambda content, field=field: content.pop(field))
            self.bad()
        for field in ("guest", "guest_address", "state"):
            self.edit(lambda content, field=field: content["attachments"][1].pop(field))
            self.bad()
        for field in ("domid", "uuid", "name"):
            self.edit(lambda content, field=field: content["attachments"][1]["guest"].pop(field))
            self.bad()

    def test_values_out_of_range(self):
        for field, values in {
                "size": (0, -PAGE, 1, PAGE + 1, 1 << 62, 257 * PAGE, 1 << 70, "4096", None),
                "host_address": ("0x0", "0x7ff00001", "0xffffffffffffffff", "7ff00000", 5, None,
                                 "0xfffffffffffff000", "0x1" + "0" * 16, ""),
                "epoch": (-1, "1", None, 1.5, (1 << 63) - 1, 1 << 64),
                "owner_uid": (-1, 1 << 32, "0", None),
                "kept": (0, "false", None),
                "pool": ("", "other", "x" * 64, "x" * 100000, None, 5),
                "attachments": ({}, None, [None], [[]], "")}.items():
            for value in values:
                with explained(f"{field} = {str(value)[:40]}"):
                    self.edit(lambda content, f=field, v=value: content.update({f: v}))
                    self.bad()

    def test_values_of_attachments(self):
        for field, values in {
                "guest_address": ("0x3a000001", "0xffffffffffffffff", "0xfffffffffffff000", 0, ""),
                "state": ("", "gone", "attached ", None, "x" * 1000)}.items():
            for value in values:
                with explained(f"{field} = {str(value)[:40]}"):
                    self.edit(lambda content, f=field, v=value:
                              content["attachments"][0].update({f: v}))
                    self.bad()
        for field, values in {
                "domid": (-1, 1 << 32, "1", None), "uuid": ("", "x", "0" * 36, None),
                "name": ("x" * 128, None, 5)}.items():
            for value in values:
                with explained(f"{field} = {str(value)[:40]}"):
                    self.edit(lambda content, f=field, v=value:
                              content["attachments"][0]["guest"].update({f: v}))
                    self.bad()

    def test_same_guest_twice(self):
        """One guest has a segment once; a file that says otherwise is not ours."""
        self.edit(lambda content: content["attachments"].append(content["attachments"][0]))
        self.bad()

    def test_unknown_fields(self):
        """A newer daemon of the same format may write more; it is not for us to refuse."""
        self.edit(lambda content: content.update(colour="blue"))
        self.world.start()
        self.assertEqual(self.world.list(), [self.good, self.hurt])

    def test_pages_in_two_files(self):
        """Each alone is well: whichever comes first is believed, and nothing is given out."""
        twin = self.world.segments / "twin.json"
        content = json.loads(self.text)
        content["name"] = "twin"
        for attachment in content["attachments"]:
            attachment["segment"] = "twin"
        twin.write_text(json.dumps(content))
        log = self.marks()
        self.world.start()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 1)
        self.assertEqual(len([s for s in self.world.list() if s["name"] in ("hurt", "twin")]), 1)
        self.assertRegex(log(), r"segments/(hurt|twin)\.json: its pages are not all in pool")
        with self.assertRaises(Refused) as caught:
            self.world.attach("gamma", PAGE)
        self.assertEqual(caught.exception.name, "PAGES_HELD")
        self.served()
        self.world.stop()
        self.assertTrue(twin.exists() and self.file.exists())
        twin.unlink()
        self.whole()

    def test_pages_overlap_in_part(self):
        self.edit(lambda content: content.update(host_address=hex(
            int(self.good["host_address"], 16) + PAGE)))
        self.world.start()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 1)
        self.assertEqual(len(self.world.list()), 1)
        self.assertTrue(self.file.exists())

    def test_a_guest_address_of_another_attachment(self):
        """Two segments cannot stand at one place of a guest."""
        self.edit(lambda content: content["attachments"][0].update(
            guest_address=self.good["attachments"][0]["guest_address"]))
        self.world.start()
        # Whatever it makes of that, what the other segment has stays mapped.
        self.world.idle()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 1)

    def test_detaching_goes_on(self):
        self.file.write_bytes(b"?")
        self.world.start()
        self.world.detach("alpha", "good")
        self.assertEqual(self.world.list(), [])
        self.assertEqual(os.listdir(self.world.segments), ["hurt.json"])
        self.held(guest="gamma", size=PAGE)

    def test_removed_by_hand(self):
        """Then it needs no restart."""
        names = ["a.json", "b.json", "hurt.json"]
        for name in names:
            (self.world.segments / name).write_bytes(b"?")
        self.world.start()
        while names:
            refusal = self.held(guest="gamma", size=PAGE)
            self.assertTrue(any(name in refusal.message for name in names), refusal)
            self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"],
                             len(names))
            (self.world.segments / names.pop(0)).unlink()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 0)
        self.world.attach("gamma", segment="good")
        # The guests still have the pages of the file that was removed, elsewhere in the window.
        self.world.attach("gamma", PAGE, address="0x3b000000")

    def test_replaced_by_hand(self):
        """A file that is whole now is read at the next start, not before."""
        self.file.write_bytes(b"?")
        self.world.start()
        self.held(guest="gamma", size=PAGE)
        self.file.write_bytes(self.text)
        self.held(guest="gamma", size=PAGE)
        self.world.restart()
        self.assertEqual(self.world.list(), [self.good, self.hurt])
        self.world.attach("gamma", PAGE)

    def test_repaired_by_hand(self):
        """Once the file is gone, everything is well after a restart."""
        self.file.write_bytes(b"")
        self.bad()
        self.file.write_bytes(self.text)
        self.whole()
        self.file.write_bytes(b"")
        self.bad()
        self.file.unlink()
        self.world.start()
        self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 0)
        self.world.attach("gamma", PAGE, address="0x3b000000")


class Strange(StoreCase):
    """Things in the folder that are no files of segments."""

    def test_extra_files(self):
        for name in ("README", "good.json.bak", "good.JSON", "x", "good..json", "json", "-.json",
                     "a b.json", "ä.json", "x" * 200 + ".json", "good.json~", ".json", ".hidden",
                     ".good.json", ".good.json.swp"):
            path = self.world.segments / name
            path.write_bytes((self.world.segments / "good.json").read_bytes())
            with explained(repr(name)):
                self.bad(path)
            path.unlink()
        self.whole()

    def test_symlinks(self):
        target = self.world.folder / "target"
        target.write_bytes(self.text)
        self.file.unlink()
        for where in (target, self.world.folder / "nowhere", "/dev/zero", "hurt.json", "."):
            self.file.symlink_to(where)
            self.bad()
            self.file.unlink()
        self.assertEqual(target.read_bytes(), self.text)
        self.file.write_bytes(self.text)
        self.whole()

    def test_fifo(self):
        self.file.unlink()
        os.mkfifo(self.file)
        self.bad()

    def test_device_and_socket(self):
        self.file.unlink()
        try:
            os.mknod(self.file, stat.S_IFCHR | 0o600, os.makedev(1, 5))
        except PermissionError:
            self.skipTest("devices cannot be made here")
        self.bad()

    def test_folder(self):
        self.file.unlink()
        self.file.mkdir()
        (self.file / "inside").write_text("x")
        self.bad()
        self.assertEqual((self.file / "inside").read_text(), "x")

    def test_unreadable(self):
        """For a daemon that is not root, to whom everything is readable."""
        self.file.chmod(0)
        uid = None
        if os.geteuid() == 0:
            uid = 65534
            for path in (self.world.folder, self.world.world, self.world.log, self.world.state,
                         self.world.segments, self.world.state / "guests",
                         *self.world.segments.iterdir()):
                os.chown(path, uid, -1)
        self.bad(uid=uid)

    def test_huge(self):
        with open(self.file, "r+b") as file:
            file.truncate(1 << 40)
        try:
            before = os.lstat(self.file)
            self.world.start()
            self.assertEqual(self.world.call("daemon.status")["counts"]["bad_store_files"], 1)
            self.served()
            self.world.stop()
            self.assertEqual(os.lstat(self.file).st_size, before.st_size)
        finally:
            self.file.unlink()

    def test_large_but_whole(self):
        """Blanks to the limit of what is read, and one more."""
        limit = 16 << 20
        self.file.write_bytes(self.text + b" " * (limit - len(self.text)))
        self.whole()
        self.file.write_bytes(self.text + b" " * (limit + 1 - len(self.text)))
        self.bad()

    def test_several(self):
        for name in ("a.json", "b.json", "c.json"):
            (self.world.segments / name).write_bytes(b"?")
        self.bad(self.world.segments / "b.json", count=3)

    def test_temporary_files_are_removed(self):
        for name in (".good.tmp", ".hurt.tmp", ".new.tmp"):
            (self.world.segments / name).write_bytes(self.text[:100])
        (self.world.segments / ".link.tmp").symlink_to(self.file)
        self.whole()
        self.assertEqual(set(os.listdir(self.world.segments)), {"good.json", "hurt.json"})
        self.assertEqual(self.file.read_bytes(), self.text)

    def test_temporary_name_is_taken(self):
        """A folder where the temporary file goes: refused, nothing changes, others go on."""
        taken = self.world.segments / ".new.tmp"
        taken.mkdir()
        (taken / "inside").write_text("x")
        self.world.start()
        with self.assertRaises(Refused) as caught:
            self.world.attach("gamma", PAGE, name="new")
        self.assertIn(caught.exception.name, ("STORE_FAILED", "PAGES_HELD"))
        self.served()
        self.assertTrue((taken / "inside").exists())


class Folder(unittest.TestCase):
    """The folder itself."""

    def setUp(self):
        self.world = World("--guest", "alpha", "beta")
        self.addCleanup(self.world.close)

    def fails(self):
        self.world.start(wait=False)
        self.assertEqual(self.world.process.wait(20), 1)
        self.world.process = None
        self.assertIn("state directory", self.world.text_log())

    def test_made_when_missing(self):
        self.world.start()
        self.assertEqual(stat.S_IMODE(self.world.segments.stat().st_mode), 0o700)
        self.world.attach("alpha", PAGE)
        self.assertEqual(stat.S_IMODE((self.world.segments / "alpha-0.json").stat().st_mode),
                         0o600)

    def test_is_a_file(self):
        self.world.state.write_text("x")
        self.fails()

    def test_segments_is_a_file(self):
        self.world.state.mkdir()
        self.world.segments.write_text("x")
        self.fails()

    def test_segments_is_a_symlink(self):
        elsewhere = self.world.folder / "elsewhere"
        elsewhere.mkdir()
        self.world.state.mkdir()
        self.world.segments.symlink_to(elsewhere)
        self.fails()
        self.assertEqual(list(elsewhere.iterdir()), [])

    def test_removed_while_running(self):
        """Nothing can be written down: nothing is given out; what is attached stays attached."""
        self.world.start()
        self.world.attach("alpha", PAGE)
        (self.world.segments / "alpha-0.json").unlink()
        self.world.segments.rmdir()
        with self.assertRaises(Refused) as caught:
            self.world.attach("beta", PAGE)
        self.assertEqual(caught.exception.name, "STORE_FAILED")
        status = self.world.call("sim.status")["domains"]
        self.assertEqual([domain["mapped_pages"] for domain in status], [1, 0])
        with self.assertRaises(Refused) as caught:
            self.world.detach("alpha")
        self.assertEqual(caught.exception.name, "STORE_FAILED")

    def mount(self):
        self.world.state.mkdir()
        if os.geteuid() != 0 or os.system(
                f"mount -t tmpfs -o size=64k,nr_inodes=32 none {self.world.state} 2>/dev/null"):
            self.skipTest("nothing can be mounted here")
        self.addCleanup(os.system, f"umount -l {self.world.state}")

    def refused_each(self, calls):
        """Each of them says why, and changes nothing."""
        before = self.world.list(), self.world.call("pool.map"), self.world.call("guest.list")
        for method, params in calls:
            with explained(method), self.assertRaises(Refused) as caught:
                self.world.call(method, **params)
            self.assertEqual(caught.exception.name, "STORE_FAILED", method)
            self.assertEqual((self.world.list(), self.world.call("pool.map"),
                              self.world.call("guest.list")), before, method)
        self.world.check()

    def changing(self):
        """What is written down before it is done."""
        return (("segment.alloc", {"name": "new", "size": PAGE}),
                ("guest.attach", {"guest": "alpha", "size": PAGE}),
                ("guest.attach", {"guest": "beta", "segment": "kept"}),
                ("guest.detach", {"guest": "alpha", "segment": "kept"}),
                ("segment.open", {"name": "kept"}))

    def prepare(self):
        self.mount()
        self.world.start()
        self.world.call("segment.alloc", name="kept", size=PAGE)
        self.world.attach("alpha", segment="kept")

    def works_again(self):
        self.world.call("segment.alloc", name="new", size=PAGE)
        self.world.attach("beta", segment="kept")
        self.world.attach("alpha", PAGE)
        self.world.detach_everything()
        self.world.check_empty()
        self.world.stop()

    def test_full_for_each_method(self):
        self.prepare()
        filler = self.world.state / "filler"
        with open(filler, "wb", buffering=0) as file:
            with self.assertRaises(OSError):
                while True:
                    file.write(b"x" * PAGE)
        self.refused_each(self.changing())
        filler.unlink()
        self.works_again()

    def test_without_inodes_for_each_method(self):
        self.prepare()
        fillers = []
        with self.assertRaises(OSError):
            while True:
                path = self.world.state / f"filler{len(fillers)}"
                path.touch()
                fillers.append(path)
        self.refused_each(self.changing())
        for path in fillers:
            path.unlink()
        self.works_again()

    def test_read_only_for_each_method(self):
        self.prepare()
        remount = "mount -o remount,{} " + str(self.world.state)
        if os.system(remount.format("ro")):
            self.skipTest("nothing can be remounted here")
        try:
            self.refused_each(self.changing())
        finally:
            self.assertEqual(os.system(remount.format("rw")), 0)
        self.works_again()

    def test_full(self):
        """A state directory without room (a tmpfs of one page) refuses, and works again later."""
        self.world.state.mkdir()
        if os.geteuid() != 0 or os.system(
                f"mount -t tmpfs -o size=8k,nr_inodes=16 none {self.world.state} 2>/dev/null"):
            self.skipTest("nothing can be mounted here")
        self.addCleanup(os.system, f"umount -l {self.world.state}")
        self.world.start()
        filler = self.world.state / "filler"
        filler.write_bytes(b"x" * 8192)
        with self.assertRaises(Refused) as caught:
            self.world.attach("alpha", PAGE)
        self.assertEqual(caught.exception.name, "STORE_FAILED")
        self.world.check_empty()
        filler.unlink()
        self.world.attach("alpha", PAGE)
        filler.write_bytes(b"x" * 4096)
        with self.assertRaises(Refused) as caught:
            self.world.attach("beta", segment="alpha-0")
        self.assertEqual(caught.exception.name, "STORE_FAILED")
        self.world.check()
        filler.unlink()
        self.world.attach("beta", segment="alpha-0")
        self.world.detach_everything()
        self.world.check_empty()
        self.world.stop()


if __name__ == "__main__":
    unittest.main()
