"""What all rules look at: the tree, its files, and views of a C++ file without comments."""

import bisect
import functools
import os
import re
import subprocess
from typing import NamedTuple

CPP_EXTENSIONS = (".h", ".hh", ".hpp", ".ipp", ".inc", ".cc", ".cpp", ".cxx")
HEADER_EXTENSIONS = (".h", ".hh", ".hpp", ".ipp", ".inc")

# The lint's own examples hold what the lint bans; tests/lint/run_examples.py checks them.
EXAMPLES = ("tests/lint/bad/", "tests/lint/good/")

# Data, not source: nothing larger is read.
MAX_BYTES = 2_000_000


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    message: str


# Everything in which the text is not code. The order matters: what starts first wins, and a raw
# string must be tried before a plain one. Numbers stand here only for their digit separators
# (1'000), which would otherwise open a character literal.
_NOT_CODE = re.compile(
    r"""
      (?P<comment> //(?:\\\n|[^\n])* | /\*.*?(?:\*/|\Z) )
    | (?P<raw> (?<!\w)(?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)" )
    | (?P<string> "(?:\\.|[^"\\\n])*" )
    | (?P<number> (?<!\w)\d[\w.]*(?:'\w+)+ )
    | (?P<char> '(?:\\.|[^'\\\n])+' )
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_NEWLINE = re.compile(r"[^\n]")


def _blank(text):
    return _NOT_NEWLINE.sub(" ", text)


def strip(text):
    """Returns (code, code_with_strings, comments).

    `code` has comments and the contents of literals replaced by spaces, `code_with_strings` only
    the comments. Both have the length and the lines of `text`, so one offset fits all three.
    `comments` is a list of (offset, text).
    """
    code, with_strings, comments = [], [], []
    end = 0
    for match in _NOT_CODE.finditer(text):
        between = text[end:match.start()]
        token = match.group()
        end = match.end()
        code.append(between)
        with_strings.append(between)
        if match.lastgroup == "comment":
            code.append(_blank(token))
            with_strings.append(_blank(token))
            comments.append((match.start(), token))
            continue
        with_strings.append(token)
        if match.lastgroup == "number":
            code.append(token.replace("'", "0"))
        elif match.lastgroup == "char":
            code.append("'" + _blank(token[1:-1]) + "'")
        else:
            # A raw string's prefix is blanked too: what remains looks like a plain literal.
            quote = token.index('"')
            code.append(" " * quote + '"' + _blank(token[quote + 1:-1]) + '"')
    code.append(text[end:])
    with_strings.append(text[end:])
    return "".join(code), "".join(with_strings), comments


class Include(NamedTuple):
    line: int
    path: str
    quoted: bool


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)


class SourceFile:
    """One text file. `path` is relative to the root, with '/'."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.top = path.split("/", 1)[0]
        self.is_cpp = path.endswith(CPP_EXTENSIONS)
        self.is_header = path.endswith(HEADER_EXTENSIONS)

    @functools.cached_property
    def _stripped(self):
        return strip(self.text)

    @property
    def code(self):
        return self._stripped[0]

    @property
    def code_with_strings(self):
        return self._stripped[1]

    @property
    def comments(self):
        return self._stripped[2]

    @functools.cached_property
    def includes(self):
        return [
            Include(self.line_of(match.start(match.lastindex)), match[1] or match[2],
                    match[1] is not None)
            for match in _INCLUDE.finditer(self.code_with_strings)
        ]

    @functools.cached_property
    def _line_starts(self):
        return [0] + [match.end() for match in re.finditer("\n", self.text)]

    def line_of(self, offset):
        return bisect.bisect_right(self._line_starts, offset)

    def line_text(self, line):
        return self.text.split("\n")[line - 1]

    def finding(self, line, rule, message):
        return Finding(self.path, line, rule, message)

    def finding_at(self, offset, rule, message):
        return Finding(self.path, self.line_of(offset), rule, message)


class Tree:
    """All files under a root, and which of them the caller asked for (None: all)."""

    def __init__(self, root, wanted, layers):
        self.root = os.path.realpath(root)
        if not os.path.isdir(self.root):
            raise ValueError(f"--root {root}: no such directory")
        self.layers = layers
        paths = {path for path in _list_files(self.root) if not path.startswith(EXAMPLES)}
        self.selected = None
        if wanted:
            self.selected = {self._relative(path) for path in wanted}
            self.selected = {path for path in self.selected if not path.startswith(EXAMPLES)}
            paths |= self.selected
        self.files = [file for file in map(self._read, sorted(paths)) if file is not None]
        self.by_path = {file.path: file for file in self.files}

    @property
    def cpp_files(self):
        return [file for file in self.files if file.is_cpp]

    def _relative(self, path):
        full = os.path.realpath(path)
        if not os.path.isfile(full):
            raise ValueError(f"{path}: no such file")
        relative = os.path.relpath(full, self.root)
        if relative.startswith(".."):
            raise ValueError(f"{path}: not below {self.root}")
        return relative.replace(os.sep, "/")

    def _read(self, path):
        full = os.path.join(self.root, path)
        if not os.path.isfile(full) or os.path.getsize(full) > MAX_BYTES:
            return None
        with open(full, "rb") as stream:
            data = stream.read()
        if b"\0" in data:
            return None
        return SourceFile(path, data.decode("utf-8", "replace").replace("\r\n", "\n"))


def _list_files(root):
    """Tracked files and untracked ones not ignored; without git, all that is not hidden."""
    try:
        git = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=root,
                             capture_output=True, check=True)
        paths = [os.fsdecode(path) for path in git.stdout.split(b"\0") if path]
    except (OSError, subprocess.CalledProcessError):
        paths = []
    if paths:
        return paths
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "build"))]
        paths += [os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
                  for name in names]
    return paths


_CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}


def find_close(code, opening):
    """Offset of the bracket that closes the one at `opening`, or -1. Counts only that kind."""
    left, right = code[opening], _CLOSER[code[opening]]
    depth = 0
    for match in re.compile("[" + re.escape(left + right) + "]").finditer(code, opening):
        if match.group() == left:
            depth += 1
        elif left == "<" and code[match.start() - 1] == "-":
            continue  # The arrow of a trailing return type.
        else:
            depth -= 1
            if depth == 0:
                return match.start()
    return -1


def split_arguments(code, start, end):
    """(start, end) of each part of code[start:end] between commas outside all brackets."""
    parts, depth = [], 0
    for match in re.compile(r"[(\[{<>}\]),]").finditer(code, start, end):
        bracket = match.group()
        if bracket == ",":
            if depth == 0:
                parts.append((start, match.start()))
                start = match.end()
        elif bracket in "([{<":
            depth += 1
        else:
            depth = max(0, depth - 1)
    if code[start:end].strip():
        parts.append((start, end))
    return parts
