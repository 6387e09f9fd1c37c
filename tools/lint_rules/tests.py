"""Names of Catch2 tests. With Catch2 2.13 and catch_discover_tests, a name with [ ] ; or \\ makes
CTest report a failing test as passed and lose later ones; two tests of one name hide each other.
"""

import re

from .source import find_close, split_arguments

RULES = {
    "test-name": "Test names have no [ ] ; \\ and are unique within their directory.",
}

_MACRO = re.compile(r"\b((?:TEMPLATE_(?:PRODUCT_|LIST_)?)?TEST_CASE(_METHOD)?(?:_SIG)?"
                    r"|SCENARIO(_METHOD)?|SECTION|GIVEN|WHEN|THEN|AND_GIVEN|AND_WHEN"
                    r"|AND_THEN)\s*\(")
_LITERAL = re.compile(r'R"(?P<fence>[^()\\\s]*)\((?P<raw>.*?)\)(?P=fence)"'
                      r'|"(?P<plain>(?:\\.|[^"\\])*)"', re.DOTALL)
_BANNED = re.compile(r"[\[\];\\]")


def check(tree):
    first = {}
    for file in tree.cpp_files:
        if "TEST_CASE" not in file.code and "SCENARIO" not in file.code and \
                "SECTION" not in file.code:
            continue
        for macro, offset, name in _names(file):
            banned = _BANNED.search(name)
            if banned:
                yield file.finding_at(offset, "test-name", f"'{banned.group()}' in a test name "
                                      "breaks CTest's discovery (only the tags may have brackets)")
            if "TEST_CASE" not in macro and "SCENARIO" not in macro:
                continue
            key = (file.path.rpartition("/")[0], name)
            where = first.setdefault(key, f"{file.path}:{file.line_of(offset)}")
            if where != f"{file.path}:{file.line_of(offset)}":
                yield file.finding_at(offset, "test-name",
                                      f"the name of {where} again (say what is different here)")


def _names(file):
    """(macro, offset, name) of each test or section whose name is a literal."""
    for match in _MACRO.finditer(file.code):
        closing = find_close(file.code, match.end() - 1)
        arguments = split_arguments(file.code, match.end(), closing) if closing > 0 else []
        position = 1 if "_METHOD" in match[1] else 0
        if len(arguments) <= position:
            continue
        start, end = arguments[position]
        literals = list(_LITERAL.finditer(file.code_with_strings, start, end))
        if not literals:
            continue
        name = "".join(m["plain"].replace('\\"', '"') if m["raw"] is None else m["raw"]
                       for m in literals)
        yield match[1], match.start(), name
