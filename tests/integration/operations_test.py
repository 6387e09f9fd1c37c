#!/usr/bin/env python3
"""An operator's commands on real nodes:
tests/integration/operations_test.py PATH-OF-VLOGD PATH-OF-VLOG [TEST...]"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import vlogd_test  # noqa: E402
from vlogd_test import PATIENCE, environment, poll  # noqa: E402

VLOG = ""


class Operations(vlogd_test.Vlogd):
    def setUp(self):
        super().setUp()
        self.appended = []

    def command(self, *arguments, seeds=None):
        nodes = [n for n in self.nodes if seeds is None or n.number in seeds]
        cluster = ",".join("127.0.0.1:%d" % node.rpc_port for node in nodes)
        return [VLOG, "--cluster", cluster, *arguments]

    def vlog(self, *arguments, code=0, seeds=None):
        """(stdout, stderr) of a command on the cluster that ends with `code`; None: any."""
        done = subprocess.run(self.command(*arguments, seeds=seeds), capture_output=True,
                              text=True, timeout=2 * PATIENCE, env=environment())
        if code is not None:
            self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done.stdout, done.stderr

    def refused(self, *arguments, code=1):
        """What a command says that fails with `code`."""
        out, err = self.vlog(*arguments, code=code)
        return err

    def append(self, log, count=5):
        lines = ["%s %d" % (log, len(self.appended) + i) for i in range(count)]
        name = os.path.join(self.folder, "lines.txt")
        with open(name, "w") as file:
            file.write("".join(line + "\n" for line in lines))
        self.vlog("--log", log, "append", "--lines", name)
        self.appended += lines

    def check_all(self, log):
        out, _ = self.vlog("--log", log, "read")
        self.assertEqual(out.splitlines(), self.appended)

    def cluster_status(self, code=0):
        return json.loads(self.vlog("status", "--format", "json", code=code)[0])

    def log_status(self, log, code=0):
        (found,) = [each for each in self.cluster_status(code)["logs"] if each["log"] == log]
        return found

    def copies(self, log, code=0):
        return sorted(copy["node"] for copy in self.log_status(log, code)["copies"])

    def voters(self):
        return [voter["node"] for voter in self.cluster_status()["metastore"]["voters"]]

    def node(self, number):
        return self.nodes[number - 1]

    def disk_of(self, number):
        return self.cluster_status()["nodes"][number - 1]["disk"]

    def wipe(self, number):
        """The node stops, and starts on an empty disk. The old one's folder."""
        node = self.node(number)
        self.assertEqual(node.stop(), 0)
        old = node.directory + ".old"
        os.rename(node.directory, old)
        node.init("--cluster-id", self.cluster)
        node.start()
        node.await_ready()
        return old

    def test_a_log_is_created_as_it_was_asked_for(self):
        self.start(3)
        self.assertEqual(self.vlog("create", "wide")[0], "wide\n")
        self.assertEqual(self.vlog("create", "two", "--replication", "2/2")[0], "two\n")
        self.vlog("create", "named", "--nodes", "2,3", "--replication", "1/2", "--sequencer", "3")
        self.assertEqual(self.copies("wide"), [1, 2, 3])
        self.assertEqual(self.copies("two"), [1, 2])
        named = self.log_status("named")
        self.assertEqual([copy["node"] for copy in named["copies"]], [2, 3])
        self.assertEqual((named["write_quorum"], named["sequencer"]["node"]), (1, 3))
        self.assertEqual(self.log_status("wide")["write_quorum"], 2)
        self.assertIn("there is a log 'wide' already", self.refused("create", "wide"))
        self.assertIn("W/N", self.refused("create", "a", "--replication", "2", code=2))
        self.assertIn("at most N", self.refused("create", "a", "--replication", "3/2", code=2))
        self.assertIn("more than the write quorum of 2",
                      self.refused("create", "a", "--least-copies", "3", code=2))
        self.assertIn("cluster of 3 nodes", self.refused("create", "a", "--replication", "2/4",
                                                         code=2))
        self.assertIn("no node 9", self.refused("create", "a", "--nodes", "1,9", code=2))
        self.assertIn("does not fit", self.refused("create", "a", "--nodes", "1,2",
                                                   "--replication", "2/3", code=2))
        self.assertIn("named twice", self.refused("create", "a", "--nodes", "1,1", code=2))
        # A node that is away gets no copy of a new log.
        self.node(1).stop(signal.SIGKILL)
        self.vlog("create", "later", "--replication", "2/2")
        self.assertEqual(self.copies("later", code=None), [2, 3])
        # A log that had one of its two copies there gets another by itself.
        poll(lambda: 3 in self.copies("two", code=None), lambda: "log 'two' got no other copy")
        poll(lambda: self.cluster_status(code=None)["ok"], lambda: "a log has no write quorum")
        self.assertIn("only 2 nodes", self.refused("create", "a", "--replication", "2/3"))

    def test_a_dry_run_changes_nothing_and_what_would_lose_a_quorum_is_refused(self):
        self.start(3)
        self.vlog("create", "a")
        self.append("a")
        before = self.vlog("--log", "a", "chain", "--format", "json")[0]
        out, _ = self.vlog("--log", "a", "reconfigure", "--sequencer", "2", "--dry-run")
        for text in ("segment 0", "LSN 5", "sequencer on node 1", "sequencer on node 2",
                     "nothing was changed"):
            self.assertIn(text, out)
        self.assertIn("no node 7", self.refused("--log", "a", "reconfigure", "--nodes", "1,7",
                                                code=2))
        for more in ([], ["--dry-run"]):
            err = self.refused("--log", "a", "reconfigure", "--write-quorum", "1", *more)
            self.assertIn("--allow-fewer-copies", err)
        self.assertIn("impossible", self.refused("--log", "a", "reconfigure", "--nodes", "1",
                                                 code=2))
        self.node(3).stop(signal.SIGKILL)
        for more in ([], ["--dry-run"]):
            err = self.refused("--log", "a", "reconfigure", "--sequencer", "3", *more)
            self.assertIn("3", err)
            err = self.refused("--log", "a", "reconfigure", "--write-quorum", "3", *more)
            self.assertIn("3", err)
        self.assertEqual(self.vlog("--log", "a", "chain", "--format", "json")[0], before)
        out, _ = self.vlog("--log", "a", "reconfigure", "--nodes", "1,2", "--write-quorum", "1",
                           "--allow-fewer-copies")
        self.assertEqual(out, "1 5 sequencer\n")
        self.append("a")
        self.check_all("a")
        self.assertIn("use --cluster", subprocess.run(
            [VLOG, "--dir", self.folder, "reconfigure", "--dry-run"], capture_output=True,
            text=True, env=environment()).stderr)

    def test_a_log_keeps_the_copies_that_it_was_asked_for_until_an_operator_changes_it(self):
        self.start(3)
        self.vlog("create", "two", "--replication", "2/2")
        self.append("two")
        # A successor that says nothing of copies has as many.
        self.vlog("--log", "two", "reconfigure", "--sequencer", "2")
        self.assertEqual(len(self.copies("two")), 2)
        self.append("two")
        policy = self.log_status("two")["policy"]
        self.assertEqual((policy["copies"], policy["write_quorum"], policy["candidates"]),
                         (2, 2, []))
        self.vlog("--log", "two", "reconfigure", "--nodes", "1,2,3")
        policy = json.loads(self.vlog("--log", "two", "chain", "--format", "json")[0])["policy"]
        self.assertEqual((policy["copies"], policy["candidates"]), (3, [1, 2, 3]))
        self.assertIn("policy: sequencer, 3 copies", self.vlog("--log", "two", "chain")[0])
        self.assertIn("2/3 on 1, 2, 3", self.vlog("status")[0])
        self.assertIn("impossible", self.refused("--log", "two", "reconfigure", "--nodes", "1",
                                                 code=2))
        self.check_all("two")

    def test_explain_asks_each_node_for_the_record(self):
        self.start(3)
        self.vlog("create", "a", "--sequencer", "1")
        self.append("a")
        poll(lambda: [c["lag"] for c in self.log_status("a")["copies"]] == [0, 0, 0],
             lambda: "a copy stays behind: %s" % self.log_status("a"))
        out, _ = self.vlog("--log", "a", "explain", "4")
        self.assertIn("LSN 4 of log a: stored, 3 bytes", out)
        self.assertIn("sequencer, 2 of 3 nodes before an acknowledgement", out)
        self.node(3).stop(signal.SIGKILL)
        told = json.loads(self.vlog("--log", "a", "explain", "4", "--format", "json")[0])
        self.assertEqual([(n["node"], n["has_it"]) for n in told["nodes"]],
                         [(1, "yes"), (2, "yes"), (3, "no answer")])
        self.assertEqual(told["segment"]["made"]["reason"], "created")

    def test_explain_tells_who_leads_where_the_nodes_elect_a_leader(self):
        self.start(3)
        for kind in ("raft", "paxos"):
            # Nodes of this program may not host it.
            _, err = self.vlog("create", kind, "--kind", kind, code=None)
            if "there is no loglet kind" in err:
                continue
            self.append(kind)
            explain = lambda: json.loads(self.vlog("--log", kind, "explain", "4", "--format",
                                                   "json")[0])
            poll(lambda: [n["has_it"] for n in explain()["nodes"]] == ["yes"] * 3,
                 lambda: "a copy stays behind: %s" % explain())
            leader = explain()["segment"]["leader"]
            out, _ = self.vlog("--log", kind, "explain", "4")
            self.assertIn("%s, 2 of 3 nodes before an acknowledgement, led by node %d"
                          % (kind, leader), out)
            self.assertIn("leads, open, applied up to offset", out)
            self.node(leader).stop(signal.SIGKILL)
            poll(lambda: explain()["segment"]["leader"] not in (None, leader),
                 lambda: "nobody else leads: %s" % explain())
            self.assertEqual(explain()["nodes"][leader - 1]["has_it"], "no answer")
            self.node(leader).start()
            self.node(leader).await_ready()

    def test_status_shows_who_leads_and_who_has_no_vote(self):
        self.start(3)
        self.vlog("create", "a", "--kind", "raft")
        self.append("a")
        poll(lambda: self.log_status("a")["leader"] is not None, lambda: "nobody leads")
        status = self.cluster_status()
        leader = self.log_status("a")["leader"]
        self.assertEqual([n["leads"] for n in status["nodes"]].index(1) + 1, leader)
        self.assertIn("LEADER", self.vlog("status")[0])
        wiped = leader % 3 + 1
        self.wipe(wiped)
        poll(lambda: "node %d does not vote: its disk was replaced" % wiped
             in self.log_status("a")["problem"],
             lambda: "status does not say who has no vote: %s" % self.log_status("a"))
        self.assertIn("does not vote", self.vlog("status")[0])
        self.append("a")
        self.vlog("replace-disk", str(wiped))
        self.assertEqual(self.log_status("a")["problem"], "")
        self.check_all("a")

    def test_roles_are_for_kinds_that_have_them(self):
        self.start(3)
        for kind, why in (("sequencer", "they have no roles"), ("raft", "votes and serves")):
            err = self.refused("create", "x", "--kind", kind, "--roles", "acceptors=1", code=2)
            self.assertIn(why, err)
        self.assertIn("roles are", self.refused("create", "x", "--kind", "raft", "--roles",
                                                "voters=1", code=2))
        self.vlog("create", "a")
        self.append("a")
        out, err = self.vlog("--log", "a", "reconfigure", "--to", "paxos", "--roles",
                             "acceptors=1", "--replication", "2/3", code=None)
        if "there is no loglet kind" in err:
            return  # nodes of this program do not host it
        self.append("a")
        chain = json.loads(self.vlog("--log", "a", "chain", "--format", "json")[0])
        self.assertEqual(chain["policy"]["roles"], "acceptors=1")
        roles = {c["node"]: c["role"] for c in self.log_status("a")["copies"]}
        self.assertEqual(roles[1], "acceptor")
        self.assertIn("every node would be only an acceptor",
                      self.refused("--log", "a", "reconfigure", "--roles", "acceptors=1,2,3",
                                   code=2))
        self.assertIn("too few acceptors",
                      self.refused("--log", "a", "reconfigure", "--roles", "learners=1,2",
                                   code=2))
        self.assertIn("holds no copy", self.refused("--log", "a", "reconfigure", "--roles",
                                                    "acceptors=9", code=2))
        self.vlog("--log", "a", "reconfigure", "--roles", "all")
        roles = {c["node"]: c["role"] for c in self.log_status("a")["copies"]}
        self.assertNotIn("acceptor", roles.values())
        self.check_all("a")

    def test_status_shows_who_is_away_and_whether_the_quorums_live(self):
        self.start(3)
        self.vlog("create", "a", "--sequencer", "1")
        self.append("a", 7)
        status = self.cluster_status()
        self.assertTrue(status["ok"] and status["metastore"]["ok"])
        self.assertEqual(status["cluster"], self.cluster)
        for node in status["nodes"]:
            self.assertEqual((node["state"], node["votes"], node["in_service"], node["copies"]),
                             ("serving", True, True, 1))
        poll(lambda: [c["lag"] for c in self.log_status("a")["copies"]] == [0, 0, 0],
             lambda: "a copy stays behind: %s" % self.log_status("a"))
        log = self.log_status("a")
        self.assertEqual((log["ok"], log["problem"], log["kind"], log["tail"]),
                         (True, "", "sequencer", 7))
        self.node(3).stop(signal.SIGKILL)
        status = self.cluster_status()
        self.assertEqual([n["answers"] for n in status["nodes"]], [True, True, False])
        self.assertEqual(status["nodes"][2]["state"], "no answer")
        self.assertEqual(status["logs"][0]["problem"], "1 of 3 copies do not serve")
        out, _ = self.vlog("status")
        self.assertIn("2 of 3 voters serve, 2 are needed", out)
        self.node(2).stop(signal.SIGKILL)
        status = self.cluster_status(code=1)
        self.assertIn("no majority", status["metastore"]["problem"])
        self.assertFalse(status["ok"])

    def test_a_drained_node_stops_without_notice_and_comes_back(self):
        self.start(3)
        self.vlog("create", "a", "--sequencer", "3")
        self.append("a")
        out, _ = self.vlog("drain", "3")
        self.assertTrue(out.endswith("safe to stop\n"), out)
        self.assertIn("log a  segment 0  [0, 5)  on at least 2 of 3 nodes, left: 1, 2", out)
        self.assertIn("2 of 2 are needed", out)
        self.assertEqual((self.voters(), self.copies("a")), ([1, 2], [1, 2]))
        again, _ = self.vlog("drain", "3")
        self.assertTrue(again.endswith("safe to stop\n"), again)
        self.assertNotIn("goes on", again)
        segment = self.log_status("a")["segment"]
        self.assertEqual(self.node(3).stop(), 0)
        self.append("a")
        self.vlog("create", "b")
        self.assertEqual(self.copies("b"), [1, 2])
        self.check_all("a")
        self.assertIn("write quorum is 2", self.refused("drain", "2"))
        self.assertEqual(self.voters(), [1, 2])
        self.assertIn("does not answer", self.refused("undrain", "3"))
        self.assertIn("no node 8", self.refused("drain", "8", code=2))
        self.node(3).start()
        self.node(3).await_ready()
        self.append("a")
        # Nobody moved anything back unasked.
        self.assertEqual(self.log_status("a")["segment"], segment)
        out, _ = self.vlog("undrain", "3")
        self.assertIn("node 3 is in service", out)
        self.assertEqual((self.voters(), self.copies("a")), ([1, 2, 3], [1, 2, 3]))
        self.assertIn("already", self.vlog("undrain", "3")[0])
        # Its vote and its copy count.
        self.node(2).stop(signal.SIGKILL)
        self.append("a")
        self.check_all("a")
        self.assertEqual(self.vlog("create", "c", "--replication", "2/2")[0], "c\n")

    def test_a_wiped_node_counts_again_once_its_disk_is_replaced_and_the_old_disk_never(self):
        self.start(3)
        self.vlog("create", "a", "--sequencer", "3")
        self.append("a")
        self.assertIn("nothing to do", self.vlog("replace-disk", "3")[0])
        lost = self.disk_of(3)
        self.node(3).stop()
        self.assertIn("does not answer", self.refused("replace-disk", "3"))
        self.node(3).start()
        self.node(3).await_ready()
        old = self.wipe(3)
        status = self.cluster_status()["nodes"][2]
        self.assertEqual((status["state"], status["votes"]), ("serving", False))
        self.append("a")
        # Two are no majority of three that one could lose.
        self.node(2).stop(signal.SIGKILL)
        self.assertIn("no majority", self.refused("replace-disk", "3"))
        self.node(2).start()
        self.node(2).await_ready()
        out, _ = self.vlog("replace-disk", "3")
        self.assertIn("its new disk counts", out)
        self.assertIn(lost + " of node 3 never counts again", out)
        self.assertIn("log a  segment 0  [0, 5)  on at least 2 of 3 nodes, left: 1, 2", out)
        new = self.disk_of(3)
        self.assertNotEqual(new, lost)
        for copy in self.log_status("a")["copies"]:
            self.assertEqual(copy["disk"], self.disk_of(copy["node"]))
        self.assertIn("nothing to do", self.vlog("replace-disk", "3")[0])
        # Its vote and its copy count.
        self.node(2).stop(signal.SIGKILL)
        self.append("a")
        self.node(2).start()
        self.node(2).await_ready()
        self.check_all("a")
        # The old disk is put back.
        self.node(3).stop()
        kept = self.node(3).directory + ".new"
        os.rename(self.node(3).directory, kept)
        os.rename(old, self.node(3).directory)
        self.node(3).start()
        self.assertEqual(self.node(3).wait(), 1)
        self.assertIn("was replaced by 'vlog replace-disk 3'", self.node(3).log())
        shutil.rmtree(self.node(3).directory)
        os.rename(kept, self.node(3).directory)
        self.node(3).start()
        self.node(3).await_ready()
        self.append("a")
        self.assertEqual(self.disk_of(3), new)
        self.check_all("a")

    def test_what_was_sealed_moves_off_drained_nodes_and_back_to_replaced_disks(self):
        self.start(4)
        self.vlog("create", "a", "--nodes", "1,2,3", "--replication", "2/3")
        self.append("a")
        self.vlog("--log", "a", "reconfigure")
        self.append("a")
        self.assertEqual(self.vlog("rehome")[0], "nothing to move\n")
        self.assertIn("no sealed segment 1", self.refused("--log", "a", "rehome", "--segment",
                                                          "1", code=2))
        self.assertIn("no log 'b'", self.refused("--log", "b", "rehome", code=2))
        out, _ = self.vlog("drain", "3")
        self.assertIn("'vlog rehome' copies them to nodes in service", out)
        chain = self.vlog("--log", "a", "chain", "--format", "json")[0]
        out, _ = self.vlog("rehome", "--dry-run")
        self.assertIn("log a  segment 0  [0, 5)  would move: node 3 is not in service, "
                      "node 4 takes its place", out)
        self.assertEqual(self.vlog("--log", "a", "chain", "--format", "json")[0], chain)
        out, _ = self.vlog("rehome")
        self.assertIn("log a  segment 0  [0, 5)  moved: node 3 is not in service", out)
        self.assertEqual(self.vlog("rehome")[0], "nothing to move\n")
        self.assertIn("vlog rehome: node 3 is not in service",
                      self.vlog("--log", "a", "chain")[0])
        self.assertNotIn("segment 0", self.vlog("drain", "3")[0])
        out, _ = self.vlog("--log", "a", "explain", "2")
        self.assertIn("home     moved", out)
        self.node(3).stop(signal.SIGKILL)
        self.check_all("a")
        # A disk that is replaced gets back what it had.
        self.wipe(2)
        self.vlog("replace-disk", "2")
        out, _ = self.vlog("--log", "a", "rehome")
        self.assertIn("node 2 has another disk, node 2 takes its place", out)
        told = json.loads(self.vlog("--log", "a", "explain", "2", "--format", "json")[0])
        self.assertEqual([(n["node"], n["has_it"]) for n in told["nodes"]],
                         [(1, "yes"), (2, "yes"), (4, "yes")])

    def test_every_disk_can_be_replaced_one_after_the_other(self):
        self.start(3)
        self.vlog("create", "a", "--replication", "3/3")
        self.append("a")
        for number in (1, 2, 3):
            self.wipe(number)
            out, _ = self.vlog("replace-disk", str(number), seeds=[1 + number % 3])
            # Nothing is copied: the records of before are on fewer disks each time.
            # What was sealed while a disk was away is known to be on two only, not on which.
            if number != 2:
                self.assertEqual("NOT ENOUGH" in out, number == 3, out)
            self.append("a")
        status = self.cluster_status()
        self.assertEqual([v["serves"] for v in status["metastore"]["voters"]], [True] * 3)
        self.assertEqual(self.log_status("a")["write_quorum"], 3)
        # A client that begins with any of them finds its way.
        for number in (1, 2, 3):
            out, _ = self.vlog("--log", "a", "append", "after all", seeds=[number])
            self.assertEqual(out, "%d %d\n" % (19 + number, 19 + number))

    def test_a_log_is_swapped_live_from_every_kind_to_every_kind(self):
        self.start(3)
        self.vlog("create", "a")
        load = LiveLoad(self.command("--log", "a", "append", "--lines", "-", "--acks"))
        self.addCleanup(load.kill)
        # A round trip through every ordered pair, each kind to itself as well.
        kinds = ["sequencer"] + ["sequencer", "raft", "raft", "paxos", "paxos", "sequencer",
                                 "paxos", "raft", "sequencer"] * 5
        poll(lambda: load.acks, lambda: "nothing is acknowledged")
        for kind in kinds[1:]:
            heard = len(load.acks)
            self.vlog("--log", "a", "reconfigure", "--to", kind)
            poll(lambda: len(load.acks) > heard,
                 lambda: "no append is acknowledged after a swap to " + kind)
        self.assertEqual(load.stop(), 0)
        chain = json.loads(self.vlog("--log", "a", "chain", "--format", "json")[0])
        self.assertEqual([segment["kind"] for segment in chain["segments"]], kinds)
        self.appended = [str(i) for i in range(load.lines)]
        self.assertEqual(load.acks, list(range(load.lines)))
        self.check_all("a")


class LiveLoad:
    """Lines 0, 1, 2, ... through a `vlog append --lines - --acks`, and the LSNs that it tells."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment())
        self.lines, self.acks, self.stopping = 0, [], threading.Event()
        self.threads = [threading.Thread(target=target) for target in (self.feed, self.hear)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        while not self.stopping.wait(0.002):
            self.process.stdin.write("".join("%d\n" % (self.lines + i) for i in range(20)))
            self.process.stdin.flush()
            self.lines += 20
        self.process.stdin.close()

    def hear(self):
        for line in self.process.stdout:
            if len(line.split()) == 1:  # the last line sums up
                self.acks.append(int(line))

    def stop(self):
        """The exit code, once all lines are acknowledged."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.process.wait(PATIENCE)

    def kill(self):
        self.stopping.set()
        self.process.kill()


if __name__ == "__main__":
    vlogd_test.VLOGD = os.path.abspath(sys.argv[1])
    VLOG = os.path.abspath(sys.argv[2])
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
