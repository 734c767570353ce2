"""`read_tree`: YAML text to plain values, with the line and column of every key and value.

Plain values are mappings with string keys, lists, strings, integers, floats, booleans and None; dates stay strings. Whatever the text
is, it gives a tree or findings: duplicate keys, keys that are no strings, tags, aliases that blow up, broken YAML.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from operators.language.durations import shortened
from schemas.errors import Finding

MAX_CHARACTERS = 5_000_000
MAX_VALUES = 500_000
MAX_DEPTH = 50

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists."""


class Place(NamedTuple):
    """Where something stands in a file; both count from 1."""

    line: int
    column: int


class Tree:
    """The values of a YAML file, and where they stand."""

    def __init__(self, text: str) -> None:
        self.value: Any = None
        self._text = text
        self._keys: dict[Path, Node] = {}
        self._values: dict[Path, Node] = {}
        self._inside: dict[Path, tuple[list[int], list[int]]] = {}

    def put(self, path: Path, key: Node | None, node: Node) -> None:
        """Notes where a value stands, and its key where it has one."""
        self._values[path] = node
        if key is not None:
            self._keys[path] = key

    def at(self, path: Path) -> Place:
        """The place of a value; where there is none, of the nearest value that it would be in."""
        while path and path not in self._values:
            path = path[:-1]
        node = self._values.get(path)
        if node is not None and path in self._keys and node.start_mark.index == node.end_mark.index:
            node = self._keys[path]  # a value that is not written stands where its key does
        return _place(node) if node is not None else Place(1, 1)

    def key(self, path: Path) -> Place:
        """The place of the key of a value, else of the value."""
        node = self._keys.get(path)
        return _place(node) if node is not None else self.at(path)

    def inside(self, path: Path, offset: int) -> Place:
        """The place of a character of a string value, `offset` counting from 0 in the value."""
        node = self._values.get(path)
        if not isinstance(node, ScalarNode) or node.start_mark is None or node.end_mark is None:
            return self.at(path)
        start, end = node.start_mark.index, node.end_mark.index
        head = _HEAD.match(self._text, start, end)
        skipped = head.end() - start if head else 0
        if path not in self._inside:
            self._inside[path] = _places(self._text[start + skipped : end], node.style, node.value)
        before, places = self._inside[path]
        index = skipped + places[before[min(offset, len(node.value))]]
        source = _place(node)
        lines = self._text[start : start + index].replace("\r\n", "\n").split("\n")
        return Place(source.line + len(lines) - 1, len(lines[-1]) + (source.column if len(lines) == 1 else 1))


def read_tree(file: str, text: str) -> tuple[Tree, list[Finding]]:
    """The tree of a YAML text, and what is wrong with it; the value is None where the text is no YAML at all."""
    tree = Tree(text)
    if len(text) > MAX_CHARACTERS:
        return tree, [Finding(file, 1, 1, f"a plan file must have at most {MAX_CHARACTERS} characters; got {len(text)}")]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return tree, [Finding(file, line, column, _problem(error))]
    except YAMLError as error:
        return tree, [Finding(file, *_reader_place(text, error), f"a plan file must be printable Unicode text; got {_first_line(error)}")]
    except (RecursionError, ValueError) as error:
        what = "more" if isinstance(error, RecursionError) else _first_line(error)
        return tree, [Finding(file, 1, 1, f"YAML must be well formed and nest at most {MAX_DEPTH} deep; got {what}")]
    builder = _Builder(file, tree)
    if node is not None:
        tree.value = builder.build((), None, node, ())
    return tree, builder.findings


