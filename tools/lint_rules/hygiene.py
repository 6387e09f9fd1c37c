"""What keeps the tree tidy: no traces of a developer's machine, guards, sizes."""

import re

RULES = {
    "no-machine-path": "No absolute path of a developer's machine in any text file.",
    "no-leftover-word": "No to-do, fix-me or triple-X marker in src/, tools/, bench/ and tests/.",
    "include-guard": "Headers in src/ are guarded by VLOG_<PATH>_H_, as their path says.",
    "using-namespace": "No 'using namespace' in a header.",
    "file-size": "In src/, at most 400 lines a file and 250 a header.",
}

# The lint reads itself: these patterns are written so that they do not match their own text.
_MACHINE_PATH = re.compile(r"(?:(?<![\w.~$)}>*\]-])|(?<=-[IL]))/(?:work|home|root)/")
_LEFTOVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")
_GUARD = re.compile(r"\s*#\s*ifndef\s+(\w+)\s+#\s*define\s+(\w+)\b")
_USING_NAMESPACE = re.compile(r"\busing\s+namespace\b")

MAX_LINES = 400
MAX_HEADER_LINES = 250


def check(tree):
    for file in tree.files:
        for match in _MACHINE_PATH.finditer(file.text):
            yield file.finding_at(match.start(), "no-machine-path",
                                  f"'{match.group()}...' exists on one machine only (use a "
                                  "relative path or a parameter)")
        if file.top in ("src", "tools", "bench", "tests"):
            for match in _LEFTOVER.finditer(file.text):
                yield file.finding_at(match.start(), "no-leftover-word",
                                      f"'{match.group()}' (do it now, or write it into the docs)")
        if file.is_header:
            for match in _USING_NAMESPACE.finditer(file.code):
                yield file.finding_at(match.start(), "using-namespace",
                                      "'using namespace' in a header reaches all who include it "
                                      "(name what you use)")
        if file.is_cpp and file.top == "src":
            yield from _check_guard(file)
            yield from _check_size(file)


def _check_guard(file):
    if not file.path.endswith((".h", ".hh", ".hpp")):
        return
    expected = "VLOG_" + re.sub(r"\W", "_", file.path.removeprefix("src/")).upper() + "_"
    match = _GUARD.match(file.code)
    if not match:
        yield file.finding(1, "include-guard", "the header does not start with an include guard "
                           f"(#ifndef {expected}, #define {expected})")
    elif match[1] != expected or match[2] != expected:
        wrong = 1 if match[1] != expected else 2
        yield file.finding_at(match.start(wrong), "include-guard",
                              f"guard {match[wrong]} does not fit the path (write {expected})")


def _check_size(file):
    lines = len(file.text.splitlines())
    limit = MAX_HEADER_LINES if file.is_header else MAX_LINES
    if lines > limit:
        yield file.finding(1, "file-size", f"{lines} lines, more than {limit} (split it by "
                           "responsibility)")
