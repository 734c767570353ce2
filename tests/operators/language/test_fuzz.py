"""Whatever the text is, a rule gives a checked tree or problems at places in the text, in steps that its length and depth bound."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.language.calls import CALLS
from operators.language.canonical import canonical, version
from operators.language.check import Known, check
from operators.language.nodes import Node
from operators.language.parse import METHODS, parse, rule
from operators.language.syntax import MAX_CHARACTERS, MAX_DEPTH
from tests.dice import Dice, drawn
from tests.drawn_rules import Rules

SEGMENTS = ("buyers", "warm_leads")
COMPUTED: dict[str, Node | None] = {"points": rule("count('A') + 1"), "broken": None}
KNOWN = (Known(), Known(5000, {"A": {"properties": {"x": {"type": "number"}}}, "B": {}}))


def settle(text: str, *, where: bool = False) -> None:
    """Reads and checks a rule, and asserts what holds of every text."""
    node, problems = parse(text, SEGMENTS, where=where, computed=COMPUTED)
    assert (node is None) == bool(problems)
    if node is not None:
        problems = [problem for known in KNOWN for problem in check(node, known, text, ("A",) if where else None)]
        again, _ = parse(canonical(node), SEGMENTS, where=where, computed=COMPUTED)
        assert again == node
        assert again is not None
        assert version(again) == version(node)
    for problem in problems:
        assert 0 <= problem.at <= len(text)
        assert len(problem.text) < 1000
        assert problem.text.isprintable()


# --- any text -------------------------------------------------------------------------------------------------------------------------

NAMES = sorted({*CALLS, "on", "prop", "trait", "item", "x", "o.x", "computed", "buyers", "points", "broken"})
PARAMETERS = sorted({parameter.name for row in CALLS.values() for parameter in row.parameters})
KEPT_WORDS = ("and", "or", "not", "in", "not in", "is", "is not", "if", "else", "None", "True", "False", "lambda", "for", "await", "import")
SIGNS = (*"()[]{}.,:;=+-*/%@<>&|^~!?$`\\'\"#", "==", "!=", "<=", ">=", "**", "//", "->", ":=", "<>", "...", '"""', "\n", "\r", "\t", "\0")
LITERALS = (
    *("0", "1", "-1", "1.5", "1e999", "0x1f", "1_000", "1j", "9" * 400, "'A'", '"B"', "'A*'", "''", "b'A'", "f'{x}'", "r'\\'", "'\\ud800'"),
    *("'1s'", "'7d'", "'-1s'", "'0s'", "'9' * 9", "'2026-01-05'", "'2026-02-30'", "'x.y'", "'.'", "'buyers'", "'points'", "'['"),
)
WORDS = (*NAMES, *(f"{name}=" for name in PARAMETERS), *(f".{method}" for method in METHODS), *KEPT_WORDS, *SIGNS, *LITERALS)
words = st.sampled_from(WORDS)


@given(st.text() | st.text(st.characters(categories=["Cs", "Cf", "Zs", "Nd", "Sm", "Co"])), st.booleans())
@example(text="x == 1\udc00", where=True)
@example(text="\ufeffdid('A')", where=False)
@example(text="ſegment('buyers')", where=False)
@example(text="did('A', within='١d')", where=False)
def test_any_text(text: str, where: bool) -> None:
    settle(text, where=where)