class _Builder:
    """Makes plain values of YAML nodes; what is no plain value becomes a finding and None."""

    def __init__(self, file: str, tree: Tree) -> None:
        self.findings: list[Finding] = []
        self._file = file
        self._tree = tree
        self._left = MAX_VALUES

    def build(self, path: Path, key: Node | None, node: Node, above: tuple[Node, ...]) -> Any:
        """The value of a node; `above` are the nodes it stands in."""
        self._tree.put(path, key, node)
        self._left -= 1
        if self._left == 0:
            self._find(node, f"a plan file must have at most {MAX_VALUES} values; got more, aliases counted as often as they are used")
        if self._left <= 0:
            return None
        if len(above) >= MAX_DEPTH or any(node is other for other in above):
            self._find(node, f"YAML must nest at most {MAX_DEPTH} deep; got more")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(path, node, (*above, node))
        if isinstance(node, SequenceNode):
            return [self.build((*path, i), None, item, (*above, node)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, path: Path, node: MappingNode, above: tuple[Node, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or _kind(key) != "str":
                got = shortened(key.value) if isinstance(key, ScalarNode) else "a list or mapping"
                self._find(key, f"a key must be a string; got {got}")
            elif key.value in values:
                self._find(key, f"a key must stand once in its mapping; got {shortened(key.value)} again")
            elif isinstance(self._scalar(key), str):
                values[key.value] = self.build((*path, key.value), key, value, above)
            if self._left <= 0:
                break
        return values

    def _scalar(self, node: Node) -> Any:
        convert = _SCALARS.get(_kind(node))
        if convert is None:
            self._find(node, f"YAML must be without tags; got {shortened(str(node.tag))}")
            return None
        try:
            value = convert(node.value)
        except ValueError:
            return str(node.value)
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            self._find(node, "a string must be Unicode text; got half of a surrogate pair")
            return None
        return value

    def _find(self, node: Node, text: str) -> None:
        self.findings.append(Finding(self._file, *_place(node), text))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix("tag:yaml.org,2002:")


def _bool(text: str) -> bool:
    return text.lower() in ("true", "yes", "on", "y")


def _int(text: str) -> int:
    if len(text) > 100:
        raise ValueError(text)
    digits = text.replace("_", "")
    return int(digits, 0) if digits.lstrip("+-")[:2].lower() in ("0x", "0o", "0b") else int(digits)


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "null": lambda text: None,
    "timestamp": str,
    "value": str,
}
"""The plain values of YAML by their tag; text that the tag's converter refuses stays a string."""


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _problem(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context or "broken YAML").split())
    for sign, text in _WORDS.items():
        if sign in problem:
            return text
    return f"a plan file must be well-formed YAML; got: {problem[:200]}"


_WORDS = {
    "'\\t'": "YAML must be indented with spaces; got a tab",
    "another document": "a plan file must be one YAML document; got another",
    "mapping values are not allowed": "a value with `: ` in it must stand in quotes, and the keys of a mapping in one column; got `:` here",
    "expected <block end>, but found '<scalar>'": "a value that begins with a quote must stand in quotes as a whole; got more behind them",
}
"""Better words for what the YAML reader says most often of a plan."""


def _reader_place(text: str, error: YAMLError) -> Place:
    position = getattr(error, "position", None)
    before = text[: position if isinstance(position, int) else 0].split("\n")
    return Place(len(before), len(before[-1]) + 1)


# --- from a character of a value to its place in the source ---------------------------------------------------------------------------


def _places(source: str, style: str | None, value: str) -> tuple[list[int], list[int]]:
    """How many characters but white space stand before each of the value, and where each of those stands in the source, and their end.

    All styles of YAML fold or drop white space alone, so the n-th other character of the value is the n-th of the source.
    """
    found = [(index, length) for index, length, character in _characters(source, style) if character not in _FOLDED]
    end = sum(found[-1]) if found else 0
    before = [0, *itertools.accumulate(character not in _FOLDED for character in value)]
    return [min(number, len(found)) for number in before], [*(index for index, _ in found), end]


def _characters(source: str, style: str | None) -> Iterator[tuple[int, int, str]]:
    """The characters that a scalar's source stands for: index and length there, and the character (a space for any that is folded away)."""
    index = 0
    if style in ("|", ">"):
        index = source.find("\n") + 1 or len(source)
    elif style in ("'", '"'):
        index, source = 1, source[:-1]
    while index < len(source):
        length, character = 1, source[index]
        if style == "'" and source.startswith("''", index):
            length = 2
        elif style == '"' and character == "\\":
            length, character = _escape(source, index)
        yield index, length, character
        index += length


def _escape(source: str, index: int) -> tuple[int, str]:
    """The length of a double-quoted escape, and its character; for those that print something, any."""
    mark = source[index + 1 : index + 2]
    digits = {"x": 2, "u": 4, "U": 8}.get(mark, 0)
    if digits:
        return 2 + digits, chr(int(source[index + 2 : index + 2 + digits], 16))
    return 2, " " if mark in "tnrNLP \t\r\n" else mark


_HEAD = re.compile(r"(?:[&!]\S*\s+)*")
"""The anchor and the tag before a scalar."""

_FOLDED = " \t\r\n\x85\u2028\u2029"
"""The white space that YAML folds."""
