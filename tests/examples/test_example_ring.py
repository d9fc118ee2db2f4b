# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/ring: both programs on a segment of a simulated daemon. The guest's has no guest to run in
here: it maps the same bytes through a descriptor that it is given. RING_DOM0 and RING_GUEST name them."""

import os
import signal
import subprocess
import unittest

import xenshm
from harness import PAGE, PATIENCE, DaemonTest, wait_until

DOM0 = os.environ.get("RING_DOM0", "ring-dom0")
GUEST = os.environ.get("RING_GUEST", "ring-guest")

# The words of each side, 4 bytes each, and a page for what may be the first one's.
SIDES = {"dom0": 0, "guest": 16}
WORDS = {"session": 3, "head": 5, "tail": 6}

# They never come to so many.
ENDLESS = 2000000000


class RingTest(DaemonTest):
    def setUp(self):
        super().setUp()
        self.call("segment.alloc", name="before", size=PAGE)
        self.place = self.alloc("mail", PAGE)

    def alloc(self, name, size):
        """Where it is in which file, as the guest's program is to be told."""
        self.call("segment.alloc", name=name, size=size)
        client = xenshm.Client(str(self.daemon.socket_path))
        self.addCleanup(client.close)
        self.mapping = xenshm.Mapping(client, name)
        self.addCleanup(self.mapping.__exit__)
        where, descriptor = client.open_segment(name)
        self.addCleanup(os.close, descriptor)
        return ["--file", f"/proc/{os.getpid()}/fd/{descriptor}", "--size", str(size),
                "--address", hex(where["map_offset"] + where["offset"])]

    def run_one(self, program, *arguments):
        return self.spawn([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)

    def run_dom0(self, *arguments, segment="mail"):
        return self.run_one(DOM0, "--socket", str(self.daemon.socket_path), "--timeout", "100",
                            *arguments, segment)

    def run_guest(self, *arguments):
        return self.run_one(GUEST, "--timeout", "100", *self.place, *arguments)

    def end(self, process, status=0):
        """What it printed, on the output that its status calls for."""
        output, errors = process.communicate(timeout=4 * PATIENCE)
        self.assertEqual((process.returncode, errors if status == 0 else output), (status, ""),
                         output + errors)
        return output if status == 0 else errors

    def exchange(self, messages):
        programs = [self.run_guest("--messages", str(messages)),
                    self.run_dom0("--messages", str(messages))]
        return [self.end(process) for process in programs]

    def word(self, side, name):
        index = SIDES[side] + WORDS[name]
        return self.mapping.words[index // 2] >> 32 * (index % 2) & 0xffffffff

    def wait_progress(self, side):
        """Messages go to and from this side."""
        before = {name: self.word(side, name) for name in ("head", "tail")}
        for name, value in before.items():
            wait_until(lambda name=name, value=value: self.word(side, name) != value,
                       f"messages: {name} of {side}")

    def check_lines(self, lines, messages):
        for program, line in zip(("ring-guest", "ring-dom0"), lines):
            self.assertEqual(line, f"{program}: sent {messages}, received {messages}, 0 lost, "
                                   "0 torn, 0 twice, begun anew 0 times\n")


class ExchangeTest(RingTest):
    def test_one_page(self):
        self.check_lines(self.exchange(5000), 5000)

    def test_none(self):
        self.check_lines(self.exchange(0), 0)

    def test_again_on_what_was_left(self):
        for _ in range(3):
            self.check_lines(self.exchange(100), 100)

    def test_larger(self):
        self.place = self.alloc("large", 17 * PAGE)
        guest = self.run_guest("--messages", "5000")
        dom0 = self.run_dom0("--messages", "5000", segment="large")
        self.check_lines([self.end(guest), self.end(dom0)], 5000)

    def test_killed(self):
        """Either side is killed amid its messages and started again; the other goes on."""
        guest = self.run_guest("--messages", str(ENDLESS))
        dom0 = self.run_dom0("--messages", str(ENDLESS))
        for _ in range(3):
            self.wait_progress("dom0")
            guest.kill()
            guest.wait(PATIENCE)
            guest = self.run_guest("--messages", str(ENDLESS))
            self.wait_progress("guest")
            dom0.kill()
            dom0.wait(PATIENCE)
            dom0 = self.run_dom0("--messages", str(ENDLESS))
            self.wait_progress("guest")
            self.wait_progress("dom0")
        for process in (guest, dom0):
            self.assertIsNone(process.poll())
            process.kill()
            process.communicate(timeout=PATIENCE)
        self.check_lines(self.exchange(100), 100)

    def test_the_other_begins_anew(self):
        guest = self.run_guest("--messages", str(ENDLESS))
        dom0 = self.run_dom0("--messages", "1000000")
        self.wait_progress("dom0")
        # Stopped, so that it is not done before the other is another one.
        dom0.send_signal(signal.SIGSTOP)
        guest.kill()
        guest.wait(PATIENCE)
        self.assertIsNone(dom0.poll())
        session = self.word("guest", "session")
        guest = self.run_guest("--messages", str(ENDLESS))
        wait_until(lambda: self.word("guest", "session") not in (session, session + 1),
                   "the guest's program begins")
        session = self.word("dom0", "session")
        dom0.send_signal(signal.SIGCONT)
        wait_until(lambda: self.word("dom0", "session") > session + 1, "Dom0's begins anew")
        self.wait_progress("dom0")


class TroubleTest(RingTest):
    def test_nobody_there(self):
        for run, name in ((self.run_dom0, "ring-dom0"), (self.run_guest, "ring-guest")):
            self.assertRegex(self.end(run("--timeout", "0"), 1),
                             rf"^{name}: nothing comes from the other side; .* \(sent 0, .*\n$")

    def test_another_size(self):
        dom0 = self.run_dom0()
        wait_until(lambda: self.word("dom0", "session"), "it begins")
        self.place[3] = str(PAGE // 2)
        self.assertRegex(self.end(self.run_guest("--timeout", "0"), 1),
                         "^ring-guest: the other side .* maps another size; ")
        dom0.kill()
        dom0.communicate(timeout=PATIENCE)

    def test_daemon_goes(self):
        dom0 = self.run_dom0()
        wait_until(lambda: self.word("dom0", "session"), "it begins")
        self.client.close()
        self.daemon.stop()
        self.assertRegex(self.end(dom0, 1), r"^ring-dom0: xenshmd is gone; .*\n$")

    def test_refused(self):
        self.assertRegex(self.end(self.run_dom0(segment="nothing"), 1),
                         r"^ring-dom0: .*'nothing'.* \(SEGMENT_UNKNOWN\); .*\n$")

    def test_no_daemon(self):
        self.assertRegex(self.end(self.run_one(DOM0, "--socket", "/nowhere", "mail"), 1),
                         r"^ring-dom0: .*is xenshmd running\?\n$")

    def test_no_device(self):
        self.assertRegex(self.end(self.run_one(GUEST, "nothing"), 1),
                         r"^ring-guest: no UIO device is called 'nothing'; .*\n$")

    def test_misuse(self):
        for arguments in ((DOM0,), (DOM0, "mail", "more"), (DOM0, "--messages", "x", "mail"),
                          (DOM0, "--messages", "-1", "mail"), (DOM0, "--unknown", "mail"), (GUEST,),
                          (GUEST, "mail", "more"), (GUEST, "mail", "--address", "0"),
                          (GUEST, "--address", "0"), (GUEST, "--size", "4096"),
                          (GUEST, "--size", "", "--address", "0")):
            with self.subTest(arguments=arguments):
                self.assertIn("ring-", self.end(self.run_one(*arguments), 2))
        self.assertRegex(self.end(self.run_one(GUEST, "--file", "/nowhere", "--size", "4096",
                                               "--address", "0"), 1), "^ring-guest: cannot open")


if __name__ == "__main__":
    unittest.main()
