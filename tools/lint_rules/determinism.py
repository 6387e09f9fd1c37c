"""Only src/env/real/ may touch the real world. Everything else in src/ runs in the simulator, where
one seed must give one history: no threads, clocks, randomness, files or sockets of the system, and
no order that differs from process to process.
"""

import re

from .source import find_close

RULES = {
    "determinism-thread": "No threads, locks, thread_local or sleeping outside src/env/real/.",
    "determinism-clock": "No clock is read outside src/env/real/; time is a parameter.",
    "determinism-random": "No random_device, rand() or self-seeded BitGen outside src/env/real/.",
    "determinism-environment": "No getenv outside src/env/real/.",
    "determinism-files": "No file is opened, no <fstream>, no <filesystem> outside src/env/real/.",
    "determinism-asio": "No Asio timers, sockets or io_context outside src/env/real/.",
    "determinism-hash-iteration": "No loop over a hash table: its order differs in every process.",
}

# A call of a C function: not a member, not in a namespace other than std or the global one.
_C_CALL = r"(?<![\w.>:])(?:(?:std\s*)?::\s*)?(?:{})\s*\("

_CODE_BANS = [
    ("determinism-thread", "use tasks; threads and locks live in src/env/real/", re.compile(
        r"\bstd\s*::\s*(?:jthread|thread|this_thread|(?:\w+_)?mutex|condition_variable(?:_any)?"
        r"|async|latch|barrier|counting_semaphore|binary_semaphore)\b"
        r"|\bthread_local\b|\bsleep_(?:for|until)\s*\(|\bpthread_\w+"
        r"|\babsl\s*::\s*(?:Mutex|CondVar|SleepFor)\b|" +
        _C_CALL.format("usleep|nanosleep|sleep"))),
    ("determinism-clock", "take the time as a parameter or from env's Clock", re.compile(
        r"\b(?:steady_clock|system_clock)\s*::\s*now\b|\bhigh_resolution_clock\b"
        r"|\busing\s+\w+\s*=\s*(?:\w+\s*::\s*)*(?:steady_clock|system_clock)\s*;"
        r"|\babsl\s*::\s*(?:Now|GetCurrentTimeNanos)\b"
        r"|\b(?:gettimeofday|clock_gettime)\b|" + _C_CALL.format("time") +
        r"\s*(?:nullptr|NULL|0|&)")),
    ("determinism-random", "draw from env's Random", re.compile(
        r"\brandom_device\b|\babsl\s*::\s*(?:BitGen|InsecureBitGen)\b|\bgetrandom\b|" +
        _C_CALL.format("s?rand|random|drand48|arc4random"))),
    ("determinism-environment", "pass a setting as an option", re.compile(
        r"\b(?:secure_)?getenv\b")),
    ("determinism-files", "use env's Disk", re.compile(
        r"\bstd\s*::\s*(?:ifstream|ofstream|fstream|filebuf|filesystem)\b|" +
        _C_CALL.format("openat|open|creat|fopen|freopen|fdopen|pread|pwrite|fsync|fdatasync|unlink"
                       "|mkdir"))),
    ("determinism-asio", "use env's Clock and Network", re.compile(
        r"\basio\s*::\s*(?:(?:steady|system|high_resolution|deadline)_timer|ip|local|posix"
        r"|io_context|thread_pool|signal_set)\b")),
]

_INCLUDE_BANS = [
    ("determinism-thread", "use tasks; threads and locks live in src/env/real/", re.compile(
        r"(?:thread|mutex|shared_mutex|condition_variable|semaphore|latch|barrier|pthread\.h"
        r"|absl/synchronization/.*)\Z")),
    ("determinism-files", "use env's Disk", re.compile(r"(?:fstream|filesystem)\Z")),
    ("determinism-asio", "use env's Clock and Network; include narrow Asio headers", re.compile(
        r"boost/asio\.hpp\Z|boost/asio/(?:(?:steady|system|high_resolution|deadline)_timer|ip/"
        r"|local/|posix/|io_context|thread_pool|signal_set)")),
]

