#!/usr/bin/env python3
"""Runs both examples, and looks at what the embedded library links.

usage: examples_test.py EXAMPLE_COROUTINES EXAMPLE_BLOCKING
"""
import re
import subprocess
import sys
import tempfile
import unittest

COROUTINES, BLOCKING = sys.argv[1:3]


class Examples(unittest.TestCase):
    def run_example(self, program, folder):
        return subprocess.run([program, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60)

    def test_coroutines(self):
        with tempfile.TemporaryDirectory() as folder:
            for expected in ("0 hello\n", "1 hello\n"):  # the second run finds the first one's log
                done = self.run_example(COROUTINES, folder + "/log")
                self.assertEqual((done.returncode, done.stdout), (0, expected))

    def test_blocking(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_example(BLOCKING, folder + "/log")
            self.assertEqual((done.returncode, done.stdout), (0, "0 hello\n1 world\n"))
            done = self.run_example(BLOCKING, folder + "/log")
            self.assertEqual((done.returncode, done.stdout), (0, "2 hello\n3 world\n"))

    def test_errors_are_told(self):
        for program in (COROUTINES, BLOCKING):
            done = self.run_example(program, "/dev/null/log")
            self.assertEqual(done.returncode, 1)
            self.assertIn("/dev/null", done.stdout)

    def test_embedded_links_no_server_rpc_or_protobuf(self):
        for program in (COROUTINES, BLOCKING):
            libraries = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True,
                                       check=True).stdout
            self.assertNotRegex(libraries, r"protobuf|grpc|boost")
            symbols = subprocess.run(["nm", "-C", program], stdout=subprocess.PIPE, text=True,
                                     check=True).stdout
            self.assertIn("vlog::embedded::", symbols)
            self.assertIsNone(re.search(r"vlog::(rpc|server|testing)::|google::protobuf", symbols))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
