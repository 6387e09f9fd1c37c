#!/usr/bin/env python3
"""The HTTP endpoint as clients see it: tests/integration/http_test.py PATH-OF-PROBE [TEST...]"""

import json
import resource
import socket
import struct
import subprocess
import sys
import time
import unittest

PROBE = ""
HEAD = b" HTTP/1.1\r\nHost: a\r\n"
MAX_CONNECTIONS = 8


class Http(unittest.TestCase):
    files = None  # descriptors that the server may have open

    def setUp(self):
        limit = None
        if self.files:
            def limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
        self.server = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       preexec_fn=limit)
        host, port = self.server.stdout.readline().decode().strip().rsplit(":", 1)
        self.where = (host, int(port))

    def tearDown(self):
        """The server stops in good order with whatever connections are open."""
        self.server.stdin.close()
        self.assertEqual(self.server.wait(timeout=20), 0)
        self.server.stdout.close()

    def connect(self):
        connection = socket.create_connection(self.where, timeout=20)
        self.addCleanup(connection.close)
        return connection

    def receive(self, connection, head=False):
        """(status, headers, body) of one answer; all of it must be there."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            self.assertTrue(more, data)
            data += more
        top, body = data.split(b"\r\n\r\n", 1)
        lines = top.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = 0 if head else int(headers["content-length"])
        while len(body) < length:
            more = connection.recv(1 << 20)
            self.assertTrue(more)
            body += more
        self.assertEqual(len(body), length)
        return int(lines[0].split()[1]), headers, body

    def ask(self, request, **options):
        connection = self.connect()
        connection.sendall(request)
        answer = self.receive(connection, **options)
        connection.close()
        return answer

    def get(self, path):
        return self.ask(b"GET " + path + HEAD + b"\r\n")

    def assert_closed(self, connection):
        connection.settimeout(20)
        self.assertEqual(connection.recv(1), b"")


class Pages(Http):
    def test_pages_have_their_status_type_and_body(self):
        status, headers, body = self.get(b"/healthz")
        self.assertEqual((status, body), (200, b"ok\n"))
        self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(headers["cache-control"], "no-store")
        status, headers, body = self.get(b"/status?a=1&b=%22?c")
        self.assertEqual(headers["content-type"], "application/json")
        self.assertEqual(json.loads(body)["query"], "a=1&b=%22?c")
        status, headers, body = self.get(b"/metrics")
        self.assertIn(b'hits_total{page="a\\"b\\\\c\\nd"} 1\n', body)
        self.assertIn(b'wait_seconds_bucket{le="+Inf"} 1\n', body)
        self.assertEqual(self.get(b"/down")[0], 503)

    def test_one_connection_serves_many_requests_pipelined_ones_too(self):
        connection = self.connect()
        connection.sendall((b"GET /healthz" + HEAD + b"\r\n") * 3)
        data = b""
        while data.count(b"ok\n") < 3:
            data += connection.recv(65536)
        connection.sendall(b"GET /healthz" + HEAD + b"Connection: close\r\n\r\n")
        status, headers, _ = self.receive(connection)
        self.assertEqual((status, headers["connection"]), (200, "close"))
        self.assert_closed(connection)

    def test_http_1_0(self):
        connection = self.connect()
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertEqual(self.receive(connection)[2], b"ok\n")
        self.assert_closed(connection)
        status, headers, _ = self.ask(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertEqual((status, headers["connection"]), (200, "keep-alive"))

    def test_head_is_a_get_without_its_body(self):
        connection = self.connect()
        connection.sendall(b"HEAD /healthz" + HEAD + b"\r\n")
        status, headers, _ = self.receive(connection, head=True)
        self.assertEqual((status, headers["content-length"]), (200, "3"))
        connection.sendall(b"GET /healthz" + HEAD + b"\r\n")  # nothing of a body comes before this
        self.assertEqual(self.receive(connection)[2], b"ok\n")
        self.assertEqual(self.ask(b"HEAD /none" + HEAD + b"\r\n", head=True)[0], 404)

    def test_large_answers_arrive_whole(self):
        self.assertEqual(self.get(b"/large")[2], b"x" * (32 << 20))


class BadInput(Http):
    def test_what_is_not_served_gets_a_clear_status(self):
        for request, expected in [
                (b"GET /none" + HEAD + b"\r\n", 404),
                (b"GET /healthz/" + HEAD + b"\r\n", 404),
                (b"GET *" + HEAD + b"\r\n", 404),
                (b"POST /healthz" + HEAD + b"Content-Length: 3\r\n\r\nabc", 405),
                (b"DELETE /healthz" + HEAD + b"\r\n", 405),
                (b"BREW /healthz" + HEAD + b"\r\n", 405),
                (b"GET /healthz" + HEAD + b"Content-Length: 3\r\n\r\nabc", 400),
                (b"GET /healthz" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
                (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
                (b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", 505),
                (b"GET /healthz" + HEAD + b"A: " + b"x" * 5000 + b"\r\n\r\n", 431),
                (b"GET /" + b"x" * 5000 + HEAD + b"\r\n", 431),
                (b"GET /healthz\r\n\r\n", 400),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
                (b"GET /healthz" + HEAD + b"no colon\r\n\r\n", 400),
                (b"\0" * 100, 400),
                (b"x" * 100_000, 431)]:
            with self.subTest(request=request[:60]):
                connection = self.connect()
                connection.sendall(request)
                status, headers, _ = self.receive(connection)
                self.assertEqual(status, expected)
                if status == 405:
                    self.assertEqual(headers["allow"], "GET, HEAD")
                if status != 404:
                    self.assertEqual(headers["connection"], "close")
                    self.assert_closed(connection)
        self.assertEqual(self.get(b"/healthz")[0], 200)

    def test_half_a_request_and_then_the_end_is_answered_and_harms_nobody(self):
        connection = self.connect()
        connection.sendall(b"GET /hea")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive(connection)[0], 400)
        for request in (b"", b"GET", b"GET /large" + HEAD + b"\r\n"):
            rude = self.connect()
            rude.sendall(request)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            rude.close()
        self.assertEqual(self.get(b"/healthz")[0], 200)

    def test_a_slow_request_and_an_idle_connection_are_cut_off(self):
        idle, dripping = self.connect(), self.connect()
        end = time.monotonic() + 20
        cut = False
        while not cut and time.monotonic() < end:
            time.sleep(0.1)
            try:
                dripping.sendall(b"G")
            except OSError:
                cut = True
        self.assertTrue(cut, "one byte now and then must not keep a connection for ever")
        self.assert_closed(idle)

    def test_who_does_not_take_the_answer_is_cut_off(self):
        greedy = self.connect()
        greedy.sendall(b"GET /large" + HEAD + b"\r\n")
        end = time.monotonic() + 20
        while json.loads(self.get(b"/status")[2])["connections"] > 1:
            self.assertLess(time.monotonic(), end, "the connection is still open")
            time.sleep(0.1)


class Limits(Http):
    def test_more_connections_than_places_wait_for_one(self):
        held = [self.connect() for _ in range(MAX_CONNECTIONS)]
        for connection in held:
            connection.sendall(b"GET /healthz" + HEAD + b"\r\n")
            self.assertEqual(self.receive(connection)[0], 200)
        waiting = self.connect()
        waiting.sendall(b"GET /status" + HEAD + b"\r\n")
        waiting.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            waiting.recv(1)
        held[0].close()
        waiting.settimeout(20)
        self.assertEqual(json.loads(self.receive(waiting)[2])["connections"], MAX_CONNECTIONS)

    def test_many_connections_in_turn_all_get_their_answer(self):
        for _ in range(300):
            self.assertEqual(self.ask(b"GET /healthz" + HEAD + b"Connection: close\r\n\r\n")[0],
                             200)


class FewDescriptors(Http):
    files = 12  # too few for all the places

    def test_without_descriptors_connections_wait_and_are_served_later(self):
        idle = [self.connect() for _ in range(MAX_CONNECTIONS)]
        self.assertGreater(json.loads(self.get(b"/status")[2])["accept_errors"], 0)
        for connection in idle:
            self.assert_closed(connection)
        self.assertEqual(self.get(b"/healthz")[0], 200)


if __name__ == "__main__":
    PROBE = sys.argv[1]
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
