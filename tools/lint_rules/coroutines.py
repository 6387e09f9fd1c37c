"""Traps around co_await. g++ 12 destroys some temporaries twice when their full expression contains
a co_await: lambdas with captures, braced aggregates, class-typed `?:`. The compiler says nothing,
so these rules forbid the forms, harmless cases included.
"""

import re

from .expressions import IDENTIFIER, Expressions
from .source import find_close, split_arguments

RULES = {
    "co-await-lambda": "No lambda in one full expression with co_await, nor inside co_spawn(...).",
    "co-await-brace": "No braced initializer in one full expression with co_await.",
    "co-await-ternary": "No ?: in one full expression with co_await.",
    "co-await-macro": "No co_await in the arguments of an ALLCAPS macro or in a GNU ({...}).",
    "co-spawn-detached": "No co_spawn with detached: exceptions would vanish.",
    "co-spawn-outside-async": "co_spawn only in src/async/ and src/env/; else TaskGroup::Spawn.",
    "awaitable-operators": "No awaitable_operators: a || b waits for the loser.",
    "coroutine-reference-parameter":
        "A function that returns Task<> takes no const T&, T&&, string_view or span.",
}

_CO_WORD = re.compile(r"\bco_(?:await|spawn)\b")
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_MACRO_NAME = re.compile(r"[A-Z][A-Z0-9_]+\Z")
_CO_SPAWN = re.compile(r"\bco_spawn\b")
_DETACHED = re.compile(r"\basio\s*(?:::|/)\s*detached\b")
_OPERATORS = re.compile(r"\bawaitable_operators\b")

_LAMBDA = "a lambda in an expression with {} is destroyed twice by g++ 12 (write a named " \
    "function with parameters, or name the lambda on a line of its own)"
_BRACE = "a braced initializer in an expression with co_await is destroyed twice by g++ 12 " \
    "(name it first, then co_await F(std::move(name)))"
_TERNARY = "?: in an expression with co_await is miscompiled by g++ 12 (write if/else)"


def check(tree):
    for file in tree.cpp_files:
        code = file.code
        if _CO_WORD.search(code):
            yield from _check_expressions(file)
            yield from _check_co_spawn(file)
        for match in _OPERATORS.finditer(code):
            yield file.finding_at(match.start(), "awaitable-operators",
                                  "a || b waits for the loser (give the Env call a deadline)")
        yield from _check_parameters(file)


def _check_co_spawn(file):
    # The examples show the caller's side: a program spawns its own first coroutine.
    if not file.path.startswith(("src/async/", "src/env/", "docs/examples/")):
        for match in _CO_SPAWN.finditer(file.code):
            yield file.finding_at(match.start(), "co-spawn-outside-async",
                                  "co_spawn outside src/async/ and src/env/ (use TaskGroup::Spawn)")
    for match in _DETACHED.finditer(file.code):
        yield file.finding_at(match.start(), "co-spawn-detached",
                              "detached drops exceptions (use TaskGroup::Spawn)")


def _check_expressions(file):
    # A preprocessor line is no statement and may hold half a bracket: each is parsed by itself.
    code = file.code
    units = []
    for match in _DIRECTIVE.finditer(code):
        directive = match.group()
        if _CO_WORD.search(directive):
            units.append((match.start(), directive.replace("\\\n", "  ")))
    units.append((0, _DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)))

    for base, text in units:
        for offset, rule, message in _check_unit(Expressions(text)):
            yield file.finding_at(base + offset, rule, message)


def _check_unit(expressions):
    tokens = expressions.tokens
    for index, token in enumerate(tokens):
        if token == "co_await":
            yield from _check_co_await(expressions, index)
        elif token == "co_spawn" and tokens[index + 1:index + 2] == ["("]:
            inside = range(index + 2, expressions.partner[index + 1])
            for i in expressions.without_bodies(inside):
                if expressions.is_lambda(i):
                    yield expressions.offsets[i], "co-await-lambda", _LAMBDA.format("co_spawn")
                elif tokens[i] == "detached":
                    yield (expressions.offsets[i], "co-spawn-detached",
                           "detached drops exceptions (use TaskGroup::Spawn)")


