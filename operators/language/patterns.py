"""Patterns of `.matches()`: RE2, whose time is linear in the text, so that no pattern and no property can hold the flow up."""

from __future__ import annotations

from collections.abc import Callable

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test that is true where the pattern is found anywhere in a text. ValueError, in words, for what is no pattern (RE2's syntax: no
    look-around, no back-references).

    >>> compile_pattern("^sku-[0-9]+$")("sku-17")
    True
    """
    try:
        found = re2.compile(pattern, _OPTIONS).search
    except re2.error as error:
        raise ValueError(f"no regular expression that RE2 takes ({_words(error)})") from None
    return lambda text: found(text) is not None


def _words(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
