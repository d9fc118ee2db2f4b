# SPDX-License-Identifier: LGPL-2.1-or-later
"""JSON-RPC 2.0 over lines: the examples of the specification, identifiers of every kind,
everything that is not JSON or not a request, framing at its limits, batches, and the parameters of
each method."""

import json
import math
import re
import socket

from harness import (BATCH_MAX, INVALID_PARAMS, INVALID_REQUEST, LINE_MAX, METHOD_NOT_FOUND, PAGE,
                     PARSE_ERROR, DaemonTest, wait_until)

SEVERAL_PAGES = 3 * PAGE


def request(id_, method="daemon.status", **params):
    message = {"jsonrpc": "2.0", "id": id_, "method": method}
    if params:
        message["params"] = params
    return message


def notification(method="daemon.status", **params):
    message = request(None, method, **params)
    del message["id"]
    return message


def encode(value):
    return json.dumps(value).encode()


class JsonRpcTest(DaemonTest):
    def assert_error(self, reply, code, id_=None, *in_message):
        self.assertIsInstance(reply, dict)
        self.assertIn("error", reply)
        self.assertEqual(reply["error"]["code"], code, reply)
        self.assertEqual(reply["id"], id_)
        self.assertIs(type(reply["id"]), type(id_))
        for text in in_message:
            self.assertIn(text, reply["error"]["message"])

    def assert_parse_error(self, reply, position=None):
        """A position is named; `position` is the one, or the first and the last that will do."""
        self.assert_error(reply, PARSE_ERROR)
        named = re.match(r"Parse error at byte (\d+): .", reply["error"]["message"])
        self.assertTrue(named, reply)
        if position is not None:
            first, last = position if isinstance(position, tuple) else (position, position)
            self.assertTrue(first <= int(named[1]) <= last, f"{reply}, not {position}")

    def assert_status(self, reply, id_):
        self.assertEqual(reply["id"], id_)
        self.assertIs(type(reply["id"]), type(id_))
        self.assertIn("version", reply["result"])


class Specification(JsonRpcTest):
    """Section 7 of the specification with the daemon's own methods, whose parameters go by name.
    tests/unit/test_jsonrpc_examples.c has its examples word by word."""

    def test_call_with_positional_parameters(self):
        reply = self.raw(b'{"jsonrpc": "2.0", "method": "segment.show", "params": ["a"], "id": 1}')
        self.assert_error(reply, INVALID_PARAMS, 1, "by name")

    def test_call_with_named_parameters(self):
        self.attach("alpha", name="a")
        for id_, text in ((3, b'{"jsonrpc": "2.0", "method": "guest.attach", "params": '
                              b'{"guest": "beta", "segment": "a"}, "id": 3}'),
                          (4, b'{"jsonrpc": "2.0", "method": "guest.attach", "params": '
                              b'{"segment": "a", "guest": "gamma"}, "id": 4}')):
            reply = self.raw(text)
            self.assertEqual(reply["id"], id_)
            self.assertEqual(reply["result"]["segment"], "a")

    def test_notification(self):
        self.client.send_line(b'{"jsonrpc": "2.0", "method": "daemon.status", "params": {}}')
        self.client.send_line(b'{"jsonrpc": "2.0", "method": "foobar"}')
        self.assertTrue(self.client.quiet())

    def test_notification_is_carried_out(self):
        self.notify("guest.attach", guest="alpha", size=PAGE)
        self.assertEqual(set(self.agree()), {"alpha-0"})

    def test_batch(self):
        reply = self.raw(b'[ {"jsonrpc": "2.0", "method": "daemon.status", "id": "1"},'
                         b' {"jsonrpc": "2.0", "method": "pool.list", "params": {}},'
                         b' {"jsonrpc": "2.0", "method": "pool.map", "params": {}, "id": "2"},'
                         b' {"foo": "boo"},'
                         b' {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"},'
                         b' "id": "5"},'
                         b' {"jsonrpc": "2.0", "method": "segment.list", "id": "9"} ]')
        self.assertEqual(len(reply), 5)
        by_id = {one["id"]: one for one in reply}
        self.assertEqual(set(by_id), {"1", "2", None, "5", "9"})
        self.assertIn("version", by_id["1"]["result"])
        self.assertIn("runs", by_id["2"]["result"])
        self.assert_error(by_id[None], INVALID_REQUEST)
        self.assert_error(by_id["5"], METHOD_NOT_FOUND, "5")
        self.assertEqual(by_id["9"]["result"], {"segments": []})

    def test_batch_of_notifications(self):
        self.client.send_line(b'[ {"jsonrpc": "2.0", "method": "daemon.status", "params": {}},'
                              b' {"jsonrpc": "2.0", "method": "pool.list"} ]')
        self.assertTrue(self.client.quiet())