def _check_co_await(expressions, index):
    tokens, offsets = expressions.tokens, expressions.offsets
    whole, enclosing = expressions.full_expression(index)
    for i in expressions.without_bodies(whole):
        if expressions.is_lambda(i):
            yield offsets[i], "co-await-lambda", _LAMBDA.format("co_await")
        elif tokens[i] == "{" and expressions.kind[i] == "init":
            yield offsets[i], "co-await-brace", _BRACE
        elif tokens[i] == "?":
            yield offsets[i], "co-await-ternary", _TERNARY

    for opening in enclosing:
        name = tokens[opening - 1] if opening else ""
        if tokens[opening] == "(" and _MACRO_NAME.match(name):
            yield (offsets[opening - 1], "co-await-macro",
                   f"co_await in an argument of {name} (await into a named result first)")
    if expressions.in_statement_expression(index):
        yield (offsets[index], "co-await-macro",
               "co_await in a GNU statement expression crashes g++ 12 (use a named result)")


# ---- coroutine-reference-parameter --------------------------------------------------------------

_TASK = re.compile(r"\b(?:Task|awaitable)\s*<")
_NAMED_PARAMETERS = re.compile(
    r"\s*(?:operator\s*\(\s*\)|(?:[A-Za-z_]\w*\s*(?:<[^<>()]*>)?\s*::\s*)*[A-Za-z_]\w*)\s*\(")
_BEFORE_ARROW = re.compile(r"\)\s*(?:(?:mutable|constexpr|noexcept|const)\s*)*->\s*"
                           r"(?:[A-Za-z_]\w*\s*::\s*)*\Z")
_VIEW = re.compile(r"\bstring_view\b|\b(?:std\s*::\s*span|absl\s*::\s*Span|span)\s*<")


def _check_parameters(file):
    code = file.code
    for match in _TASK.finditer(code):
        start, end = _parameter_range(code, match)
        for first, last in split_arguments(code, start, end):
            problem = _dangles(code[first:last])
            if problem:
                first += len(code[first:last]) - len(code[first:last].lstrip())
                yield file.finding_at(
                    first, "coroutine-reference-parameter",
                    f"'{' '.join(code[first:last].split())}': {problem} dangles after the first "
                    "suspension (take a value or a shared_ptr)")


def _parameter_range(code, match):
    """The parameters of the function whose return type starts at `match`; empty if it is none."""
    angle_end = find_close(code, match.end() - 1)
    if angle_end < 0:
        return 0, 0
    named = _NAMED_PARAMETERS.match(code, angle_end + 1)
    if named:
        opening = named.end() - 1
        closing = find_close(code, opening)
        return (opening + 1, closing) if closing > 0 else (0, 0)
    # (parameters) -> Task<...>, of a function or a lambda.
    arrow = _BEFORE_ARROW.search(code, max(0, match.start() - 200), match.start())
    if not arrow:
        return 0, 0
    closing, depth = arrow.start(), 0
    for offset in range(closing, -1, -1):
        depth += {")": 1, "(": -1}.get(code[offset], 0)
        if depth == 0:
            return offset + 1, closing
    return 0, 0


def _dangles(parameter):
    # Cut what may hold references without harm: the parameters of a callback type, a default value.
    text = parameter
    while True:
        shorter = re.sub(r"\([^()]*\)", "", text)
        if shorter == text:
            break
        text = shorter
    text = text.split("=", 1)[0]
    if _VIEW.search(text):
        return "a view"
    while True:
        shorter = re.sub(r"<[^<>]*>", "", text)
        if shorter == text:
            break
        text = shorter
    if re.search(r"&&\s*(?:\.\.\.)?\s*(?:" + IDENTIFIER + r")?\s*\Z", text):
        return "an rvalue reference"
    if "&" in text and re.search(r"\bconst\b[^&]*&", text):
        return "a const reference"
    return None
