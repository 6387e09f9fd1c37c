#!/usr/bin/env python3
"""The demo, on processes of its own and embedded: tests/integration/demo_test.py VLOG [TEST...]"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

VLOG = ""
PATIENCE = 120  # seconds; far more than anything here takes
KEPT = ["chain.json", "input.txt", "read.txt", "summary.json"]
LOGS = ["node1.log", "node2.log", "node3.log"]


def words(count):
    return b"".join(b"word %d\n" % (i * i) for i in range(count))


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vlog-demo-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.temporary = self.path("tmp")
        os.mkdir(self.temporary)
        self.addCleanup(self.kill_nodes)

    def kill_nodes(self):
        for pid in self.nodes():
            os.kill(pid, signal.SIGKILL)

    def path(self, name, data=None):
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as file:
                file.write(data)
        return path

    def start(self, *arguments):
        return subprocess.Popen([VLOG, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**os.environ, "TMPDIR": self.temporary})

    def demo(self, text, *arguments, code=0):
        """Standard output of a demo that ends with `code`."""
        process = self.start("demo", self.path("text", text), *arguments)
        self.addCleanup(process.kill)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, code, (out + err).decode())
        self.nothing_is_left()
        return out.decode()

    def nodes(self):
        """Processes that store in the temporary folder, or in one that was kept."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    command = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue  # it has ended meanwhile
            if "--node-data-dir" in command and any(self.folder in word for word in command):
                found.append(int(pid))
        return found

    def nothing_is_left(self):
        self.assertEqual(os.listdir(self.temporary), [])
        self.assertEqual(self.nodes(), [])

    def kept_demo(self, text, *arguments, lines, logs=()):
        """(summary, standard output) of a demo whose text came back, by the files that it kept."""
        keep = self.path("keep")
        out = self.demo(text, "--keep", keep, *arguments)
        self.assertEqual(sorted(os.listdir(keep)), sorted(KEPT + list(logs)))
        with open(os.path.join(keep, "read.txt"), "rb") as file:
            read = file.read()
        records = [r.split(b"\t", 1) for r in read.split(b"\n")] if read else []
        records.sort(key=lambda r: int(r[0]))
        self.assertEqual([int(r[0]) for r in records], list(range(lines)))
        joined = b"\n".join(r[1] for r in records)
        self.assertEqual(joined + (b"\n" if text.endswith(b"\n") else b""), text)
        with open(os.path.join(keep, "chain.json")) as file:
            chain = json.load(file)
        with open(os.path.join(keep, "summary.json")) as file:
            summary = json.load(file)
        self.assertEqual(summary["lines"], lines)
        self.assertEqual(summary["segments"], len(chain["segments"]))
        self.assertEqual(sum(summary["timeline"]["records"]), lines)
        return summary, out


class OnNodes(DemoTest):
    def test_the_text_survives_moves_and_the_death_of_the_sequencers_node(self):
        summary, out = self.kept_demo(words(20_000), "--writers", "5", "--swaps", "8",
                                      lines=20_000, logs=LOGS)
        kinds = [event["kind"] for event in summary["events"]]
        self.assertEqual(kinds, ["swap"] * 3 + ["kill"] + ["swap"] * 2 + ["return"] + ["swap"] * 3)
        kill, back = summary["events"][3], summary["events"][6]
        self.assertGreaterEqual(kill["in_flight"], 1000)
        self.assertGreater(kill["append_gap_ms"], 0)
        self.assertGreater(summary["segments"], 4)  # empty ones leave no trace
        victim, heir = re.fullmatch(r"SIGKILL of node (\d), then sequencer (\d)",
                                    kill["what"]).groups()
        self.assertNotEqual(victim, heir)
        for event in summary["events"][4:6]:
            self.assertNotRegex(event["what"], "-> [a-z]+ " + victim)
        swaps = " ".join(e["what"] for e in summary["events"] if e["kind"] == "swap")
        for kind in ("sequencer", "paxos", "raft"):
            self.assertIn("-> " + kind, swaps)
        self.assertIn("node %s returns" % victim, back["what"])
        self.assertEqual([node["node"] for node in summary["nodes"]], [1, 2, 3])
        for node in summary["nodes"]:
            self.assertIn("pid %d," % node["pid"], out)
        for what in ("RECORDS/S", "APPEND GAP", "SIGKILL", "append gap", "byte for byte"):
            self.assertIn(what, out)

    def test_a_text_without_enough_lines_is_written_all_the_same(self):
        out = self.demo(b"one\ntwo\n", "--swaps", "1")
        self.assertIn("the text had no more", out)

    def test_an_interrupt_ends_the_demo_and_its_nodes(self):
        text = self.path("text", words(2_000_000))
        process = self.start("demo", text)
        self.addCleanup(process.kill)
        for _ in range(3):
            self.assertIn(b"pid", process.stdout.readline())
        self.assertEqual(len(self.nodes()), 3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 130)
        self.nothing_is_left()

    def test_the_nodes_die_with_a_demo_that_is_killed(self):
        process = self.start("demo", self.path("text", words(2_000_000)))
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=PATIENCE)
        end = time.monotonic() + PATIENCE
        while self.nodes() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.nodes(), [])


class Embedded(DemoTest):
    def test_the_text_comes_back_and_the_swaps_happened_under_load(self):
        summary, out = self.kept_demo(words(30_000), "--embedded", "--writers", "5",
                                      "--swaps", "20", lines=30_000)
        self.assertEqual(summary["swaps"], 20)
        self.assertGreaterEqual(summary["swaps_under_load"], 15)
        self.assertGreater(summary["append_gap_ms"]["max"], 0)
        self.assertEqual(summary["nodes"], [])
        self.assertIn("append gap", out)

    def test_odd_texts_come_back_too(self):
        self.kept_demo(b"a\r\n\n\tb\xff\x00\nlast", "--embedded", lines=4)
        self.kept_demo(b"\n", "--embedded", "--swaps", "2", lines=1)
        self.kept_demo(b"", "--embedded", "--swaps", "2", lines=0)
        self.kept_demo(b"one", "--embedded", "--writers", "1", "--swaps", "0", lines=1)

    def test_a_directory_that_is_named_is_used_and_must_hold_no_records(self):
        directory = self.path("log")
        self.demo(b"a\n", "--dir", directory, "--swaps", "1")
        self.assertTrue(os.path.exists(directory))
        self.demo(b"a\n", "--dir", directory, code=2)
        self.demo(b"a\n", "--dir", directory, "--log", "demo", "--swaps", "1")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    VLOG = os.path.abspath(sys.argv.pop(1))
    unittest.main()
