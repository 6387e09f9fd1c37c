#!/usr/bin/env python3
"""Checks that CTest knows every test that the test programs hold.

catch_discover_tests can lose tests without a word (a name that CMake splits, a program that was
forgotten), and what CTest does not know it does not run. So the two are counted and compared:

    tests/lint/count_tests.py BUILD_DIR

BUILD_DIR/test_programs.txt   Catch2 programs, one absolute path a line
BUILD_DIR/extra_tests.txt     other tests, one CTest name a line (may be missing)

Exit codes: 0 the counts agree, 1 they do not, 2 something could not be asked.
"""

import collections
import os
import re
import subprocess
import sys


def fail(message):
    print(f"count_tests: {message}", file=sys.stderr)
    sys.exit(2)


def read_lines(path, required):
    if not os.path.exists(path):
        if required:
            fail(f"{path} is missing (configure the build with tests)")
        return []
    with open(path, encoding="utf-8") as stream:
        return [line.strip() for line in stream if line.strip()]


def ctest_names(build_dir):
    """The names of all tests that CTest knows, checked against its own total."""
    result = subprocess.run(["ctest", "--test-dir", build_dir, "-N"], capture_output=True,
                            text=True)
    total = re.search(r"^Total Tests: (\d+)", result.stdout, re.MULTILINE)
    if result.returncode != 0 or not total:
        fail(f"ctest --test-dir {build_dir} -N failed:\n{result.stdout}{result.stderr}")
    names = re.findall(r"^ *Test +#\d+: (.*)$", result.stdout, re.MULTILINE)
    if len(names) != int(total[1]):
        fail(f"ctest lists {len(names)} names but says 'Total Tests: {total[1]}'")
    return names


def program_names(program):
    """The test cases that a Catch2 program lists (hidden ones are not, nor does CTest get them)."""
    try:
        result = subprocess.run([program, "--list-test-names-only"], capture_output=True, text=True)
    except OSError as error:
        fail(f"cannot run {program}: {error.strerror} (build it first)")
    # Catch2 2.13 exits with the number of tests, Catch2 3 with 0; only a signal means failure.
    if result.returncode < 0:
        fail(f"{program} --list-test-names-only died of signal {-result.returncode}")
    names = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    if not names:
        fail(f"{program} lists no test (remove it, or see its output: {result.stderr.strip()})")
    return names


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    build_dir = sys.argv[1]

    programs = read_lines(os.path.join(build_dir, "test_programs.txt"), required=True)
    extra = read_lines(os.path.join(build_dir, "extra_tests.txt"), required=False)
    known = ctest_names(build_dir)
    held = [(os.path.basename(program), program_names(program)) for program in programs]

    expected = sum(len(names) for _, names in held) + len(extra)
    if expected == len(known):
        print(f"count_tests: CTest knows all {expected} tests "
              f"({len(programs)} programs, {len(extra)} other tests)")
        return 0

    print(f"count_tests: CTest knows {len(known)} tests, but there are {expected}:")
    for program, names in held:
        print(f"  {len(names):>5}  in {program}")
    print(f"  {len(extra):>5}  in extra_tests.txt")

    # Names help to see which ones; discovery may have put a prefix before them.
    unclaimed = collections.Counter(known)
    for owner, names in held + [("extra_tests.txt", extra)]:
        for name in names:
            match = name if unclaimed[name] else next(
                (other for other in +unclaimed if other.endswith(name)), None)
            if match is None:
                print(f"  not in CTest: '{name}' of {owner}")
            else:
                unclaimed[match] -= 1
    for name in (+unclaimed).elements():
        print(f"  only in CTest: '{name}'")
    return 1


if __name__ == "__main__":
    sys.exit(main())
