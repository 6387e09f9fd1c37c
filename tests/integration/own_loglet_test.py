#!/usr/bin/env python3
"""Installs the library, and builds and runs the example of a loglet that lives outside of this
repository: by the commands of docs/writing_a_loglet.md, as they stand there.

usage: own_loglet_test.py SOURCE_DIR BUILD_DIR COMPILER
"""
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD, COMPILER = map(os.path.abspath, sys.argv[1:4])
GUIDE = os.path.join(SOURCE, "docs", "writing_a_loglet.md")
HEADERS = os.path.join(SOURCE, "cmake", "public_headers.txt")
CASES = 24 * 10  # of the suite: each case with each seed


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def guide_commands():
    """Name -> text of each block that begins with "# NAME:"."""
    blocks = re.findall(r"^```sh\n# (\w+): [^\n]*\n(.*?)^```", read(GUIDE), re.M | re.S)
    assert len(blocks) == read(GUIDE).count("```sh"), "each block of the guide begins with its name"
    return dict(blocks)


def free_ports():
    """A port after which three are free."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            base = probe.getsockname()[1]
        sockets = []
        try:
            for port in range(base + 1, base + 4):
                sockets.append(socket.create_server(("127.0.0.1", port)))
            return base
        except (OSError, OverflowError):
            pass
        finally:
            for each in sockets:
                each.close()


def public_headers():
    return [line for line in read(HEADERS).splitlines() if line and not line.startswith("#")]


class OwnLoglet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="own-loglet-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.work = os.path.join(cls.folder, "work")
        cls.prefix = os.path.join(cls.folder, "prefix")
        os.mkdir(cls.work)
        # The guide is run in the root of the repository, whose build is `build` there.
        cls.root = os.path.join(cls.folder, "root")
        os.mkdir(cls.root)
        os.symlink(BUILD, os.path.join(cls.root, "build"))
        os.symlink(os.path.join(SOURCE, "docs"), os.path.join(cls.root, "docs"))
        cls.environment = {k: v for k, v in os.environ.items() if not k.startswith("VLOG_")}
        cls.environment.update(PREFIX=cls.prefix, WORK=cls.work, CXX=COMPILER,
                               CMAKE_EXPORT_COMPILE_COMMANDS="ON", CMAKE_BUILD_PARALLEL_LEVEL="2")
        cls.launcher = []
        if shutil.which("ccache"):
            # Paths below the folder do not count: the next run finds the results of this one.
            cls.launcher = ["ccache"]
            cls.environment.update(CMAKE_CXX_COMPILER_LAUNCHER="ccache", CCACHE_BASEDIR=cls.folder,
                                   CCACHE_NOHASHDIR="1")
        cls.commands = guide_commands()
        for name in ("install", "build"):
            code, output = cls.run_block(name)
            if code != 0:
                raise AssertionError("the guide's block '%s' failed:\n%s" % (name, output))

    @classmethod
    def run_block(cls, name, **replace):
        """(exit code, output) of a block of the guide."""
        text = cls.commands[name]
        for old, new in replace.items():
            assert old in text, old
            text = text.replace(old, new)
        # A session of its own: whatever it leaves running is ended.
        process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", text], cwd=cls.root,
                                   env=cls.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=600)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return process.returncode, output

    def test_1_the_public_headers_include_only_each_other(self):
        public = set(public_headers())
        own = {os.path.relpath(os.path.join(folder, file), os.path.join(SOURCE, top))
               for top in ("src", "tests")
               for folder, _, files in os.walk(os.path.join(SOURCE, top)) for file in files}
        for header in sorted(public):
            text = read(os.path.join(self.prefix, "include", "vlog", header))
            for included in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
                if included in own:
                    self.assertIn(included, public, "%s includes it: add it to "
                                  "cmake/public_headers.txt, or do without" % header)
        top = os.path.join(self.prefix, "include", "vlog")
        installed = {os.path.relpath(os.path.join(folder, file), top)
                     for folder, _, files in os.walk(os.path.dirname(top)) for file in files}
        self.assertEqual(installed, public)

    def test_2_each_public_header_compiles_alone(self):
        with open(os.path.join(self.work, "build", "compile_commands.json")) as file:
            command = next(entry["command"] for entry in json.load(file)
                           if entry["file"].endswith("suite_test.cc"))
        # What the package says to those who link it, and nothing else.
        words = shlex.split(command)
        flags = [word for word in words if re.match("-(D|std=)", word)]
        flags += [part for i, word in enumerate(words) if word == "-isystem"
                  for part in words[i:i + 2]]
        self.assertIn(os.path.join(self.prefix, "include", "vlog"), flags)
        alone = os.path.join(self.folder, "alone")
        os.mkdir(alone)
        environment = {**self.environment, "CCACHE_DEPEND": "1"}

        def compile_alone(header):
            stem = os.path.join(alone, header.replace("/", "-"))
            with open(stem + ".cc", "w") as file:
                file.write('#include "%s"\n#include "%s"\n' % (header, header))
            done = subprocess.run([*self.launcher, COMPILER, *flags, "-O0", "-MD", "-c",
                                   stem + ".cc", "-o", stem + ".o"], capture_output=True,
                                  text=True, cwd=alone, env=environment)
            return None if done.returncode == 0 else "%s:\n%s" % (header, done.stderr[:3000])

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            failures = [each for each in pool.map(compile_alone, public_headers()) if each]
        self.assertEqual(failures, [])

    def test_3_the_suite_passes(self):
        code, output = self.run_block("suite")
        self.assertEqual(code, 0, output)
        self.assertEqual(len(re.findall("^single +simulated ", output, re.M)), CASES, output)
        self.assertNotIn("not applicable", output)
        self.assertIn("All tests passed", output)

    def test_4_three_nodes_serve_a_log_of_the_new_kind(self):
        port = free_ports()
        code, output = self.run_block("cluster", **{"port=7440": "port=%d" % port})
        self.assertEqual(code, 0, output)
        expected = re.search(r"It prints\n\n```text\n(.*?)```", read(GUIDE), re.S).group(1)
        self.assertTrue(output.endswith(expected), output)

    def test_5_the_suite_fails_with_the_planted_bug(self):
        code, output = self.run_block("bug")
        self.assertEqual(code, 0, output)  # the block expects the suite to fail
        failed = set(re.findall(r"^  single, simulated: (.*)$", output, re.M))
        self.assertEqual(failed, {"a seal under load covers the acknowledged"}, output)

    def test_6_a_version_that_does_not_fit_is_refused(self):
        folder = os.path.join(self.folder, "version")
        os.mkdir(folder)
        for wanted, fits in (("0.1", True), ("0.2", False), ("1.0", False)):
            with open(os.path.join(folder, "CMakeLists.txt"), "w") as file:
                file.write("cmake_minimum_required(VERSION 3.22)\nproject(Wants LANGUAGES CXX)\n"
                           "find_package(VirtualLog %s REQUIRED)\n" % wanted +
                           "if(TARGET VirtualLog::loglet_suite)\n"
                           "  message(FATAL_ERROR \"nobody asked for the suite\")\nendif()\n")
            done = subprocess.run(["cmake", "-S", folder, "-B", os.path.join(folder, wanted),
                                   "-DCMAKE_PREFIX_PATH=" + self.prefix], capture_output=True,
                                  text=True, env=self.environment)
            self.assertEqual(done.returncode == 0, fits, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