class Identifiers(JsonRpcTest):
    LEGAL = ["", "1", "a" * 1000, "grün", "日本語", "\U0001f600", "\u007f", "\"\\/", "\n\t", "\u2028",
             "".join(map(chr, range(1, 32))),
             0, 1, -1, 2 ** 31, 2 ** 53, 2 ** 53 + 1, -2 ** 53 - 1, 2 ** 63 - 1, -2 ** 63,
             0.5, -1.5, 1e300, 5e-324, 0.1, 1.0, None]

    def test_every_legal_one_comes_back(self):
        for id_ in self.LEGAL:
            with self.subTest(id=id_):
                self.assert_status(self.raw(encode(request(id_))), id_)
                self.assert_error(self.raw(encode(request(id_, "no.such"))), METHOD_NOT_FOUND, id_)
                self.assert_error(self.raw(encode(request(id_, "segment.show"))), INVALID_PARAMS,
                                  id_)

    def test_raw_unicode_comes_back(self):
        text = '{"jsonrpc":"2.0","method":"daemon.status","id":"ä€😀"}'
        self.assert_status(self.raw(text.encode()), "ä€😀")

    def test_of_an_operation(self):
        for count, id_ in enumerate(self.LEGAL):
            with self.subTest(id=id_):
                reply = self.raw(encode(request(id_, "guest.attach", guest="alpha", size=PAGE)))
                self.assertEqual(reply["id"], id_)
                self.assertIs(type(reply["id"]), type(id_))
                self.assertEqual(reply["result"]["segment"], f"alpha-{count}")

    def test_negative_zero_and_exponents(self):
        for text, value in ((b"-0", 0), (b"-0.0", -0.0), (b"1e2", 100.0), (b"1E+2", 100.0)):
            with self.subTest(text=text):
                reply = self.raw(b'{"jsonrpc":"2.0","method":"daemon.status","id":' + text + b"}")
                self.assertEqual(reply["id"], value)
                self.assertEqual(math.copysign(1, reply["id"]), math.copysign(1, value))

    def test_illegal_ones_are_answered_with_null(self):
        for id_ in ({}, [], [1], {"a": 1}, True, False):
            with self.subTest(id=id_):
                self.assert_error(self.raw(encode(request(id_))), INVALID_REQUEST)

    def test_that_do_not_fit(self):
        for text in (b"9223372036854775808", b"-9223372036854775809", b"1e400", b"-1e400"):
            with self.subTest(text=text):
                self.assert_parse_error(
                    self.raw(b'{"jsonrpc":"2.0","method":"daemon.status","id":' + text + b"}"))

    def test_the_same_twice(self):
        self.client.send_line(request(7))
        self.client.send_line(request(7, "pool.list"))
        self.assert_status(self.client.read(), 7)
        self.assertIn("pools", self.client.read()["result"])

    def test_null_is_no_notification(self):
        reply = self.raw(encode(request(None, "guest.attach", guest="alpha", size=PAGE)))
        self.assertIsNone(reply["id"])
        self.assertEqual(reply["result"]["state"], "attached")


