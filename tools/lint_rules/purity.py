"""Pure files decide and never wait: what they need of the world comes in as arguments."""

import re

RULES = {
    "pure-core": "Cores, chain*, base, consensus, checker: no coroutine, async, env, Asio, Now().",
}

_PURE_FILE = re.compile(r"src/(?:(?:base|consensus|checker)/"
                        r"|(?:.*/)?\w+_core\.(?:h|cc)\Z|virtuallog/(?:.*/)?chain\w*\.(?:h|cc)\Z)")
_PURE_CODE = re.compile(r"\bco_await\b|\bco_return\b|\bTask\s*<|\bNow\s*\(")
# base holds what coroutines and clocks need too, such as macros that co_return a status.
_BASE_CODE = re.compile(r"\bco_await\b")
_WORLD = re.compile(r"(?:async|env)/|boost/asio")


def check(tree):
    for file in tree.cpp_files:
        if not _PURE_FILE.match(file.path):
            continue
        banned = _BASE_CODE if file.path.startswith("src/base/") else _PURE_CODE
        for match in banned.finditer(file.code):
            yield file.finding_at(match.start(), "pure-core",
                                  f"'{match.group()}' in a pure file (take what it gives as a "
                                  "parameter, or move the waiting into the shell)")
        for include in file.includes:
            if _WORLD.match(include.path):
                yield file.finding(include.line, "pure-core", f"a pure file includes "
                                   f"'{include.path}' (move what needs it into the shell)")