_IO_CONTEXT = re.compile(r"io_context")


def check(tree):
    for file in tree.cpp_files:
        if file.top != "src" or file.path.startswith("src/env/real/"):
            continue
        yield from _check_bans(file)
        yield from _check_hash_iteration(tree, file)


def _check_bans(file):
    for rule, advice, pattern in _CODE_BANS:
        for match in pattern.finditer(file.code):
            if not _may_own_a_loop(file, match.group()):
                what = " ".join(match.group().split())
                yield file.finding_at(match.start(), rule,
                                      f"'{what}' outside src/env/real/ ({advice})")
    for include in file.includes:
        for rule, advice, pattern in _INCLUDE_BANS:
            if pattern.match(include.path) and not _may_own_a_loop(file, include.path):
                yield file.finding(include.line, rule,
                                   f"<{include.path}> outside src/env/real/ ({advice})")


def _may_own_a_loop(file, text):
    # The embedded library, and the contract suites' real world, run an event loop of their own.
    return file.path.startswith(("src/embedded/", "src/testing/contract_world")) and _IO_CONTEXT.search(text)


# ---- determinism-hash-iteration -----------------------------------------------------------------

_HASH_TYPE = re.compile(r"\b(?:(?:absl\s*::\s*)?(?:flat|node)_hash_(?:map|set)"
                        r"|(?:std\s*::\s*)?unordered_(?:multi)?(?:map|set))\s*<")
_ALIAS = re.compile(r"\busing\s+(\w+)\s*=\s*\Z")
_DECLARED = re.compile(r"\s*(?:const\b\s*)?[&*]*\s*([A-Za-z_]\w*)\s*(?:[;={,)]|\(|ABSL_)")
_FOR = re.compile(r"\bfor\s*\(")
_RANGE_COLON = re.compile(r"(?<!:):(?!:)")
_LAST_NAME = re.compile(r"([A-Za-z_]\w*)\s*\Z")
_BEGIN = re.compile(r"([A-Za-z_]\w*)\s*(?:\.|->)\s*c?begin\s*\(")


def _check_hash_iteration(tree, file):
    if not _FOR.search(file.code):
        return
    names = _hash_tables(file.code)
    own_header = tree.by_path.get(re.sub(r"\.\w+\Z", ".h", file.path))
    if own_header is not None and own_header is not file:
        names |= _hash_tables(own_header.code)
    if not names:
        return
    for match in _FOR.finditer(file.code):
        closing = find_close(file.code, match.end() - 1)
        for name in _looped_over(file.code[match.end():closing]) & names:
            yield file.finding_at(match.start(), "determinism-hash-iteration",
                                  f"loop over the hash table '{name}' (use std::map, or copy the "
                                  "keys into a vector and sort it)")


def _hash_tables(code):
    """Names of variables and members that the file declares with a hash table's type."""
    names, aliases = set(), []
    for match in _HASH_TYPE.finditer(code):
        alias = _ALIAS.search(code, max(0, match.start() - 100), match.start())
        if alias:
            aliases.append(alias[1])
            continue
        closing = find_close(code, match.end() - 1)
        declared = _DECLARED.match(code, closing + 1) if closing > 0 else None
        if declared:
            names.add(declared[1])
    for alias in aliases:
        for match in re.finditer(r"\b" + alias + r"\b", code):
            declared = _DECLARED.match(code, match.end())
            if declared:
                names.add(declared[1])
    return names


def _looped_over(header):
    """Names that may be what a for loop with this header goes over."""
    colon = _RANGE_COLON.search(header)
    if colon and "?" not in header:
        while True:
            expression = header[colon.end():].strip()
            if not (expression.startswith("(") and expression.endswith(")")):
                break
            header = header[:colon.end()] + expression[1:-1]
        last = _LAST_NAME.search(expression)
        return {last[1]} if last else set()
    return {match[1] for match in _BEGIN.finditer(header)}