@given(st.lists(words, max_size=12), st.sampled_from(["", " "]), st.booleans())
def test_words_of_the_language_in_any_order(drawn: list[str], between: str, where: bool) -> None:
    settle(between.join(drawn), where=where)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Forms of the language with anything in their places."""
    arguments = st.lists(st.one_of(inner, st.tuples(st.sampled_from(PARAMETERS), inner).map("=".join)), max_size=4).map(", ".join)
    signs = st.sampled_from(["and", "or", "==", "!=", "<", "<=", "in", "not in", "is", "is not", "+", "-", "*", "/", "**", "if x else"])
    return st.one_of(
        st.tuples(st.sampled_from(sorted({*CALLS, "on", "trait", "prop"})), arguments).map(lambda made: f"{made[0]}({made[1]})"),
        st.tuples(inner, signs, inner).map(lambda made: f"({' '.join(made)})"),
        st.tuples(inner, st.sampled_from(METHODS), arguments).map(lambda made: f"{made[0]}.{made[1]}({made[2]})"),
        st.tuples(inner, st.sampled_from(["x", "lower", "a.b"])).map(".".join),
        st.tuples(inner, inner, inner).map(lambda made: f"({made[0]} if {made[1]} else {made[2]})"),
        st.lists(inner, max_size=3).map(lambda made: f"[{', '.join(made)}]"),
        inner.map(lambda made: f"not {made}"),
        inner.map(lambda made: f"-{made}"),
    )


@given(st.recursive(st.sampled_from([*NAMES, *LITERALS]), grown, max_leaves=12), st.booleans())
def test_trees_of_the_language_s_own_words(text: str, where: bool) -> None:
    settle(text, where=where)


TOKEN = re.compile(r"'[^']*'|\w+|\s+|[<>=!]=|.", re.DOTALL)
CHANGES: dict[str, Callable[[list[str], int, int, str], list[str]]] = {
    "insert": lambda tokens, i, j, word: [*tokens[:i], word, *tokens[i:]],
    "delete": lambda tokens, i, j, word: [*tokens[:i], *tokens[i + 1 :]],
    "swap": lambda tokens, i, j, word: [tokens[{i: j, j: i}.get(place, place)] for place in range(len(tokens))],
    "repeat": lambda tokens, i, j, word: [*tokens[:i], *tokens[i : i + 1] * 3, *tokens[i:]],
    "replace": lambda tokens, i, j, word: [*tokens[:i], word, *tokens[i + 1 :]],
}
"""What becomes of tokens at the places `i` and `j`."""

changes = st.lists(
    st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0), st.integers(0), words | st.characters()), min_size=1, max_size=4
)


def good_rule(dice: Dice) -> tuple[str, bool]:
    """A rule, or an expression over the properties of an event."""
    where = dice.chance(3)
    return (Rules(dice, SEGMENTS).where(1) if where else Rules(dice, SEGMENTS).boolean(1)), where


@given(drawn(good_rule), changes, st.booleans())
def test_good_rules_with_mistakes(good: tuple[str, bool], mistakes: list[tuple[str, int, int, str]], by_token: bool) -> None:
    text, where = good
    tokens = TOKEN.findall(text) if by_token else list(text)
    for kind, i, j, word in mistakes:
        if tokens:
            tokens = CHANGES[kind](tokens, i % len(tokens), j % len(tokens), word)
    settle("".join(tokens), where=where)


# --- deep and long --------------------------------------------------------------------------------------------------------------------

DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "everyone" + ")" * n,
    "brackets": lambda n: "[" * n + "1" + "]" * n,
    "braces": lambda n: "{" * n + "1" + "}" * n,
    "calls": lambda n: "has(" * n + "trait.x" + ")" * n,
    "calls with an error inside": lambda n: "has(" * n + "1 1" + ")" * n,
    "conditions": lambda n: "did('A', where=" * n + "x" + ")" * n,
    "held": lambda n: "held(" * n + "everyone" + ", at_least='1s')" * n,
    "items": lambda n: "any(l, " * n + "x" + ")" * n,
    "not": lambda n: "not " * n + "everyone",
    "signs": lambda n: "-" * n + "trait.x == 1",
    "sums": lambda n: "1 + " * n + "count('A') > 1",
    "powers": lambda n: "2 ** " * n + "1",
    "if": lambda n: "everyone if everyone else " * n + "everyone",
    "if before": lambda n: "(" * n + "everyone" + " if everyone else everyone)" * n,
    "methods": lambda n: "trait.x" + ".lower()" * n + " == 'a'",
    "dots": lambda n: "trait" + ".x" * n,
    "lambdas": lambda n: "lambda: " * n + "1",
    "subscripts": lambda n: "trait" + "[0]" * n,
    "formatted strings": lambda n: "f'{" + "(" * n + "1" + ")" * n + "}'",
}
LONG: dict[str, Callable[[int], str]] = {
    "and": lambda n: " and ".join(["did('A')"] * (n // 13)),
    "or of and": lambda n: " or ".join(["did('A') and trait.x"] * (n // 24)),
    "a chain": lambda n: "trait.x" + " < trait.x" * (n // 11 - 1),
    "a list": lambda n: "trait.x in [" + "1, " * (n // 3 - 8) + "2]",
    "a list of unknown names": lambda n: "[" + "y, " * (n // 3 - 1) + "y]",
    "arguments": lambda n: "coalesce(" + "trait.x, " * (n // 9 - 3) + "1) == 2",
    "arguments that are too many": lambda n: "did(" + "'A', " * (n // 5 - 2) + "'A')",
    "unknown parameters": lambda n: "did('A', " + "withn='1s', " * (n // 12 - 2) + "x=1)",
    "steps": lambda n: "sequence(" + "'A', " * (n // 5 - 3) + "'B')",
    "event names": lambda n: "did([" + "'A', " * (n // 5 - 3) + "'B'])",
    "a name": lambda n: "trait." + "x" * (n - 10),
    "a string": lambda n: "did('" + "A" * (n - 8) + "')",
    "strings side by side": lambda n: "did(" + "'A' " * (n // 4 - 3) + ")",
    "a number": lambda n: "count('A') > " + "1" * (n - 14),
    "a duration": lambda n: "did('A', within='" + "1d" * (n // 2 - 10) + "')",
    "a pattern": lambda n: "trait.x.matches('" + "(a|b)*" * (n // 6 - 4) + "')",
    "a comment": lambda n: "everyone #" + "(" * (n - 11),
    "blank": lambda n: " " * (n - 8) + "everyone",
    "lines": lambda n: "\n" * (n - 8) + "everyone",
    "nothing but open quotes": lambda n: "'" * n,
    "an error at the end": lambda n: "did('A') and " * (n // 13 - 1) + "did('A'))",
}


def steps(text: str) -> tuple[int, list[str]]:
    """How many functions are called while a rule is read, checked and written, and the built-in ones among them."""
    called: list[str] = []
    count = 0

    def count_call(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")
        called.extend([function.__name__] if event == "c_call" else [])

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        node, _ = parse(text, SEGMENTS, computed=COMPUTED)
        if node is not None:
            check(node, KNOWN[1], text)
            canonical(node)
    finally:
        sys.setprofile(before)
    return count, called


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_deep_rules_are_refused_with_one_problem_whatever_their_depth(text: Callable[[int], str]) -> None:
    for depth in (MAX_DEPTH + 5, 200, 700):
        node, problems = parse(text(depth), SEGMENTS, computed=COMPUTED)
        assert node is None
        assert len(problems) == 1
    assert steps(text(700))[0] <= 40 * len(text(700))


@pytest.mark.parametrize("form", ["parentheses", "brackets", "braces", "calls", "calls with an error inside", "held", "items"])
def test_python_s_parser_never_sees_deep_brackets(form: str) -> None:
    assert "compile" not in steps(DEEP[form](MAX_DEPTH + 5))[1]
    assert "compile" in steps(DEEP[form](3))[1]


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_the_steps_grow_as_the_length_does(text: Callable[[int], str]) -> None:
    half, whole = steps(text(MAX_CHARACTERS // 2))[0], steps(text(MAX_CHARACTERS))[0]
    assert MAX_CHARACTERS * 0.9 < len(text(MAX_CHARACTERS)) <= MAX_CHARACTERS
    assert whole <= 2.5 * half + 1000
    assert whole <= 60 * MAX_CHARACTERS


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    for length in (MAX_CHARACTERS + 1, 20 * MAX_CHARACTERS):
        count, called = steps("x" * length)
        assert count < 30
        assert "compile" not in called
