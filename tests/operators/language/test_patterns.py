"""Patterns of `.matches()`: found anywhere, in linear time; what is no pattern is refused in words."""

from __future__ import annotations

import pytest

from operators.language.patterns import compile_pattern

FOUND = {
    ("sku", "my sku-17"): True,
    ("^sku", "my sku-17"): False,
    ("^sku-[0-9]+$", "sku-17"): True,
    ("^sku-[0-9]+$", "sku-17x"): False,
    ("", ""): True,
    ("", "anything"): True,
    ("^$", ""): True,
    ("^$", "x"): False,
    ("a.c", "abc"): True,
    ("a.c", "a\nc"): False,
    ("(?s)a.c", "a\nc"): True,
    ("SKU", "sku"): False,
    ("(?i)SKU", "sku"): True,
    ("(?i)É", "é"): True,
    (r"^\d+$", "17"): True,
    (r"^\d+$", "١٧"): False,
    (r"\bcart\b", "my cart!"): True,
    (r"\bcart\b", "cartoon"): False,
    (r"^\p{Greek}+$", "λόγος"): True,
    ("^.$", "é"): True,
    ("^.$", "\U0001f600"): True,
    ("^.{3}$", "日本語"): True,
    ("a|b", "xbx"): True,
    ("[^a]", "aaa"): False,
    ("a{2,3}", "caab"): True,
    (r"\x00", "a\0b"): True,
    ("a", "\0a"): True,
    (r"^a$", "a\n"): False,
    (r"(?m)^a$", "b\na\nb"): True,
    (r"\.", "a"): False,
    ("(?P<name>x)", "x"): True,
}

NO_PATTERNS = [
    "(",
    ")",
    "[",
    "a**",
    "*",
    "+",
    "?",
    "a{2,1}",
    "a{2000}",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    r"(a)\1",
    "(?P<n",
    r"\q",
    "\\",
    "[z-a]",
    r"\p{No}x(",
]


@pytest.mark.parametrize(("given", "expected"), FOUND.items(), ids=repr)
def test_found_anywhere_in_the_text(given: tuple[str, str], expected: bool) -> None:
    pattern, text = given
    test = compile_pattern(pattern)
    assert [expected, expected] == [test(text), test(text)]


@pytest.mark.parametrize("pattern", NO_PATTERNS)
def test_what_is_no_pattern_is_refused_in_words(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"^no regular expression that RE2 takes \(.+\)$"):
        compile_pattern(pattern)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a*)*b", "(.*a){15}$", "(a?){50}a{50}$"])
def test_no_pattern_holds_the_flow_up(pattern: str) -> None:
    """Each of these takes a backtracking engine longer than the age of the universe."""
    assert compile_pattern(pattern)("a" * 10_000 + "!") is False
    compile_pattern(pattern)("a" * 10_000)


def test_a_pattern_of_too_much_memory_is_refused_or_answers() -> None:
    try:
        test = compile_pattern("((a{100}){100}){100}")
    except ValueError as refused:
        assert "RE2" in str(refused)  # noqa: PT017 - either is right
    else:
        assert test("a") is False
