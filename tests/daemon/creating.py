# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of created guests share: configurations as `xl create --dryrun` prints them, the
calls, planned faults of builders, and whether the records of created guests fit with all else."""

import contextlib
import json
import time

from harness import MIB, PAGE, SECRET, SegmentMixin, number, wait_until

UUID = "11111111-2222-4333-8444-{:012x}"
MEMORY = 32 * MIB  # of each guest; the simulated host has little
POOL_END = 0x80000000

# As xl hands it to libxl: by the key of a configuration file.
REASONS = ("poweroff", "reboot", "crash", "watchdog", "soft_reset")


def config_of(name, kernel, number_=None, uuid=None, on=None, c_info=None, pcidevs=None, **b_info):
    """A guest's configuration; `on`: {reason: libxl's action}. None takes a key of b_info out."""
    if number_ is not None:
        uuid = UUID.format(number_)
    config = {
        "c_info": {"type": "pvh", "name": name, **({"uuid": uuid} if uuid else {}),
                   "run_hotplug_scripts": "True", **(c_info or {})},
        "b_info": {"max_vcpus": 1, "avail_vcpus": [0], "max_memkb": MEMORY // 1024,
                   "target_memkb": MEMORY // 1024, "shadow_memkb": 1280, "sched_params": {},
                   "claim_mode": "False", "kernel": kernel and str(kernel),
                   "cmdline": "console=hvc0", "type.pvh": {}, "arch_arm": {}, **b_info},
        # What xl fills in where the file has nothing.
        "on_reboot": "restart", "on_soft_reset": "soft_reset",
    }
    for key in [key for key, value in config["b_info"].items() if value is None]:
        del config["b_info"][key]
    for reason, action in (on or {}).items():
        config[f"on_{reason}"] = action
    if pcidevs:
        config["pcidevs"] = pcidevs
    return config


class CreateMixin(SegmentMixin):
    """For a DaemonTest; everything agrees at its end, and no builder is left."""

    def setUp(self):
        self.numbers = iter(range(1, 10000))
        super().setUp()
        self.kernel = self.folder / "kernel"
        self.kernel.write_bytes(b"kernel")

    def settings(self, name="guest1", **more):
        if "uuid" not in more:
            more.setdefault("number_", next(self.numbers))
        return config_of(name, more.pop("kernel", self.kernel), **more)

    # ---- calls ----

    def create(self, name="guest1", *shares, paused=None, **more):
        """Creates a guest of these settings; a share may be a size or the name of a segment."""
        return self.client.finish(self.ask_create(name, *shares, paused=paused, **more))

    def ask_create(self, name="guest1", *shares, paused=None, client=None, **more):
        """Only asks for it."""
        params = {"config": self.settings(name, **more),
                  "shares": [self.as_share(share) for share in shares]}
        if paused is not None:
            params["paused"] = paused
        return (client or self.client).request("guest.create", **params)

    @staticmethod
    def as_share(share):
        if isinstance(share, int):
            return {"size": share}
        return {"segment": share} if isinstance(share, str) else share

    def destroy(self, guest):
        return self.call("guest.destroy", guest=guest)["guest"]

    def fault(self, step, action, **more):
        """The next builder that comes to that step does so."""
        return self.call("sim.builder", step=step, action=action, **more)["pending"]

    def forgive(self):
        for step in ("start", "facts", "build", "built", "run", "end"):
            left = self.fault(step, "")
        assert left == 0, left

    def shut_down(self, name, reason):
        self.call("sim.guest.shutdown", name=name, reason=reason)

    # ---- what there is ----

    def guests_now(self):
        return self.call("guest.list")["guests"]

    def guest(self, name):
        """The only guest of that name, or None."""
        found = [guest for guest in self.guests_now() if guest["name"] == name]
        assert len(found) < 2, found
        return found[0] if found else None

    def twins(self, uuid):
        return [guest for guest in self.guests_now() if guest["uuid"] == uuid]

    def record(self, uuid):
        path = self.daemon.state_dir / "guests" / f"{uuid}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def records(self):
        found = {}
        for name in self.daemon.guest_files():
            # One that is just forgotten may go between being listed and being read.
            with contextlib.suppress(FileNotFoundError):
                if name.endswith(".json"):
                    found[name[:-5]] = self.record(name[:-5])
        return found

    def tree(self, uuid):
        return (self.daemon.state_dir / "guests" / f"{uuid}.dtb").read_bytes()

    # ---- waiting ----

    def became(self, name, domid, what="running"):
        """Waits until the guest is another domain than that; returns it."""
        def renewed():
            guest = self.guest(name)
            return guest if guest and guest["domid"] != domid and guest["state"] == what else None

        guest = wait_until(renewed, f"{name} is {what}, and not domain {domid} any more")
        self.idle()
        return guest

    def vanished(self, uuid):
        """Waits until the guest is neither there nor looked after."""
        wait_until(lambda: f"{uuid}.json" not in self.daemon.guest_files() and
                   not self.twins(uuid), f"{uuid} is gone")
        self.idle()

    def builders(self, count=1):
        """Waits until so many are at work."""
        wait_until(lambda: self.call("daemon.status")["counts"]["builders"] == count,
                   f"{count} builders work")

    def half_made(self, name="guest1"):
        """Waits until the domain is there, while a builder is still at work on it."""
        guest = wait_until(lambda: self.guest(name), f"domain {name} exists")
        assert guest["state"] in ("building", "restarting"), guest
        return guest

    # ---- agreement ----

    def snapshot(self):
        return dict(super().snapshot(), records=self.records(), files=self.daemon.guest_files(),
                    builders=self.call("daemon.status")["counts"]["builders"])

    def agree(self):
        segments = super().agree()
        self.check_records()
        self.check_processes()
        return segments

    def check_records(self):
        """Each guest that is looked after has a record that fits, and there is no other file."""
        guests = self.guests_now()
        records = self.records()
        self.assertEqual({guest["uuid"] for guest in guests if guest["created"]}, set(records))
        for uuid, record in records.items():
            self.assertEqual(record["version"], 1)
            self.assertIn(record["state"], ("running", "preserved"), record)
            self.assertEqual(record["facts"]["uuid"], uuid)
            domids = {guest["domid"] for guest in guests if guest["uuid"] == uuid}
            self.assertIn(record["domid"], domids)
            # Those that were destroyed since are not written down at once.
            self.assertLessEqual(domids, {record["domid"], *record["preserved"]})
        trees = {name[:-4] for name in self.daemon.guest_files() if name.endswith(".dtb")}
        self.assertLessEqual(trees, set(records))
        self.assertEqual(self.daemon.guest_files(), {f"{uuid}.json" for uuid in records} |
                         {f"{uuid}.dtb" for uuid in trees})

    def check_processes(self):
        wait_until(lambda: not self.daemon.children(), "no builder is left", 5)
        self.assertEqual(self.call("daemon.status")["counts"]["builders"], 0)

    def check_nothing_left(self):
        """No guest that was created, none of its pages, no file."""
        self.assertEqual(self.agree(), {})
        self.assertEqual(self.daemon.guest_files(), set())
        self.assertFalse([guest for guest in self.guests_now() if guest["created"]])

    # ---- bytes ----

    def guest_bytes(self, attachment):
        return self.guest_read(attachment["guest"]["name"], attachment["guest_address"],
                               attachment["size"])

    def fill(self, attachment, data):
        self.guest_write(attachment["guest"]["name"], attachment["guest_address"],
                         data * (attachment["size"] // len(data)))

    def dirty_pool(self, pages):
        """The first pages, free ones, have been somebody else's."""
        start = number(self.call("pool.list")["pools"][0]["host_address"])
        for page in range(pages):
            self.host_write(hex(start + page * PAGE), SECRET)


def same_place(before, after):
    """What must be the same of an attachment in a guest that was made anew."""
    keys = ("segment", "pool", "host_address", "guest_address", "size", "epoch")
    return [{key: one[key] for key in keys} for one in before] == \
        [{key: one[key] for key in keys} for one in after]


def by_segment(attachments):
    return sorted(attachments, key=lambda one: one["segment"])


class Responsiveness:
    """How long other clients wait for an answer meanwhile."""

    def __init__(self, client):
        self.client = client
        self.times = []

    def measure(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            self.client.call("daemon.status")
            self.times.append(time.monotonic() - begun)
            time.sleep(0.001)

    def percentile(self, part):
        return sorted(self.times)[int(len(self.times) * part)]