class NotRequests(JsonRpcTest):
    def test_values_of_other_types(self):
        for text in (b"1", b"-1", b"1.5", b'"daemon.status"', b"null", b"true", b"false", b"{}"):
            with self.subTest(text=text):
                self.assert_error(self.raw(text), INVALID_REQUEST)

    def test_version(self):
        for version in ("1.0", "2", "2.0 ", "", 2, 2.0, None, ["2.0"], {}, True):
            with self.subTest(version=version):
                reply = self.raw(encode(dict(request(5), jsonrpc=version)))
                self.assert_error(reply, INVALID_REQUEST, 5, "jsonrpc")

    def test_no_version(self):
        self.assert_error(self.raw(b'{"method":"daemon.status","id":5}'), INVALID_REQUEST, 5)
        # What is no request is no notification either: it is answered.
        self.assert_error(self.raw(b'{"method":"daemon.status"}'), INVALID_REQUEST)

    def test_method(self):
        for method in (1, None, True, [], ["daemon.status"], {}, 1.5):
            with self.subTest(method=method):
                self.assert_error(self.raw(encode(dict(request(5), method=method))),
                                  INVALID_REQUEST, 5, "method")
        self.assert_error(self.raw(b'{"jsonrpc":"2.0","id":5}'), INVALID_REQUEST, 5, "method")

    def test_method_names_that_are_nearly_right(self):
        for name in ("", "daemon", "daemon.", "daemon.statu", "daemon.status ", " daemon.status",
                     "Daemon.Status", "daemon.status.x", "daemon_status", "rpc.", "rpc.foo",
                     "(no method)", "%s%n", "x" * 100000, "ü" * 1000):
            with self.subTest(name=name[:40]):
                self.assert_error(self.raw(encode(request(5, name))), METHOD_NOT_FOUND, 5)

    def test_parameters_of_other_types(self):
        for params in (1, "a", None, True, 1.5):
            with self.subTest(params=params):
                self.assert_error(self.raw(encode(dict(request(5), params=params))),
                                  INVALID_REQUEST, 5, "params")

    def test_further_members_do_not_matter(self):
        self.assert_status(self.raw(encode(dict(request(5), auth="x", extra=[1, {"a": None}]))), 5)

    def test_a_reply_is_no_request(self):
        self.assert_error(self.raw(b'{"jsonrpc":"2.0","result":1,"id":5}'), INVALID_REQUEST, 5)

    def test_control_characters_do_not_come_back(self):
        text = "\x1b[31m\x07\r\n\x7f\u0085"
        reply = self.raw(encode(request(5, text)))
        self.assert_error(reply, METHOD_NOT_FOUND, 5, "?[31m")
        reply = self.raw(encode(request(6, "segment.list", **{text: 1})))
        self.assert_error(reply, INVALID_PARAMS, 6, "?[31m")


