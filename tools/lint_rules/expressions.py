"""Just enough C++ structure to find the full expression around a token: brackets, what each `{`
opens, and where lambdas are. No names are looked up, no types are known.
"""

import re

IDENTIFIER = r"[A-Za-z_]\w*"
_TOKEN = re.compile(IDENTIFIER + r"|\d[\w.]*|\"[^\"]*\"|'[^']*'|->|::|&&|\|\||\S")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_OPENERS = frozenset(_CLOSER)
_CLOSERS = frozenset(_CLOSER.values())
_CONTROL = frozenset(["if", "while", "for", "switch", "catch"])
_TYPE_SCOPE = frozenset(["class", "struct", "union", "enum", "namespace", "extern", "requires"])
# After these words an operand follows, so a `[` opens a lambda and a `{` an initializer.
_OPERAND_NEXT = frozenset(["return", "co_return", "co_await", "co_yield", "throw", "case", "else",
                           "do"])
_BLOCK_AFTER = frozenset([")", ";", "}", "else", "do", "try", "const", "noexcept", "override",
                          "final", "mutable"])
_ATTRIBUTE_MACRO = re.compile(r"[A-Z][A-Z0-9_]+\Z")
_WORD = re.compile(r"[A-Za-z_0-9\"']")
_TYPE_TOKEN = re.compile(IDENTIFIER + r"\Z|\d[\w.]*\Z|[<>,*&]\Z|&&\Z|::\Z")


class Expressions:
    """`kind` of a `{`: "block" (statements, or the body of a class), "lambda" (a lambda's body),
    "gnu" (a GNU statement expression) or "init" (a braced initializer).
    """

    def __init__(self, code):
        self.tokens, self.offsets = [], []
        for match in _TOKEN.finditer(code):
            self.tokens.append(match.group())
            self.offsets.append(match.start())
        self._match_brackets()
        self._bodies = {self._lambda_body(i) for i, token in enumerate(self.tokens)
                        if token == "[" and self.is_lambda(i)}
        self.kind = {}
        # In order, because _brace_kind asks for the kind of outer braces.
        for i, token in enumerate(self.tokens):
            if token == "{":
                self.kind[i] = self._brace_kind(i)

    def _match_brackets(self):
        # #if branches may repeat or omit brackets; an odd one is its own partner and is skipped.
        self.partner, self.parent = {}, {}
        stack = []
        for i, token in enumerate(self.tokens):
            if token in _CLOSERS:
                if token == "}":  # Statements re-synchronize what a parenthesis got wrong.
                    while stack and self.tokens[stack[-1]] != "{":
                        stack.pop()
                if stack and _CLOSER[self.tokens[stack[-1]]] == token:
                    self.partner[i] = stack[-1]
                    self.partner[stack.pop()] = i
            self.parent[i] = stack[-1] if stack else None
            if token in _OPENERS:
                stack.append(i)
            if token in _OPENERS or token in _CLOSERS:
                self.partner.setdefault(i, i)

    def _previous(self, i):
        return self.tokens[i - 1] if i > 0 else ";"

    def is_lambda(self, i):
        """Is the token the `[` of a lambda, not a subscript, attribute or structured binding?"""
        if self.tokens[i] != "[" or "[" in (self._previous(i), *self.tokens[i + 1:i + 2]):
            return False
        before = i - 1
        while before >= 0 and self.tokens[before] in ("&", "&&"):
            before -= 1
        if before >= 0 and self.tokens[before] == "auto":
            return False
        previous = self._previous(i)
        if previous in _OPERAND_NEXT:
            return True
        return not _WORD.match(previous) and previous not in (")", "]")

    def _lambda_body(self, i):
        """Index of the `{` of the lambda that starts at `i`, or None."""
        i = self.partner[i] + 1
        while i < len(self.tokens):
            token = self.tokens[i]
            if token == "{":
                return i
            if token in _CLOSERS or token == ";":
                return None
            i = self.partner[i] + 1 if token in _OPENERS else i + 1
        return None

    def _brace_kind(self, i):
        if i in self._bodies:
            return "lambda"
        previous = self._previous(i)
        outer = self.parent[i]
        if previous == ")":
            opening = self.partner[i - 1]
            return "init" if self._previous(opening) == "decltype" else "block"
        if previous in _BLOCK_AFTER:
            return "block"
        # void F() && {   and   void F() SOME_ATTRIBUTE {
        if previous in ("&", "&&") or _ATTRIBUTE_MACRO.match(previous):
            if self._previous(i - 1) in (")", "const"):
                return "block"
        if previous == "{":
            return "block" if self.kind[i - 1] != "init" else "init"
        if previous == ":":  # A label, or `for (x : {1, 2})`.
            return "init" if outer is not None and self.tokens[outer] == "(" else "block"
        if previous == "(":
            return "gnu" if self._holds_statement(i) else "init"
        if _WORD.match(previous) or previous in (">", "*", "&", "&&"):
            return "block" if self._heads_block(i) else "init"
        return "init"

    def _holds_statement(self, i):
        return any(self.tokens[k] == ";" and self.parent[k] == i
                   for k in range(i, self.partner[i]))

    def _heads_block(self, i):
        """Is the `{` after a word the body of a class, a namespace or a function `-> Type {`?"""
        only_type = True
        for k in range(i - 1, -1, -1):
            token = self.tokens[k]
            if self.parent[k] != self.parent[i]:
                if token in _OPENERS and k == self.parent[i]:
                    return False
                continue
            if token == ";" or (token == "}" and self.kind.get(self.partner[k]) == "block"):
                return False
            if token in _TYPE_SCOPE:
                return True
            if token == "->" and only_type:
                return self._previous(k) in (")", "noexcept", "const", "mutable", "constexpr")
            if token == "=":
                return False
            only_type = only_type and bool(_TYPE_TOKEN.match(token))
        return False

    def _is_control(self, opening):
        """Is `(` the one of if, while, for ...? It then bounds a full expression."""
        previous = self._previous(opening)
        if previous == "constexpr":
            previous = self._previous(opening - 1)
        return previous in _CONTROL

    def full_expression(self, index):
        """(range of tokens, the opening brackets in it that enclose `index`, inner first)."""
        enclosing = []
        i = index - 1
        while i >= 0:
            token = self.tokens[i]
            if token == ";":
                break
            if token in _CLOSERS:
                opening = self.partner[i]
                if token == "}" and self.kind.get(opening) == "block":
                    break
                if token == ")" and self._is_control(opening):
                    break
                i = opening
            elif token == "{" and self.kind[i] != "init":
                break
            elif token in _OPENERS:
                if token == "(" and self._is_control(i):
                    break
                enclosing.append(i)
            i -= 1
        end = index + 1
        while end < len(self.tokens):
            token = self.tokens[end]
            if token == ";":
                break
            if token in _CLOSERS and self.partner[end] not in enclosing:
                break
            if token in _OPENERS:
                if self.kind.get(end) == "block":
                    break
                end = self.partner[end]
            end += 1
        return range(i + 1, end), enclosing

    def without_bodies(self, tokens):
        """The indices of the range, without what stands in nested bodies (their own statements)."""
        i = tokens.start
        while i < tokens.stop:
            if self.kind.get(i, "init") != "init":
                i = self.partner[i]
            else:
                yield i
            i += 1

    def in_statement_expression(self, index):
        outer = self.parent[index]
        while outer is not None and self.kind.get(outer) != "lambda":
            if self.kind.get(outer) == "gnu":
                return True
            outer = self.parent[outer]
        return False
