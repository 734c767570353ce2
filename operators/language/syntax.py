"""`syntax`: the text of a rule to Python's tree of it, in bounded time and depth.

Python's parser reads it; nothing is evaluated. What is no expression gives the one problem that tells how it is written here.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings

from operators.language.check import Problem
from operators.language.durations import shortened

MAX_CHARACTERS = 20_000
MAX_DEPTH = 50

_TOKENS = re.compile(
    r"""
    \'\'\'(?:[^\\]|\\.)*?\'\'\' | \"\"\"(?:[^\\]|\\.)*?\"\"\"   # a string on several lines
    | '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*"
    | \#[^\n]*                                                  # a comment
    | [()\[\]{}'"]
    """,
    re.DOTALL | re.VERBOSE,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_FOREIGN = (
    ("`and`", re.compile(r"&&|\bAND\b")),
    ("`or`", re.compile(r"\|\||\bOR\b")),
    ("`not`", re.compile(r"!(?!=)|\bNOT\b")),
    ("`!=`", re.compile(r"<>")),
)
"""How other languages write what this one writes so."""

_KEYWORDS = frozenset(keyword.kwlist) - {"and", "or", "not", "in", "is", "if", "else", "None", "True", "False"}
"""Words that Python keeps for what the language does not have."""


def syntax(text: str) -> ast.expr | Problem:
    """Python's tree of the text, or the problem with it."""
    problem = _bounds(text) or _brackets(text)
    if problem:
        return problem
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source(text), mode="eval").body
    except SyntaxError as error:
        return _syntax_problem(text, error)
    except (MemoryError, RecursionError):
        return _DEEP
    except ValueError as error:
        return Problem(0, f"a rule must be one expression in Python's syntax; got {error}")
    if isinstance(tree, ast.Tuple) and tree.col_offset == 0:  # the tuple that our own parentheses make
        several = "a rule must be one expression; got several with commas between them"
        return Problem(0, several) if tree.elts else _NOTHING
    return _DEEP if _too_deep(tree) else tree


_NOTHING = Problem(0, "a rule must be an expression such as did('Order Completed'); got nothing")
_DEEP = Problem(0, f"a rule must nest at most {MAX_DEPTH} deep; got more")


def source(text: str) -> str:
    """What Python parses: the rule in parentheses, so that it can stand on several lines; the newline ends a comment."""
    return "(" + text.replace("\r", " ") + "\n)"


def _bounds(text: str) -> Problem | None:
    if not text.strip():
        return _NOTHING
    if len(text) > MAX_CHARACTERS:
        return Problem(0, f"a rule must have at most {MAX_CHARACTERS} characters; got {len(text)}")
    bad = re.search("[\0\ud800-\udfff]", text)
    return Problem(bad.start(), f"a rule must be Unicode text; got {bad[0]!r}") if bad else None


def _brackets(text: str) -> Problem | None:
    """The first bracket or quote without its other half, or the one that is too deep.

    Looked for before Python's parser runs, whose time on deeply nested brackets grows fast.
    """
    opened: list[tuple[str, int]] = []
    for token in _TOKENS.finditer(text):
        mark, at = token.group(), token.start()
        if mark in ("(", "[", "{"):
            opened.append((mark, at))
            if len(opened) > MAX_DEPTH:
                return Problem(at, _DEEP.text)
        elif mark in _PAIRS:
            if not opened or opened.pop()[0] != _PAIRS[mark]:
                return Problem(at, f"a bracket must have its other half; got a `{mark}` that closes nothing")
        elif mark in ("'", '"'):
            return Problem(at, "a string must end on the line that it begins on; got an open quote")
    if opened:
        mark, at = opened[-1]
        return Problem(at, f"a bracket must have its other half; got a `{mark}` that is never closed")
    return None


def _syntax_problem(text: str, error: SyntaxError) -> Problem:
    """What Python's parser says, or better words for what other languages write."""
    bare = _TOKENS.sub(lambda token: " " * len(token.group()), text)
    for meant, pattern in _FOREIGN:
        found = pattern.search(bare)
        if found:
            return Problem(found.start(), f"an operator must be {meant}; got `{found.group()}`")
    lines = source(text).split("\n")
    line = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
    at = sum(len(before) + 1 for before in lines[:line]) + max((error.offset or 1) - 1, 0) - 1
    at = min(max(at, 0), len(text))
    message = (error.msg or "invalid syntax").split(". ")[0]
    if "==" in (error.msg or ""):
        message = "equality is written `==`"
    word = re.match(r"\w*", text[at:])
    if word and word[0] in _KEYWORDS:
        message = f"a property of that name is written prop('{word[0]}')"
    got = shortened(text[at:].strip(" \t\r\n") or "its end")
    return Problem(at, f"a rule must be one expression in Python's syntax; got {got} ({message})")


def _too_deep(tree: ast.expr) -> bool:
    stack: list[tuple[ast.AST, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            return True
        stack += [(child, depth + isinstance(child, ast.expr)) for child in ast.iter_child_nodes(node)]
    return False