class NotJson(JsonRpcTest):
    def status_with_id(self, id_bytes):
        prefix = b'{"jsonrpc":"2.0","method":"daemon.status","id":"'
        return prefix + id_bytes + b'"}', len(prefix)

    def test_what_nobody_should_send(self):
        for text, position in (
                (b"", 0), (b" ", 1), (b"\t\r", 2),
                (b"{", 1), (b"[", 1), (b'"', 1), (b"}", (0, 1)), (b"]", (0, 1)),
                (b"{'a':1}", (1, 2)), (b'{"a":1,}', (7, 8)), (b"[1,]", (3, 4)),
                (b'{"a" 1}', (5, 6)), (b'{"a":0x1}', (6, 7)), (b'{"a":01}', (5, 7)),
                (b'{"a":+1}', (5, 6)), (b'{"a":.5}', (5, 6)), (b'{"a":1.}', (5, 8)),
                (b'{"a":NaN}', (5, 8)), (b'{"a":Infinity}', (5, 13)), (b'{"a":nul}', (5, 8)),
                (b'{"a":"\x01"}', (6, 7)), (b'{"a":"\t"}', (6, 7)), (b'{"a":"\\x"}', (6, 8)),
                (b'{"a":"\\u12"}', (6, 11)), (b"/* c */{}", (0, 2)), (b"{}//c", (2, 4)),
                (b"\xef\xbb\xbf{}", (0, 3)), (b"hello", (0, 5)), (b"GET / HTTP/1.1\r", (0, 4)),
                (b"\x16\x03\x01\x02\x00\x01\x00", (0, 1)), (b"{1:2}", (1, 2))):
            with self.subTest(text=text):
                self.assert_parse_error(self.raw(text), position)

    def test_text_behind_the_value(self):
        good = encode(request(1))
        for behind in (b"x", b" 1", b"{}", good, b"]", b",", b"\x00", b"\xff"):
            with self.subTest(behind=behind[:8]):
                self.assert_parse_error(self.raw(good + behind),
                                        (len(good), len(good) + len(behind)))
        self.assert_status(self.raw(b" \t\r" + good + b" \t\r"), 1)

    def test_duplicate_keys(self):
        for text in (b'{"jsonrpc":"2.0","jsonrpc":"2.0","method":"daemon.status","id":1}',
                     b'{"jsonrpc":"2.0","method":"daemon.status","id":1,"id":2}',
                     b'{"jsonrpc":"2.0","method":"daemon.status","id":1,"i\\u0064":1}',
                     b'{"jsonrpc":"2.0","method":"guest.attach","params":{"guest":"alpha",'
                     b'"size":4096,"size":8192},"id":1}',
                     b'[{"jsonrpc":"2.0","method":"daemon.status","id":1,"x":{"y":1,"y":1}}]'):
            with self.subTest(text=text):
                reply = self.raw(text)
                self.assert_parse_error(reply, (text.rindex(b'"'), len(text))
                                        if b"id" not in text[-12:] else None)
                self.assertIn("duplicate", reply["error"]["message"])
        self.assertEqual(self.agree(), {})

    def test_invalid_utf8(self):
        for bad, offset in ((b"\xff", 0), (b"\xfe", 0), (b"\x80", 0), (b"\xbf", 0),
                            (b"\xc0\x80", 0), (b"\xc1\xbf", 0), (b"\xe0\x80\x80", 0), (b"\xe0\x9f\xbf", 0),
                            (b"\xf0\x80\x80\x80", 0), (b"\xf0\x8f\xbf\xbf", 0),
                            (b"\xed\xa0\x80", 0), (b"\xed\xbf\xbf", 0), (b"\xf4\x90\x80\x80", 0),
                            (b"\xf8\x88\x80\x80\x80", 0), (b"\xc3", 0), (b"\xe2\x82", 0),
                            (b"\xf0\x9f\x98", 0), (b"ok\xff", 2), ("ü".encode() + b"\xff", 2)):
            with self.subTest(bad=bad):
                text, start = self.status_with_id(bad)
                self.assert_parse_error(self.raw(text), start + offset)

    def test_invalid_utf8_outside_of_strings_and_in_keys(self):
        self.assert_parse_error(self.raw(b"\xff\xfe{}"), 0)
        self.assert_parse_error(self.raw(b'{"\xff":1}'), 2)
        self.assert_parse_error(self.raw(b'{"a":\xc3\x28}'), 5)

    def test_surrogates_in_escapes(self):
        for bad in (b"\\ud800", b"\\udc00", b"\\ud800x", b"\\ud800\\u0041", b"\\udc00\\ud800"):
            with self.subTest(bad=bad):
                text, start = self.status_with_id(bad)
                self.assert_parse_error(self.raw(text), (start, len(text)))
        text, _ = self.status_with_id(b"\\ud83d\\ude00")
        self.assert_status(self.raw(text), "\U0001f600")

    def test_nul(self):
        text, start = self.status_with_id(b"a\x00b")
        self.assert_parse_error(self.raw(text), start + 1)
        text, start = self.status_with_id(b"a\\u0000b")
        self.assert_parse_error(self.raw(text), (start, len(text)))
        for text in (b"\x00", b"\x00\x00\x00", b"{\x00}", b'{"\\u0000":1}', b'{"a\\u0000b":1}',
                     encode(request(1)) + b"\x00",
                     b'{"jsonrpc":"2.0","id":1,"method":"segment.show",'
                     b'"params":{"name":"a\\u0000"}}'):
            with self.subTest(text=text):
                self.assert_parse_error(self.raw(text), (0, len(text)))

    def test_nesting_bombs(self):
        for text in (b"[" * 3000, b"[" * LINE_MAX, b'{"a":' * 3000, b'{"a":' * (LINE_MAX // 5),
                     b"[" * 3000 + b"]" * 3000, b'[{"a":' * (LINE_MAX // 6)):
            with self.subTest(text=text[:6], length=len(text)):
                self.assert_parse_error(self.raw(text), (2048, 2048 * 6))

    def test_deep_but_legal(self):
        deep = b"[" * 1000 + b"]" * 1000
        reply = self.raw(deep)
        self.assertEqual(len(reply), 1)
        self.assert_error(reply[0], INVALID_REQUEST)
        self.assert_status(self.raw(encode(request(1))[:-1] + b',"x":' + deep + b"}"), 1)
        self.assert_error(self.raw(b'{"jsonrpc":"2.0","method":"segment.show","id":2,"params":'
                                   b'{"name":' + deep + b"}}"), INVALID_PARAMS, 2)

    def test_many_members(self):
        members = b",".join(b'"k%d":%d' % (i, i) for i in range(15000))
        self.assert_status(self.raw(encode(request(1))[:-1] + b"," + members + b"}"), 1)
        reply = self.raw(b'{"jsonrpc":"2.0","method":"segment.list","id":2,"params":{'
                         + members + b"}}")
        self.assert_error(reply, INVALID_PARAMS, 2)

    def test_a_parse_error_does_not_end_the_connection(self):
        for _ in range(100):
            self.assert_parse_error(self.raw(b"}"))
        self.assert_status(self.raw(encode(request(1))), 1)


class Framing(JsonRpcTest):
    def padded(self, length, id_=1):
        text = encode(request(id_))
        return text + b" " * (length - len(text))

    def test_the_longest_line(self):
        for length in (LINE_MAX - 1, LINE_MAX):
            self.assert_status(self.raw(self.padded(length)), 1)
        # Three of them at once: each is looked at by itself.
        self.client.send(b"".join(self.padded(LINE_MAX, id_) + b"\n" for id_ in (1, 2, 3)))
        for id_ in (1, 2, 3):
            self.assert_status(self.client.read(), id_)

    def test_a_line_too_long(self):
        for end in (b"\n", b""):
            for length in (LINE_MAX + 1, LINE_MAX + 2):
                with self.subTest(length=length, end=end), self.connect(self.daemon) as client:
                    client.send(self.padded(length) + end)
                    self.assert_parse_error(client.read(), LINE_MAX)
                    self.assertTrue(client.at_end())

    def test_a_line_without_end(self):
        client = self.connect(self.daemon)
        with self.assertRaises((BrokenPipeError, ConnectionResetError)):
            for _ in range(64):
                client.send(b"x" * LINE_MAX)
        self.assert_parse_error(client.read(), LINE_MAX)
        self.assertTrue(client.at_end())

    def test_requests_before_a_line_too_long_are_answered(self):
        client = self.connect(self.daemon)
        client.send(encode(request(1)) + b"\n" + encode(request(2)) + b"\n" + b"x" * (LINE_MAX + 1))
        self.assert_status(client.read(), 1)
        self.assert_status(client.read(), 2)
        self.assert_parse_error(client.read(), LINE_MAX)
        self.assertTrue(client.at_end())

    def test_an_operation_before_a_line_too_long_is_answered(self):
        client = self.connect(self.daemon)
        self.call("sim.guest.start", name="hidden", config=False)
        id_ = client.request("guest.attach", guest="alpha", size=PAGE)
        client.send(b"x" * (LINE_MAX + 1))
        self.assert_parse_error(client.read(), LINE_MAX)
        self.call("sim.guest.configure", name="hidden")
        reply = client.read()
        self.assertEqual(reply["id"], id_)
        self.assertEqual(reply["result"]["segment"], "alpha-0")
        self.assertTrue(client.at_end())

    def test_no_newline_at_the_end(self):
        client = self.connect(self.daemon)
        client.send(encode(request(1)) + b"\n" + encode(request(2)))
        client.half_close()
        self.assert_status(client.read(), 1)
        self.assert_status(client.read(), 2)
        self.assertTrue(client.at_end())

    def test_no_newline_behind_a_batch(self):
        client = self.connect(self.daemon)
        client.send(encode([request(id_) for id_ in range(BATCH_MAX)]))
        client.half_close()
        self.assertEqual(len(client.read()), BATCH_MAX)
        self.assertTrue(client.at_end())

    def test_no_newline_behind_an_operation(self):
        client = self.connect(self.daemon)
        client.send(encode(request(1, "guest.attach", guest="alpha", size=PAGE)))
        client.half_close()
        self.assertEqual(client.read()["result"]["segment"], "alpha-0")
        self.assertTrue(client.at_end())

    def test_the_longest_line_without_newline(self):
        for length, legal in ((LINE_MAX, True), (LINE_MAX + 1, False)):
            with self.connect(self.daemon) as client:
                client.send(self.padded(length))
                client.half_close()
                if legal:
                    self.assert_status(client.read(), 1)
                else:
                    self.assert_parse_error(client.read(), LINE_MAX)
                self.assertTrue(client.at_end())

    def test_cut_off_at_the_end(self):
        text = encode(request(1, "guest.attach", guest="alpha", size=PAGE))
        for length in range(1, len(text)):
            with self.connect(self.daemon) as client:
                client.send(text[:length])
                client.half_close()
                self.assert_parse_error(client.read(), (0, length))
                self.assertTrue(client.at_end())
        self.assertEqual(self.agree(), {})

    def test_blanks_at_the_end(self):
        """Nothing was asked for: they are no JSON, as on any other line."""
        client = self.connect(self.daemon)
        client.send(encode(request(1)) + b"\n  ")
        client.half_close()
        self.assert_status(client.read(), 1)
        self.assert_parse_error(client.read(), 2)
        self.assertTrue(client.at_end())

    def test_nothing_at_all(self):
        client = self.connect(self.daemon)
        client.half_close()
        self.assertTrue(client.at_end())

    def test_crlf(self):
        self.client.send(encode(request(1)) + b"\r\n" + encode(request(2)) + b"\r\n")
        self.assert_status(self.client.read(), 1)
        self.assert_status(self.client.read(), 2)

    def test_byte_at_a_time(self):
        for byte in encode(request(1)) + b"\n" + encode(request(2)) + b"\n":
            self.client.send(bytes([byte]))
        self.assert_status(self.client.read(), 1)
        self.assert_status(self.client.read(), 2)

    def test_many_in_one_packet(self):
        self.client.send(b"".join(encode(request(id_)) + b"\n" for id_ in range(1000)))
        for id_ in range(1000):
            self.assert_status(self.client.read(), id_)

    def test_every_split_of_two_requests(self):
        text = encode(request(1)) + b"\n" + encode(request(2)) + b"\n"
        self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for at in range(1, len(text)):
            self.client.send(text[:at])
            self.client.send(text[at:])
        for _ in range(1, len(text)):
            self.assert_status(self.client.read(), 1)
            self.assert_status(self.client.read(), 2)

    def test_half_close_after_many_requests(self):
        client = self.connect(self.daemon)
        client.send(b"".join(encode(request(id_)) + b"\n" for id_ in range(100)))
        client.half_close()
        for id_ in range(100):
            self.assert_status(client.read(), id_)
        self.assertTrue(client.at_end())

    def test_half_close_after_many_operations(self):
        """More of them than are under way at once; all are done and answered."""
        client = self.connect(self.daemon)
        client.send(b"".join(encode(request(id_, "guest.attach", guest="alpha", size=PAGE)) + b"\n"
                             for id_ in range(100)))
        client.half_close()
        names = set()
        for _ in range(100):
            reply = client.read()
            names.add((reply["id"], reply["result"]["segment"]))
        self.assertTrue(client.at_end())
        self.assertEqual(names, {(id_, f"alpha-{id_}") for id_ in range(100)})
        self.assertEqual(len(self.agree()), 100)

    def test_half_close_while_operations_wait(self):
        self.call("sim.guest.start", name="hidden", config=False)
        client = self.connect(self.daemon)
        client.send(b"".join(encode(request(id_, "guest.attach", guest="alpha", size=PAGE)) + b"\n"
                             for id_ in range(50)))
        client.half_close()
        self.call("sim.guest.configure", name="hidden")
        self.assertEqual({client.read()["id"] for _ in range(50)}, set(range(50)))
        self.assertTrue(client.at_end())

    def test_a_long_reply(self):
        self.call("sim.host.write", address="0x7ff00000", data="ab" * 65536)
        result = self.call("sim.host.read", address="0x7ff00000", length=65536)
        self.assertEqual(result, {"data": "ab" * 65536})


class Batches(JsonRpcTest):
    def batch(self, *messages):
        return self.raw(encode(list(messages)))

    def test_the_largest(self):
        reply = self.batch(*(request(id_) for id_ in range(BATCH_MAX)))
        self.assertEqual([one["id"] for one in reply], list(range(BATCH_MAX)))
        for one in reply:
            self.assertIn("version", one["result"])

    def test_one_too_many(self):
        with self.unchanged():
            reply = self.batch(*(request(id_, "guest.attach", guest="alpha", size=PAGE)
                                 for id_ in range(BATCH_MAX + 1)))
        self.assert_error(reply, 17, None, "101", "100")
        reply = self.batch(*(notification() for _ in range(BATCH_MAX + 1)))
        self.assert_error(reply, 17)

    def test_far_too_many(self):
        self.assert_error(self.raw(b"[" + b"1," * 10000 + b"1]"), 17, None, "10001")
        self.assert_error(self.raw(b"[" + b"1," * 120000 + b"1]"), 17, None, "16384 values")

    def test_attach_detach_and_notification(self):
        reply = self.batch(request(1, "guest.attach", guest="alpha", size=PAGE, name="a"),
                           notification("guest.attach", guest="alpha", size=PAGE, name="b"),
                           request(2, "guest.detach", guest="alpha", segment="a"),
                           request(3, "guest.attach", guest="alpha", size=SEVERAL_PAGES, name="a"))
        self.assertEqual({one["id"] for one in reply}, {1, 2, 3})
        by_id = {one["id"]: one["result"] for one in reply}
        self.assertEqual(by_id[1]["size"], PAGE)
        self.assertEqual([one["segment"] for one in by_id[2]["detached"]], ["a"])
        self.assertEqual(by_id[3]["size"], SEVERAL_PAGES)
        self.assertGreater(by_id[3]["epoch"], by_id[1]["epoch"])
        self.assertEqual(set(self.agree()), {"a", "b"})

    def test_a_refusal_does_not_stop_the_others(self):
        reply = self.batch(request(1, "guest.attach", guest="nobody", size=PAGE),
                           request(2, "guest.attach", guest="alpha", size=PAGE),
                           request(3, "guest.attach", guest="alpha", size=1 << 40),
                           request(4, "guest.attach", guest="alpha", size=PAGE))
        self.assertEqual({one["id"]: one.get("error", {}).get("code") for one in reply},
                         {1: 6, 2: None, 3: 1, 4: None})
        self.assertEqual(set(self.agree()), {"alpha-0", "alpha-1"})

    def test_answered_only_when_all_is_done(self):
        self.call("sim.guest.start", name="hidden", config=False)
        self.client.send_line([request("quick"),
                               request("slow", "guest.attach", guest="alpha", size=PAGE)])
        # A single request behind it overtakes it.
        self.assertTrue(self.client.quiet())
        self.call("sim.guest.configure", name="hidden")
        reply = self.client.read()
        self.assertEqual({one["id"] for one in reply}, {"quick", "slow"})

    def test_within_a_batch(self):
        reply = self.batch([request(1)], request(2))
        self.assertEqual(len(reply), 2)
        by_id = {one["id"]: one for one in reply}
        self.assert_error(by_id[None], INVALID_REQUEST)
        self.assert_status(by_id[2], 2)

    def test_notifications_that_are_wrong(self):
        self.client.send_line([notification("no.such"), notification("segment.show"),
                               notification("segment.show", name="none"),
                               notification("guest.attach", guest="nobody", size=1)])
        self.assertTrue(self.client.quiet())

    def test_only_what_is_invalid_is_answered(self):
        reply = self.batch(notification(), 1, notification("no.such"))
        self.assertEqual(len(reply), 1)
        self.assert_error(reply[0], INVALID_REQUEST)

    def test_of_operations_at_the_limit(self):
        reply = self.batch(*(request(id_, "guest.attach", guest="beta", size=PAGE)
                             for id_ in range(BATCH_MAX)))
        self.assertEqual({(one["id"], one["result"]["segment"]) for one in reply},
                         {(id_, f"beta-{id_}") for id_ in range(BATCH_MAX)})
        self.assertEqual(len(self.agree()), BATCH_MAX)

    def test_hanging_up_in_the_middle(self):
        client = self.connect(self.daemon)
        client.send_line([request(id_, "guest.attach", guest="alpha", size=PAGE)
                          for id_ in range(BATCH_MAX)])
        client.close()
        wait_until(lambda: self.call("daemon.status")["counts"]["connections"] == 1,
                   "the daemon has done with that client")
        self.assertEqual(len(self.agree()), BATCH_MAX)


NAME = "name"
NAMES_BAD = [1, None, True, [], {}, 1.5, "", "-a", ".a", "_a", "a/b", "../a", "a b", "ä", "a" * 64,
             "a\n", "a%n", "\x7f"]
STRINGS_BAD = [1, None, True, [], {}, 1.5]
GUESTS_BAD = [-1, 1.0, 1.5, None, True, [], {}, "", "a" * 256, "a" * 100000]
SIZES_BAD = [0, -1, 1.5, 4096.0, "4096", "4K", None, True, [], {}, -2 ** 63]
ADDRESSES_BAD = [0, 0x3a000000, None, True, [], {}, "", "0x", "3a000000", "0X3a000000", "x", "0xg",
                 " 0x1000", "0x1000 ", "0x1000\n", "+0x1000", "-0x1000", "0x00000000000000000",
                 "0x11111111111111111", "Identity", "identity ", "idem", "0x-1"]
LISTS_BAD = [1, None, True, {}, "a", [1], ["a"], [[]], ["segment.freed", None]]
BOOLS_BAD = [0, 1, "true", "", None, [], {}]


class Parameters(JsonRpcTest):
    # Method: what is required, then each parameter with values of the wrong kind.
    METHODS = {
        "rpc.discover": ({}, {}),
        "daemon.status": ({}, {}),
        "daemon.metrics": ({}, {}),
        "pool.list": ({}, {}),
        "pool.map": ({}, {"pool": STRINGS_BAD}),
        "segment.list": ({}, {}),
        "segment.show": ({"name": "a"}, {"name": NAMES_BAD}),
        "guest.list": ({}, {}),
        "guest.attach": ({"guest": "alpha", "size": PAGE},
                         {"guest": GUESTS_BAD, "size": SIZES_BAD, "segment": NAMES_BAD,
                          "name": NAMES_BAD, "pool": STRINGS_BAD, "address": ADDRESSES_BAD}),
        "guest.detach": ({"guest": "alpha"},
                         {"guest": GUESTS_BAD, "segment": NAMES_BAD, "all": BOOLS_BAD}),
        "events.subscribe": ({}, {"types": LISTS_BAD}),
    }

    def setUp(self):
        super().setUp()
        # One attachment, so that a detach that is let through would show.
        self.attach("alpha", name="a")

    def assert_invalid(self, method, params, *in_message):
        reply = self.raw(encode(request(9, method, **params)))
        self.assert_error(reply, INVALID_PARAMS, 9, *in_message)

    def test_wrong_kinds(self):
        with self.unchanged():
            for method, (required, fields) in self.METHODS.items():
                for field, values in fields.items():
                    for value in values:
                        with self.subTest(method=method, field=field, value=str(value)[:40]):
                            self.assert_invalid(method, dict(required, **{field: value}),
                                                f"'{field}'")

    def test_missing(self):
        with self.unchanged():
            for method, (required, _) in self.METHODS.items():
                for field in required:
                    with self.subTest(method=method, field=field):
                        left = {key: value for key, value in required.items() if key != field}
                        self.assert_invalid(method, left, f"'{field}'")
                if required:
                    with self.subTest(method=method):
                        message = request(9, method)
                        self.assert_error(self.raw(encode(message)), INVALID_PARAMS, 9)

    def test_unknown(self):
        with self.unchanged():
            for method, (required, fields) in self.METHODS.items():
                for unknown in ("nonsense", "", "Name", "guest ", "_", "ü", "x" * 1000):
                    with self.subTest(method=method, unknown=unknown[:20]):
                        self.assertNotIn(unknown, fields)
                        self.assert_invalid(method, dict(required, **{unknown: 1}),
                                            f"'{unknown[:200]}")

    def test_positional(self):
        with self.unchanged():
            for method, (required, _) in self.METHODS.items():
                for params in ([1], list(required.values()) or ["a"], [{}], [None]):
                    with self.subTest(method=method, params=params):
                        message = dict(request(9, method), params=params)
                        self.assert_error(self.raw(encode(message)), INVALID_PARAMS, 9, "by name")

    def test_an_empty_array_is_no_parameters(self):
        """Many a client sends it for a call without parameters."""
        self.assert_status(self.raw(encode(dict(request(9), params=[]))), 9)
        self.assert_error(self.raw(encode(dict(request(9, "segment.show"), params=[]))),
                          INVALID_PARAMS, 9, "'name'")

    def test_an_empty_object(self):
        self.assert_status(self.raw(encode(dict(request(9), params={}))), 9)

    def test_duplicate(self):
        with self.unchanged():
            for method, (required, fields) in self.METHODS.items():
                for field in fields:
                    with self.subTest(method=method, field=field):
                        value = encode(required.get(field, "x"))
                        text = (b'{"jsonrpc":"2.0","id":9,"method":"%s","params":{"%s":%s,"%s":%s}}'
                                % (method.encode(), field.encode(), value, field.encode(), value))
                        self.assert_parse_error(self.raw(text))

    def test_combinations_of_attach(self):
        with self.unchanged():
            for params in ({"guest": "beta"}, {"guest": "beta", "size": PAGE, "segment": "a"},
                           {"guest": "beta", "segment": "a", "name": "b"},
                           {"guest": "beta", "segment": "a", "pool": "shared_mem"},
                           {"guest": "beta", "name": "b"}, {"guest": "beta", "pool": "shared_mem"}):
                with self.subTest(params=params):
                    self.assert_invalid("guest.attach", params)

    def test_combinations_of_detach(self):
        with self.unchanged():
            self.assert_invalid("guest.detach", {"guest": "alpha", "segment": "a", "all": True})

    def test_legal_extremes(self):
        """The other side of each limit is refused for its own reason, or taken."""
        with self.refused("POOL_FULL"):
            self.attach("alpha", 2 ** 63 - 1)
        with self.refused("GUEST_UNKNOWN"):
            self.attach(2 ** 63 - 1)
        with self.refused("GUEST_UNKNOWN"):
            self.attach("a" * 255)
        with self.refused("ADDRESS_RESERVED"):
            self.attach("alpha", address="0xffffffffffffffff")
        with self.refused("ADDRESS_RESERVED"):
            self.attach("alpha", address="0xfffffffffffff000")
        with self.refused("ADDRESS_RESERVED"):
            self.attach("alpha", address="0x0")
        self.assertEqual(self.attach("alpha", 1, name="a" * 63)["segment"], "a" * 63)
        self.assertEqual(self.attach("alpha", name="0._-")["segment"], "0._-")
        self.assertEqual(self.call("guest.detach", guest="alpha", all=False, segment="0._-")
                         ["detached"][0]["segment"], "0._-")
        self.agree()
