#!/usr/bin/env python3
"""The command line as its users see it: tests/integration/cli_test.py PATH-OF-VLOG [TEST...]"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

VLOG = ""
MIB = 1 << 20


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.dir = os.path.join(self.folder.name, "d")

    def path(self, name, contents=None):
        path = os.path.join(self.folder.name, name)
        if contents is not None:
            with open(path, "wb") as file:
                file.write(contents)
        return path

    def run_vlog(self, *arguments, input=b"", code=0, timeout=60):
        """(stdout, stderr) of a command that ends with `code`."""
        done = subprocess.run([VLOG, *arguments], input=input, capture_output=True,
                              timeout=timeout)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[-500:], done.stderr))
        return done.stdout, done.stderr.decode()

    def vlog(self, *arguments, **options):
        return self.run_vlog("--dir", self.dir, *arguments, **options)

    def start(self, *arguments, **options):
        process = subprocess.Popen([VLOG, "--dir", self.dir, *arguments], **options)

        def end():
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        self.addCleanup(end)
        return process

    def json_lines(self, *arguments, **options):
        out, _ = self.vlog("read", "--format", "json", *arguments, **options)
        return [json.loads(line) for line in out.splitlines()]

    def wait_for(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen in time")
            time.sleep(0.01)


class Records(Cli):
    def test_text_is_stored_as_it_is(self):
        texts = ["[a,b]", "", "tail", "++", "{}", '"q"', "a,b", "-5", "[", "%%", "é"]
        for lsn, text in enumerate(texts):
            self.assertEqual(self.vlog("append", text)[0], b"%d %d\n" % (lsn, lsn))
        self.assertEqual(self.vlog("append", "--", "--dir")[0], b"11 11\n")
        self.assertEqual([r["text"] for r in self.json_lines()], texts + ["--dir"])

    def test_lines_keep_empty_ones_carriage_returns_and_an_unfinished_last_one(self):
        data = b"a\r\n\n\xff\xfe\n\x00\nlast"
        out, _ = self.vlog("append", "--lines", "-", "--acks", input=data)
        self.assertEqual(out, b"0\n1\n2\n3\n4\n0 4\n")
        self.assertEqual(self.vlog("read")[0], data + b"\n")
        records = self.json_lines()
        self.assertEqual(records[0], {"lsn": 0, "text": "a\r"})
        self.assertEqual(records[2], {"lsn": 2, "b64": "//4="})
        self.assertEqual(records[3], {"lsn": 3, "text": "\x00"})

    def test_a_file_is_one_record_up_to_the_limit(self):
        blob = random.Random(1).randbytes(MIB)
        self.assertEqual(self.vlog("append", "--file", self.path("f", blob))[0], b"0 0\n")
        self.assertEqual(self.vlog("read", "--format", "raw")[0], blob)
        self.vlog("append", "--file", self.path("f", blob + b"x"), code=2)
        self.assertEqual(self.vlog("tail")[0], b"1\n")

    def test_an_empty_input_appends_nothing_and_says_so(self):
        out, err = self.vlog("append", "--lines", "-")
        self.assertEqual(out, b"")
        self.assertIn("empty", err)

    def test_a_line_that_is_too_long_ends_the_append_after_those_before_it(self):
        data = b"first\n" + b"x" * (MIB + 1) + b"\nthird\n"
        out, err = self.vlog("append", "--lines", self.path("long", data), code=1)
        self.assertEqual(out, b"0 0\n")
        self.assertIn("line 2", err)
        self.assertEqual(self.vlog("read")[0], b"first\n")

    def test_many_lines_come_back_as_they_were(self):
        data = b"".join(b"line %d\n" % i for i in range(200_000))
        self.assertEqual(self.vlog("append", "--lines", self.path("f", data))[0], b"0 199999\n")
        self.assertEqual(self.vlog("read")[0], data)
        self.assertEqual(self.vlog("read", "--from", "9", "--to", "11")[0], b"line 9\nline 10\n")

    def test_logs_of_one_directory_are_apart(self):
        self.vlog("append", "a", "--log", "one")
        self.vlog("--log", "two", "append", "b")
        self.assertEqual(self.vlog("logs")[0], b"one\ntwo\n")
        self.assertEqual(self.vlog("read", "--log", "two")[0], b"b\n")


class Mistakes(Cli):
    def test_usage_errors_exit_2(self):
        for arguments in ([], ["nonsense"], ["append"], ["append", "a", "b"], ["trim", "-1"],
                          ["trim", "x"], ["read", "--from", "x"], ["read", "--format", "x"],
                          ["read", "--from", "2", "--to", "1"], ["append", "a", "--lines", "f"],
                          ["--segment-size", "1M", "append", "a"], ["seal"],
                          ["append", "--lines", "/nonexistent"], ["--log", "../x", "append", "a"]):
            self.vlog(*arguments, code=2)
        self.run_vlog("tail", code=2)
        self.run_vlog("check", "/nonexistent", code=2)
        # Cut to 32 bits it would be 1.
        self.run_vlog("--cluster", "localhost:1", "create", "a", "--write-quorum", "4294967297",
                      code=2)

    def test_explain_says_where_a_record_is_and_who_made_its_segment(self):
        self.vlog("append", "first")
        self.vlog("reconfigure", "--reason", "fresh segment")
        self.vlog("append", "second")
        text = self.vlog("explain", "0")[0].decode()
        self.assertIn("LSN 0 of log default: stored, 5 bytes", text)
        self.assertIn("segment  0, [0, 1), sealed, offset 0", text)
        self.assertIn(": created\n", text)
        self.assertRegex(text, r"ended    \d{4}-.* by .*: fresh segment\n")
        told = json.loads(self.vlog("explain", "1", "--format", "json")[0])
        self.assertEqual(told["state"], "stored")
        self.assertEqual(told["bytes"], 6)
        self.assertEqual(told["segment"]["index"], 1)
        self.assertEqual(told["segment"]["made"]["reason"], "fresh segment")
        self.assertIsNone(told["segment"]["ended"])
        self.assertIn("not written; the log ends at 2", self.vlog("explain", "7")[0].decode())
        self.vlog("trim", "1")
        self.assertIn("trimmed; the log begins at 1", self.vlog("explain", "0")[0].decode())
        self.vlog("seal", "--reason", "moved away")
        text = self.vlog("explain", "5")[0].decode()
        self.assertIn("the log has ended at 2", text)
        self.assertIn("moved away", text)

    def test_an_unknown_command_is_named_and_near_ones_are_listed(self):
        said = self.vlog("reed", code=2)[1]
        self.assertIn("there is no command 'reed'; did you mean read?", said)
        said = self.vlog("reconf", code=2)[1]
        self.assertIn("there is no command 'reconf'; did you mean reconfigure?", said)
        said = self.vlog("bogus", "--format", "json", code=2)[1]
        self.assertIn("there is no command 'bogus'; there are: append, read,", said)
        self.assertIn("which command? There are: append, read,", self.vlog(code=2)[1])

    def test_a_missing_log_exits_1_and_nothing_is_made(self):
        for command in (["read"], ["tail"], ["trim", "1"], ["chain"], ["reconfigure"],
                        ["seal", "--reason", "x"], ["verify"], ["logs"]):
            self.vlog(*command, code=1)
            self.assertFalse(os.path.exists(self.dir), command)
        self.vlog("append", "a")
        before = sorted(os.walk(self.dir))
        for command in (["read"], ["tail"], ["trim", "1"], ["reconfigure"]):
            self.vlog("--log", "other", *command, code=1)
        self.assertEqual(sorted(os.walk(self.dir)), before)

    def test_help_has_examples(self):
        for command in ([], ["append"], ["read"], ["demo"], ["check"]):
            self.assertIn(b"Examples:", self.run_vlog(*command, "--help")[0])

    def test_a_reader_that_goes_away_is_no_error_to_shout_about(self):
        data = b"".join(b"line %d\n" % i for i in range(200_000))
        self.vlog("append", "--lines", "-", input=data)
        process = self.start("read", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertIn(process.wait(timeout=20), (0, 141))
        self.assertEqual(process.stderr.read(), b"")


class Chain(Cli):
    def test_the_segments_follow_each_other(self):
        self.vlog("append", "a")
        self.assertEqual(self.vlog("reconfigure", "--to", "local")[0], b"1 1 local\n")
        self.vlog("append", "b")
        chain = json.loads(self.vlog("chain", "--format", "json")[0])
        self.assertEqual([(s["index"], s["base"], s["end"], s["kind"]) for s in chain["segments"]],
                         [(0, 0, 1, "local"), (1, 1, None, "local")])
        self.assertEqual(chain["trim_point"], 0)
        self.assertGreater(chain["version"], 1)
        self.assertEqual(self.vlog("read")[0], b"a\nb\n")
        self.assertIn(b"local", self.vlog("chain")[0])

    def test_a_directory_takes_no_memory_segment(self):
        self.vlog("append", "a")
        for kind in ("memory", "marker", "nonsense"):
            self.vlog("reconfigure", "--to", kind, code=2)
        self.assertEqual(len(json.loads(self.vlog("chain", "--format", "json")[0])["segments"]), 1)

    def test_what_is_trimmed_is_a_gap_only_for_who_asks(self):
        self.vlog("append", "--lines", "-", input=b"a\nb\nc\n")
        self.vlog("reconfigure")
        self.assertEqual(self.vlog("trim", "2")[0], b"2\n")
        self.assertEqual(self.vlog("trim", "1")[0], b"2\n")
        self.assertEqual(self.vlog("read")[0], b"c\n")
        self.assertEqual(self.json_lines("--from", "0", code=4),
                         [{"gap": [0, 2], "why": "trimmed"}, {"lsn": 2, "text": "c"}])
        out, err = self.vlog("read", "--to", "9")
        self.assertEqual(out, b"c\n")
        self.assertIn("3", err)
        self.assertEqual(self.vlog("trim", "9")[0], b"3\n")

    def test_a_sealed_log_says_why_and_stays_readable(self):
        self.vlog("append", "a")
        self.assertEqual(self.vlog("seal", "--reason", "moved away")[0], b"1\n")
        for command in (["append", "b"], ["reconfigure"], ["seal", "--reason", "x"]):
            self.assertIn("moved away", self.vlog(*command, code=1)[1])
        self.assertEqual(self.vlog("read", "--follow")[0], b"a\n")
        self.assertEqual(self.vlog("tail")[0], b"1\n")


class TwoProcesses(Cli):
    def writer(self, *arguments):
        process = self.start("append", "--lines", "-", "--acks", *arguments,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.send(process, b"first\n")
        return process

    def send(self, process, data):
        process.stdin.write(data)
        process.stdin.flush()
        process.stdout.readline()

    def test_readers_work_beside_a_writer_and_another_writer_does_not(self):
        writer = self.writer()
        self.wait_for(lambda: self.vlog("tail")[0] == b"1\n")
        self.assertEqual(self.vlog("read")[0], b"first\n")
        self.vlog("verify")
        for command in (["append", "b"], ["trim", "1"], ["reconfigure"]):
            self.assertIn(str(writer.pid), self.vlog(*command, code=1)[1])
        writer.stdin.close()
        self.assertEqual(writer.stdout.read(), b"0 0\n")
        self.assertEqual(writer.wait(timeout=20), 0)

    def test_follow_shows_what_another_process_appends(self):
        writer = self.writer()
        self.wait_for(lambda: self.vlog("tail")[0] == b"1\n")
        reader = self.start("read", "--follow", "--to", "3", stdout=subprocess.PIPE)
        self.assertEqual(reader.stdout.readline(), b"first\n")
        self.send(writer, b"second\n")
        self.assertEqual(reader.stdout.readline(), b"second\n")
        self.send(writer, b"third\n")
        self.assertEqual(reader.stdout.read(), b"third\n")
        self.assertEqual(reader.wait(timeout=20), 0)

    def test_an_interrupt_prints_what_was_done(self):
        writer = self.writer()
        writer.send_signal(signal.SIGINT)
        self.assertEqual(writer.stdout.read(), b"0 0\n")
        self.assertEqual(writer.wait(timeout=20), 130)
        self.vlog("append", "next")
        reader = self.start("read", "--follow", stdout=subprocess.PIPE)
        self.assertEqual(reader.stdout.readline(), b"first\n")
        reader.send_signal(signal.SIGINT)
        self.assertEqual(reader.wait(timeout=20), 130)

    def test_kill_9_loses_nothing_that_was_acknowledged(self):
        for attempt in range(3):
            data = b"".join(b"%d-%d\n" % (attempt, i) for i in range(300_000))
            writer = self.start("append", "--lines", self.path("lines", data), "--acks",
                                stdout=subprocess.PIPE)
            acked = [int(writer.stdout.readline()) for _ in range(5000 * (attempt + 1))]
            writer.kill()
            acked += [int(line) for line in writer.stdout.read().splitlines(True)
                      if line.endswith(b"\n") and b" " not in line]
            writer.wait()
            records = {r["lsn"]: r["text"] for r in self.json_lines()}
            for i, lsn in enumerate(acked):
                self.assertEqual(records[lsn], "%d-%d" % (attempt, i))
        self.vlog("verify")


class Damage(Cli):
    def test_verify_names_the_bytes_that_are_damaged(self):
        self.vlog("append", "--lines", "-", input=b"".join(b"%040d\n" % i for i in range(9000)))
        self.vlog("append", "end")
        self.assertIn(b"9001 records", self.vlog("verify")[0])
        journal = os.path.join(self.dir, "journal")
        segment = sorted(name for name in os.listdir(journal) if name.endswith(".seg"))[0]
        with open(os.path.join(journal, segment), "r+b") as file:
            position = file.read(400_000).index(b"%040d" % 4000)
            file.seek(position)
            file.write(b"!")
        out, _ = self.vlog("verify", code=4)
        name, _, begin, end = out.decode().splitlines()[0].split(" ", 4)[1:5]
        self.assertEqual(name, "journal/" + segment)
        self.assertLessEqual(int(begin.strip("[,")), position)
        self.assertGreater(int(end.strip(")")), position)
        records = self.json_lines(code=4)
        self.assertEqual([r["why"] for r in records if "gap" in r], ["data_loss"])


class History(Cli):
    def history(self, shown):
        """An append of "x" at 0 and a read that shows `shown` there."""
        events = [
            {"type": "invoke", "id": 1, "op": "append", "sess": "w", "seq": 0, "arg": ["x"]},
            {"type": "ok", "id": 1, "op": "append", "res": 0},
            {"type": "invoke", "id": 2, "op": "read", "sess": "r", "arg": [0, 1]},
            {"type": "ok", "id": 2, "op": "read", "res": [[0, shown]]},
        ]
        lines = [json.dumps({"t": t, "proc": "p", **event}) for t, event in enumerate(events)]
        return "".join(line + "\n" for line in lines).encode()

    def test_a_good_history_is_ok_with_counts_also_when_its_last_line_is_cut(self):
        for tail in (b"", b'{"t":9,"ty'):
            out, _ = self.run_vlog("check", self.path("h", self.history("x") + tail))
            self.assertTrue(out.startswith(b"ok: 4 events"), out)

    def test_a_violation_is_named_and_its_lines_are_shown(self):
        out, _ = self.run_vlog("check", self.path("h", self.history("y")), code=4)
        self.assertTrue(out.startswith(b"violation: I"), out)
        self.assertIn(b"\nline 4: {", out)

    def test_a_malformed_history_exits_2_with_its_line(self):
        _, err = self.run_vlog("check", self.path("h", b'{"t":\nnonsense\n'), code=2)
        self.assertIn("line 1", err)
        self.run_vlog("check", self.path("h", b""), code=2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    VLOG = os.path.abspath(sys.argv.pop(1))
    unittest.main()
