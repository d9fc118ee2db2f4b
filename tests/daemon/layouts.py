# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of `xenshmctl apply` share: running it, saying what a layout means and whether
that is so, and a go-between that looks at its requests on their way to the daemon, so that
something can happen before or after any of them."""

import json
import os
import pathlib
import socket
import subprocess
import threading

from harness import (PAGE, PATIENCE, REPORTS, SegmentMixin, WorldTest, connect, die_with_parent,
                     number, wait_until, whole_pages)

XENSHMCTL = os.environ.get("XENSHMCTL", "xenshmctl")

# Requests that change something; the others only look.
CHANGING = ("segment.alloc", "segment.free", "guest.attach", "guest.detach")

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def guest(name, address=None):
    return {"guest": name} if address is None else {"guest": name, "address": address}


def segment(name, *guests, size=PAGE, **more):
    """Guests are names, or objects of guest()."""
    return {"name": name, "size": size, **more,
            "guests": [one if isinstance(one, dict) else guest(one) for one in guests]}


def layout(*segments):
    return {"version": 1, "segments": list(segments)}


def size_of(value):
    if isinstance(value, str):
        value = int(value[:-1]) * UNITS[value[-1]] if value[-1] in UNITS else int(value)
    return whole_pages(value)


class Run:
    """One xenshmctl that has begun."""

    def __init__(self, socket_path, *arguments, text=""):
        self.process = subprocess.Popen([XENSHMCTL, "--socket", str(socket_path), *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        self.text = text
        self.out = self.err = None

    def finish(self):
        """Its exit status."""
        self.out, self.err = self.process.communicate(self.text, timeout=2 * PATIENCE)
        for report in REPORTS:
            assert report not in self.err, self.err
        return self.process.returncode


class Between:
    """Takes connections in the daemon's place and hands the lines on, one connection at a time.
    `before` is called with each request and its number among the changing ones (0: it only looks),
    `after` with the reply besides; what that returns goes out instead. An OSError that they raise
    ends the connection."""

    def __init__(self, path, daemon_path, before=None, after=None):
        self.path, self.daemon_path = pathlib.Path(path), daemon_path
        self.before, self.after = before, after
        self.changes = 0
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        """Returns when nothing is handed on any more."""
        if self.thread.is_alive():
            self.listener.shutdown(socket.SHUT_RDWR)
            self.thread.join(PATIENCE)
        self.listener.close()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client:
                client.settimeout(PATIENCE)
                try:
                    self.hand_on(client)
                except OSError:
                    pass

    def hand_on(self, client):
        with connect(self.daemon_path) as daemon, client.makefile("rwb") as ours, \
                daemon.makefile("rwb") as theirs:
            for line in ours:
                request = json.loads(line)
                change = request["method"] in CHANGING
                self.changes += change
                number_ = self.changes if change else 0
                if self.before:
                    self.before(request, number_)
                theirs.write(line)
                theirs.flush()
                reply = theirs.readline()
                if self.after:
                    reply = self.after(request, number_, reply) or reply
                ours.write(reply)
                ours.flush()


class ApplyTest(SegmentMixin, WorldTest):
    """Guests alpha, beta and gamma; 1 MiB."""

    def ctl(self, *arguments, text="", status=0, socket_path=None):
        run = Run(socket_path or self.daemon.socket_path, *arguments, text=text)
        self.assertEqual(run.finish(), status, run.err)
        return run

    def apply(self, wanted, *options, status=0, **more):
        """The lines that it prints."""
        run = self.ctl("apply", "-", *options, text=json.dumps(wanted), status=status, **more)
        self.last = run
        return run.out.splitlines()

    def begin_apply(self, wanted, *options, socket_path=None):
        """One that goes on while the test does other things; finish() ends it."""
        run = Run(socket_path or self.daemon.socket_path, "apply", "-", *options,
                  text=json.dumps(wanted))
        self.addCleanup(run.process.wait)
        self.addCleanup(run.process.kill)
        run.process.stdin.write(run.text)
        run.process.stdin.close()
        run.process.stdin = None
        run.text = None
        return run

    def between(self, before=None, after=None):
        between = Between(self.folder / "between", self.daemon.socket_path, before, after)
        self.addCleanup(between.close)
        return between

    # ---- what there is ----

    def have(self):
        """What a layout can speak of: {segment: {..., guests: {name: (address, state)}}}."""
        have = {}
        for one in self.call("segment.list")["segments"]:
            guests = {each["guest"]["name"]: (each["guest_address"], each["state"])
                      for each in one["attachments"]}
            have[one["name"]] = {key: one[key] for key in ("size", "pool", "kept", "epoch",
                                                           "host_address")} | {"guests": guests}
        return have

    def check_wanted(self, wanted, prune=False):
        """It is as the layout has it, and a further apply has nothing to do."""
        have = self.have()
        for one in wanted["segments"]:
            self.assertIn(one["name"], have)
            self.check_one(one, have[one["name"]])
        if prune:
            self.assertEqual(set(have), {one["name"] for one in wanted["segments"]})
        options = ["--prune"] if prune else []
        self.assertEqual(self.apply(wanted, *options), ["nothing to do"])
        self.assertEqual(self.have(), have)

    def check_one(self, wanted, have):
        self.assertEqual(have["size"], size_of(wanted["size"]))
        self.assertEqual(have["kept"], wanted.get("kept", True))
        if "pool" in wanted:
            self.assertEqual(have["pool"], wanted["pool"])
        self.assertEqual(set(have["guests"]), {one["guest"] for one in wanted["guests"]})
        for one in wanted["guests"]:
            address, state = have["guests"][one["guest"]]
            self.assertIn(state, ("attached", "waiting"))
            place = {None: address, "identity": have["host_address"]}.get(
                one.get("address"), one.get("address"))
            self.assertEqual(number(address), int(place, 16))

    def places(self):
        """The same without the states, which may change by themselves."""
        return {name: one | {"guests": {guest_: place for guest_, (place, _)
                                        in one["guests"].items()}}
                for name, one in self.have().items()}

    def check_export(self):
        """What export prints has nothing to do."""
        have = self.places()
        text = self.ctl("export").out
        self.assertEqual(self.ctl("apply", "-", text=text).out, "nothing to do\n")
        self.assertEqual(self.ctl("apply", "-", "--prune", text=text).out, "nothing to do\n")
        self.assertEqual(self.places(), have)
        return json.loads(text)

    # ---- what happens ----

    def forgive(self):
        """No fault is planned any more. Returns how many were."""
        pending = self.call("sim.status")["faults_pending"]
        for operation in ("list", "name", "config", "probe", "permit", "revoke", "map", "unmap",
                          "publish", "unpublish", "store_write", "store_remove", "any"):
            if pending:
                self.call("sim.fail", operation=operation, errno=0)
        return pending

    def quarantined(self):
        return [one for each in self.call("segment.list")["segments"]
                for one in each["attachments"] if one["state"] == "quarantined"]

    def mend(self):
        """What could not be taken back is tried again, now that it works."""
        def mended():
            if self.quarantined():
                self.call("sim.guest.start", name="poke", memory=1 << 20)
                self.call("sim.guest.destroy", name="poke")
            return not self.quarantined()

        wait_until(mended, "nothing is quarantined")
        self.call("guest.list")
        self.idle()

    def clear(self):
        """No segment is left."""
        self.apply(layout(), "--prune")
        self.gone(*self.names())
        self.assertEqual(self.names(), [])
