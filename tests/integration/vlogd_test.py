#!/usr/bin/env python3
"""Real vlogd processes on loopback: tests/integration/vlogd_test.py PATH-OF-VLOGD [TEST...]"""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

VLOGD = ""
PATIENCE = 30  # seconds; far more than anything here takes


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("VLOG_")}


def run(*arguments, **more):
    """(exit code, stdout, stderr) of a vlogd that ends by itself."""
    done = subprocess.run([VLOGD, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          env={**environment(), **more})
    return done.returncode, done.stdout, done.stderr


class Node:
    """One node: its directory, its ports, and the process, if it runs."""

    def __init__(self, folder, number, rpc_port):
        self.folder, self.number, self.rpc_port = folder, number, rpc_port
        self.directory = os.path.join(folder, str(number))
        self.log_name = os.path.join(folder, "log%d" % number)
        self.process = None

    def flags(self):
        return ["--config", os.path.join(self.folder, "nodes.toml"),
                "--node-id", str(self.number), "--node-data-dir", self.directory,
                "--network-listen", "127.0.0.1:%d" % self.rpc_port,
                "--network-http", "127.0.0.1:0", "--storage-segment-size", "8MiB"]

    def init(self, *more):
        code, out, err = run(*self.flags(), "--init", *more)
        assert code == 0, err
        return out.strip()

    def start(self, *more, files=None):
        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.begin = os.path.getsize(self.log_name) if os.path.exists(self.log_name) else 0
        with open(self.log_name, "ab") as log:
            self.process = subprocess.Popen([VLOGD, *self.flags(), *more], stderr=log,
                                            preexec_fn=limit, env=environment())

    def log(self):
        """What the newest process wrote."""
        with open(self.log_name) as log:
            log.seek(self.begin)
            return log.read()

    def await_log(self, pattern):
        def look():
            found = re.search(pattern, self.log())
            if not found and self.process.poll() is not None:
                raise AssertionError("it ended with %s:\n%s" % (self.process.returncode, self.log()))
            return found
        return poll(look, lambda: "no '%s' in\n%s" % (pattern, self.log()))

    def get(self, page):
        """(status, body) over HTTP."""
        http = self.await_log(r'msg="serves pages" http=(\S+)').group(1)
        try:
            with urllib.request.urlopen("http://%s%s" % (http, page), timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def status(self):
        return json.loads(self.get("/status")[1])

    def metric(self, name):
        found = re.search("^%s (\\S+)$" % re.escape(name), self.get("/metrics")[1], re.M)
        assert found, name
        return float(found.group(1))

    def await_ready(self):
        self.await_log(r"msg=ready .*http=127")

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.wait()


def poll(look, complaint):
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(complaint())
        time.sleep(0.02)


class Vlogd(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vlogd-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.nodes = []
        self.addCleanup(self.kill_all)

    def kill_all(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait()

    def make(self, count):
        """Formatted nodes that all know each other."""
        self.nodes = [Node(self.folder, i + 1, port) for i, port in enumerate(free_ports(count))]
        with open(os.path.join(self.folder, "nodes.toml"), "w") as file:
            for node in self.nodes:
                file.write('[[peers]]\nid = %d\naddress = "127.0.0.1:%d"\n' %
                           (node.number, node.rpc_port))
        self.cluster = self.nodes[0].init()
        for node in self.nodes[1:]:
            self.assertEqual(node.init("--cluster-id", self.cluster), self.cluster)
        return self.nodes

    def start(self, count):
        for node in self.make(count):
            node.start()
        for node in self.nodes:
            node.await_ready()
        return self.nodes


class Cluster(Vlogd):
    def test_three_nodes_begin_a_cluster_serve_their_pages_and_stop(self):
        nodes = self.start(3)
        lists = set()
        for node in nodes:
            self.assertEqual(node.get("/healthz"), (200, "ok\n"))
            status = node.status()
            self.assertEqual(status["cluster"]["id"], self.cluster)
            self.assertEqual((status["node"]["id"], status["node"]["boot"]), (node.number, 1))
            self.assertEqual(status["state"], "serving")
            self.assertEqual(status["node"]["listen"], "127.0.0.1:%d" % node.rpc_port)
            self.assertEqual([p["id"] for p in status["peers"]],
                             [n.number for n in nodes if n is not node])
            lists.add(json.dumps(status["metastore"]["first_acceptors"]))
            self.assertEqual(node.metric("vlog_metastore_votes"), 1)
            self.assertGreater(node.metric("vlog_journal_groups_total"), 0)
            self.assertGreater(node.metric("process_resident_memory_bytes"), 1 << 20)
        self.assertEqual(len(lists), 1)
        self.assertEqual(len(json.loads(lists.pop())), 3)
        self.assertEqual(nodes[0].stop(signal.SIGTERM), 0)
        self.assertEqual(nodes[1].stop(signal.SIGINT), 0)
        self.assertIn("msg=stopped journal=OK", nodes[0].log())
        # Alone, a node of an old cluster still serves what it may.
        self.assertEqual(nodes[2].get("/healthz")[0], 200)

    def test_a_killed_node_comes_back_with_a_higher_boot_number(self):
        nodes = self.start(3)
        self.assertEqual(nodes[1].stop(signal.SIGKILL), -signal.SIGKILL)
        nodes[1].start()
        nodes[1].await_ready()
        self.assertEqual(nodes[1].status()["node"]["boot"], 2)
        self.assertEqual(nodes[1].status()["metastore"], nodes[0].status()["metastore"])

    def test_a_new_cluster_waits_for_all_its_nodes_and_stops_while_it_waits(self):
        first, second = self.make(2)
        first.start()
        code, body = first.get("/healthz")
        self.assertEqual((code, body),
                         (503, "joining: waiting for the first start of node 2\n"))
        self.assertEqual(first.stop(), 0)

    def test_a_node_of_another_cluster_is_refused_in_the_handshake(self):
        first, second = self.make(2)
        shutil.rmtree(second.directory)
        self.assertNotEqual(second.init(), self.cluster)
        first.start()
        second.start()
        poll(lambda: first.metric("vlog_rpc_refused_handshakes_total") > 0,
             lambda: "nobody was refused:\n" + first.log() + second.log())
        self.assertEqual(second.get("/healthz")[0], 503)


class Strangers(Vlogd):
    def test_malformed_input_closes_its_connection_only_and_is_counted(self):
        nodes = self.start(2)
        before = nodes[0].metric("vlog_rpc_connections")
        resident = nodes[0].metric("process_resident_memory_bytes")
        # Noise, another protocol, and a hello that announces 4 GiB.
        huge = b"RVL1" + b"\x01\0\0\0" + b"\0" * 8 + b"\xff" * 8 + b"\0" * 8
        inputs = [b"\xde\xad\xbe\xef" * 64, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2, huge]
        for count, data in enumerate(inputs, 1):
            with socket.create_connection(("127.0.0.1", nodes[0].rpc_port), PATIENCE) as stranger:
                stranger.sendall(data)
                while stranger.recv(4096):
                    pass  # it is told why, and closed
            self.assertEqual(nodes[0].metric("vlog_rpc_malformed_total"), count)
        poll(lambda: nodes[0].metric("vlog_rpc_connections") == before,
             lambda: "the other connections were %d" % before)
        self.assertLess(nodes[0].metric("process_resident_memory_bytes") - resident, 64 << 20)
        self.assertEqual(nodes[0].get("/healthz")[0], 200)

    def test_a_node_without_descriptors_recovers(self):
        (node,) = self.make(1)
        node.start(files=40)
        node.await_ready()
        crowd = []
        try:
            for _ in range(60):
                crowd.append(socket.create_connection(("127.0.0.1", node.rpc_port), PATIENCE))
            folder = "/proc/%d/fd" % node.process.pid
            for _ in range(3):  # the second look finds it trying to accept another one
                poll(lambda: len(os.listdir(folder)) >= 40, lambda: "it has descriptors left")
                time.sleep(0.02)
        finally:
            for one in crowd:
                one.close()
        self.assertEqual(node.get("/healthz")[0], 200)
        self.assertGreater(node.metric("vlog_rpc_accept_failures_total"), 0)
        self.assertEqual(node.stop(), 0)


class Directories(Vlogd):
    def test_a_second_process_on_a_directory_is_refused_and_told_by_whom(self):
        (node,) = self.start(1)
        code, _, err = run(*node.flags())
        self.assertEqual(code, 1)
        self.assertIn("is locked by process %d" % node.process.pid, err)
        code, _, err = run(*node.flags(), "--init")
        self.assertEqual(code, 1)
        self.assertIn("is formatted already", err)
        self.assertEqual(node.get("/healthz")[0], 200)
        self.assertEqual(node.status()["node"]["boot"], 1)

    def test_a_port_in_use_is_named(self):
        first, second = self.make(2)
        first.start()
        first.await_log("msg=listens ")
        second.rpc_port = first.rpc_port
        os.remove(os.path.join(self.folder, "nodes.toml"))
        open(os.path.join(self.folder, "nodes.toml"), "w").close()
        second.start()
        self.assertEqual(second.wait(), 1)
        self.assertIn("network.listen = 127.0.0.1:%d" % first.rpc_port, second.log())

    def test_empty_wiped_and_foreign_directories_are_refused_with_advice(self):
        (node,) = self.make(1)
        # Another node, another cluster.
        code, _, err = run(*node.flags(), "--config", "/dev/null", "--node-id", "7")
        self.assertEqual((code, "node.id is 7" in err), (1, True), err)
        code, _, err = run(*node.flags(), "--cluster-id", "00000000deadbeef")
        self.assertEqual((code, "cluster.id is 00000000deadbeef" in err), (1, True), err)
        # Never formatted, and no such folder.
        shutil.rmtree(node.directory)
        for _ in range(2):
            code, _, err = run(*node.flags())
            self.assertEqual((code, "vlogd --init" in err), (1, True), err)
            os.makedirs(node.directory, exist_ok=True)
        # Somebody else's.
        with open(os.path.join(node.directory, "letter.txt"), "w") as file:
            file.write("dear")
        for more in ([], ["--init"]):
            code, _, err = run(*node.flags(), *more)
            self.assertEqual((code, "letter.txt" in err), (1, True), err)
        self.assertEqual(os.listdir(node.directory), ["letter.txt"])

    def test_a_journal_that_is_gone_or_another_nodes_ends_the_node(self):
        nodes = self.start(2)
        for node in nodes:
            self.assertEqual(node.stop(), 0)
        first, second = nodes
        shutil.rmtree(os.path.join(first.directory, "journal"))
        first.start()
        self.assertEqual(first.wait(), 1)
        self.assertIn("journal is gone", first.log())
        shutil.copytree(os.path.join(second.directory, "journal"),
                        os.path.join(first.directory, "journal"))
        first.start()
        self.assertEqual(first.wait(), 1)
        self.assertIn("files of two directories were mixed", first.log())


    def test_an_old_copy_of_a_directory_is_refused_by_those_who_know_better(self):
        first, second = self.start(2)
        self.assertEqual(second.stop(), 0)
        copy = second.directory + ".copy"
        shutil.copytree(second.directory, copy)
        second.start()
        second.await_ready()
        poll(lambda: first.status()["peers"][0]["boot"] == 2, lambda: "it was not seen")
        self.assertEqual(second.stop(), 0)
        shutil.rmtree(second.directory)
        os.rename(copy, second.directory)
        second.start()
        self.assertEqual(second.wait(), 1)
        self.assertIn("cannot go on", second.log())
        self.assertIn("copy of", second.log())
        self.assertGreater(first.metric("vlog_rpc_refused_handshakes_total"), 0)
        self.assertEqual(first.get("/healthz")[0], 200)


class Configuration(Vlogd):
    def write(self, text):
        name = os.path.join(self.folder, "node.toml")
        with open(name, "w") as file:
            file.write(text)
        return name

    def test_check_config_tells_each_value_and_its_origin_and_changes_nothing(self):
        name = self.write('[node]\nid = 1\ndata_dir = "nowhere"\nname = "file"\n'
                          '[network]\nlisten = "127.0.0.1:1"\n[logging]\nlevel = "debug"\n')
        code, out, err = run("--config", name, "--check-config", "--node-name", "flag",
                             VLOG_NODE_NAME="environment", VLOG_LOGGING_LEVEL="error")
        self.assertEqual(code, 0, err)
        for line in ('id = 1 +# .*node.toml:2:', 'name = "flag" +# --node-name',
                     'level = "error" +# VLOG_LOGGING_LEVEL', 'listen = "127.0.0.1:1" +# .*:6:',
                     'segment_size = "64MiB" +# default'):
            self.assertRegex(out, line)
        self.assertEqual(os.listdir(self.folder), ["node.toml"])

    def test_an_empty_value_turns_a_setting_off(self):
        for flag in (["--network-http", ""], ["--network-http="]):
            code, out, err = run("--node-id", "1", "--check-config", *flag)
            self.assertEqual(code, 0, err)
            self.assertRegex(out, 'http = "" +# --network-http')

    def test_mistakes_end_with_2_and_a_place(self):
        name = self.write('[node]\nid = 1\n[network]\n  lisen = "127.0.0.1:1"\n')
        for more in ([], ["--check-config"], ["--init"]):
            code, _, err = run("--config", name, *more)
            self.assertEqual(code, 2)
            self.assertIn("node.toml:4:3", err)
            self.assertIn("listen", err)
        for flags in (["--node-id", "0"], ["--nose-id", "1"], ["--node-id"], ["extra"], [],
                      ["--node-id", "1", "--init", "--check-config"],
                      ["--config", os.path.join(self.folder, "none.toml")]):
            code, out, err = run(*flags)
            self.assertEqual((code, out), (2, ""), flags)
            self.assertIn("vlogd", err)
        self.assertIn("VLOG_NODE_ID", run(VLOG_NODE_ID="x")[2])

    def test_help_teaches_a_set_up_that_works(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        self.assertIn("--network-listen", out)
        lines = out[out.index("  mkdir v\n"):out.index("Exit codes:")].splitlines()
        ports = free_ports(6)
        script = "vlogd() { %s \"$@\"; }\n" % VLOGD
        script += "\n".join(line for line in lines if line.startswith("  "))
        script = script.replace("#", "\n#").replace("curl", "wait # curl")
        for i in range(3):
            script = script.replace("127.0.0.1:740%d", "127.0.0.1:%d").replace(
                "1 1 2 2 3 3", "1 %d 2 %d 3 %d" % tuple(ports[:3]))
        script = script.replace("127.0.0.1:740$n", "127.0.0.1:$(echo %d %d %d | cut -d' ' -f$n)" %
                                tuple(ports[:3]))
        script = script.replace("127.0.0.1:748$n", "127.0.0.1:0")
        shell = subprocess.Popen(["bash", "-c", script], cwd=self.folder, text=True,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 start_new_session=True, env=environment())
        try:
            seen = []
            while sum("msg=ready" in line for line in seen) < 3:
                line = shell.stderr.readline()
                self.assertTrue(line, "".join(seen))
                seen.append(line)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
            shell.stderr.close()


if __name__ == "__main__":
    VLOGD = os.path.abspath(sys.argv[1])
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
