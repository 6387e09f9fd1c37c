#!/usr/bin/env python3
"""Checks tools/lint against its examples.

bad/<rule>/   a small tree. The rule must find exactly the lines that hold the word BAD, and no
              other rule may find anything.
good/         a tree of near misses, in which nothing may be found.

Every rule of `tools/lint --list-rules` needs a bad example. Exit code 0 if all holds, else 1.
"""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LINT = HERE.parent.parent / "tools" / "lint"
FINDING = re.compile(r"(.+?):(\d+): ([\w-]+): .")


def run_lint(*arguments):
    result = subprocess.run([sys.executable, str(LINT), *arguments], capture_output=True, text=True)
    if result.returncode not in (0, 1) or "Traceback" in result.stderr:
        sys.exit(f"run_examples: tools/lint {' '.join(arguments)} failed:\n{result.stderr}")
    return result


def findings_in(root):
    """{(path:line, rule)} of a lint run over one example tree."""
    result = run_lint("--root", str(root))
    found = set()
    for line in result.stdout.splitlines():
        match = FINDING.match(line)
        if match:
            found.add((f"{match[1]}:{match[2]}", match[3]))
    if bool(found) != (result.returncode == 1):
        sys.exit(f"run_examples: {root}: exit code {result.returncode}, {len(found)} findings")
    return found


def marked_lines(root):
    """{path:line} of all lines with the word BAD."""
    marked = set()
    for path in filter(pathlib.Path.is_file, root.rglob("*")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"\bBAD\b", line):
                marked.add(f"{path.relative_to(root).as_posix()}:{number}")
    return marked


def check_rule(rule):
    """(number of lines caught, problems)"""
    root = HERE / "bad" / rule
    marked = marked_lines(root)
    if not marked:
        return 0, ["has no bad example (add one under tests/lint/bad/, its lines marked BAD)"]
    found = findings_in(root)
    expected = {(line, rule) for line in marked}
    problems = [f"not caught: {line}" for line, _ in sorted(expected - found)]
    problems += [f"must not be found: {line} ({other})" for line, other in sorted(found - expected)]
    return len(expected & found), problems


def main():
    rules = [line.split()[0] for line in run_lint("--list-rules").stdout.splitlines()]
    failed = False
    width = max(map(len, rules))
    print(f"{'rule':<{width}}  caught")
    for rule in rules:
        caught, problems = check_rule(rule)
        print(f"{rule:<{width}}  {caught:>6}  {'FAILED' if problems else 'ok'}")
        for problem in problems:
            print(f"    {problem}")
        failed |= bool(problems)

    for folder in sorted(path.name for path in (HERE / "bad").iterdir() if path.name not in rules):
        print(f"tests/lint/bad/{folder}: no such rule")
        failed = True

    wrong = sorted(findings_in(HERE / "good"))
    print(f"{'good examples':<{width}}  {'FAILED' if wrong else 'no findings'}")
    for line, rule in wrong:
        print(f"    must not be found: {line} ({rule})")
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
