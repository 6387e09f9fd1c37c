"""Who may include whom: every include against tools/layers.txt, which explains its own format."""

import re

RULES = {
    "layer": "A folder includes only what its line in tools/layers.txt allows.",
}

_CHECKED_FOLDERS = ("src", "tools", "bench", "tests")


def _component_pattern(glob):
    """'loglets/*' as a regular expression; a star stays within one path component."""
    return re.compile(re.escape(glob).replace(r"\*", "[^/]*") + r"\Z")


class _Line:
    def __init__(self, name, words):
        self.name = name
        self.pattern = _component_pattern(name)
        self.is_wildcard = "*" in name
        # A dot in the last component: the line is for files, not for a folder.
        self.is_file = "." in name.rsplit("/", 1)[-1]
        self.text = " ".join(words)
        self.everything = words[:1] == ["all"]
        self.words = words
        if self.everything:
            if len(words) > 1 and words[1] != "except":
                raise ValueError(f"layers.txt: {name}: write 'all' or 'all except FOLDERS...'")
            self.words = words[2:]
        self.patterns = [_component_pattern(word) for word in self.words]

    def allows(self, folder):
        named = any(pattern.match(folder) for pattern in self.patterns)
        return named != self.everything


class Layers:
    def __init__(self, path):
        words_of = {}
        with open(path, encoding="utf-8") as stream:
            for number, text in enumerate(stream, 1):
                text = text.split("#", 1)[0].strip()
                if not text:
                    continue
                name, colon, rest = text.partition(":")
                if not colon:
                    raise ValueError(f"{path}:{number}: no colon (write 'folder: allowed folders')")
                words_of.setdefault(name.strip(), []).extend(rest.split())
        self.libraries = tuple(name + "/" for name in words_of.pop("@libraries", []))
        self.lines = [_Line(name, words) for name, words in words_of.items()]
        for line in self.lines:
            for word in line.words:
                if self.lookup(word + "/x")[1] != word:
                    raise ValueError(f"{path}: {line.name}: '{word}' has no line of its own")

    def lookup(self, path):
        """(line, folder) that rule the file `path` (relative to src/, or tools/...), else Nones.

        The longest folder wins, an exact line before one with a star. `folder` is the concrete
        folder that matched, so that two kinds under one 'loglets/*' line stay strangers.
        """
        folder = path.rpartition("/")[0]
        for line in self.lines:
            if line.is_file and line.pattern.match(path):
                return line, folder
        while folder:
            matching = [line for line in self.lines
                        if not line.is_file and line.pattern.match(folder)]
            if matching:
                return min(matching, key=lambda line: line.is_wildcard), folder
            folder = folder.rpartition("/")[0]
        return None, None


def check(tree):
    for file in tree.cpp_files:
        if file.top in _CHECKED_FOLDERS:
            yield from _check_file(tree, file)


def _check_file(tree, file):
    own_path = file.path.removeprefix("src/")
    line, folder = tree.layers.lookup(own_path)
    if line is None:
        yield file.finding(1, "layer", f"'{own_path}' is in a folder that tools/layers.txt does "
                           "not know (add a line for it)")
        return

    for include in file.includes:
        if _is_local(tree, file, include):
            continue
        target_line, target = tree.layers.lookup(include.path)
        if target_line is None:
            if include.quoted and not include.path.startswith(tree.layers.libraries):
                yield file.finding(
                    include.line, "layer", f"\"{include.path}\" is in no folder that layers.txt "
                    "knows (write the path from src/, or add the folder or library)")
            continue
        if include.path.split("/", 1)[0] in _CHECKED_FOLDERS:
            yield file.finding(include.line, "layer",
                               f"'{include.path}' is not for '{folder}' (move it to src/)")
        elif target != folder and not line.allows(target):
            yield file.finding(
                include.line, "layer", f"'{line.name}' must not include '{target}' (it may: "
                f"{line.text or 'nothing'}; see tools/layers.txt)")


def _is_local(tree, file, include):
    """Headers of tools/, bench/ and tests/ themselves, by their own path or one beside the file."""
    if file.top == "src" or not include.quoted:
        return False
    beside = file.path.rpartition("/")[0] + "/" + include.path
    return (include.path.startswith(file.top + "/") or beside in tree.by_path
            or f"{file.top}/{include.path}" in tree.by_path)
