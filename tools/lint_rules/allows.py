"""Silencing one line: the comment `lint: allow(RULE): reason`, and what keeps it honest."""

import re
from typing import NamedTuple

RULES = {
    "lint-allow": "An allow comment names a rule, gives a reason and silences something.",
}

_ALLOW = r"[ \t]*lint:[ \t]*allow\(([^)\n]*)\)(?::[ \t]*(.*))?"
_IN_CPP = re.compile("//" + _ALLOW)
_IN_SCRIPT = re.compile(r"#" + _ALLOW)
_SCRIPTS = (".py", ".sh", ".cmake", ".txt", ".toml", ".yml", ".yaml")


class Allow(NamedTuple):
    line: int
    rule: str
    reason: str


def _allows(file):
    if file.is_cpp:
        for offset, comment in file.comments:
            match = _IN_CPP.match(comment)
            if match:
                yield Allow(file.line_of(offset), match[1].strip(), (match[2] or "").strip())
    elif file.path.endswith(_SCRIPTS) or "." not in file.path.rsplit("/", 1)[-1]:
        for match in _IN_SCRIPT.finditer(file.text):
            yield Allow(file.line_of(match.start()), match[1].strip(), (match[2] or "").strip())


def apply(tree, findings, rules):
    """Drops the findings that are allowed on their line, and adds one for each bad allow."""
    allowed, bad = set(), []
    found = {(finding.path, finding.line, finding.rule) for finding in findings}
    for file in tree.files:
        if "lint:" not in file.text:
            continue
        for allow in _allows(file):
            key = (file.path, allow.line, allow.rule)
            if allow.rule not in rules or allow.rule == "lint-allow":
                problem = f"'{allow.rule}' is not a rule that can be allowed (see --list-rules)"
            elif not allow.reason:
                problem = f"allow({allow.rule}) gives no reason (write it behind a colon)"
            elif key not in found:
                problem = f"allow({allow.rule}) silences nothing on this line (remove it)"
            else:
                allowed.add(key)
                continue
            bad.append(file.finding(allow.line, "lint-allow", problem))
    return [f for f in findings if (f.path, f.line, f.rule) not in allowed] + bad
