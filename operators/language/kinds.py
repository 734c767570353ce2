"""Comparing values: equality and order within a kind; values of two kinds are never equal and never ordered.

Kinds are boolean, number, string, list and object (`semantics.md`, 4). None is equal to nothing here; `is None` is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NUMBERS = (int, float)
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", tuple: "list", dict: "object"}


def equal(a: Any, b: Any) -> bool:
    """True where both are of one kind and the same.

    >>> equal(1, 1.0), equal(1, True), equal([1, {"a": None}], [1.0, {"a": None}]), equal(None, None)
    (True, False, True, False)
    """
    kind_a, kind_b = type(a), type(b)
    if kind_a is kind_b:
        if kind_a is str or kind_a is int or kind_a is float or kind_a is bool:
            return bool(a == b)
        if a is None:
            return False
    name = _KINDS.get(kind_a)
    if name is None or name != _KINDS.get(kind_b):
        return False
    if name == "list":
        return len(a) == len(b) and all(map(_same, a, b))
    if name == "object":
        return len(a) == len(b) and all(key in b and _same(value, b[key]) for key, value in a.items())
    return bool(a == b)


def _same(a: Any, b: Any) -> bool:
    """Equality inside a list or object, where null is null."""
    return equal(a, b) if a is not None else b is None


def _ordered(a: Any, b: Any) -> bool:
    kind_a, kind_b = type(a), type(b)
    if kind_a in _NUMBERS:
        return kind_b in _NUMBERS
    return kind_a is kind_b and (kind_a is str or kind_a is bool)


def less(a: Any, b: Any) -> bool:
    """True where both are numbers, strings or booleans and `a` comes first (strings by code point, false before true)."""
    return _ordered(a, b) and a < b


def less_or_equal(a: Any, b: Any) -> bool:
    """As `less`, or equal."""
    return _ordered(a, b) and a <= b


def different(a: Any, b: Any) -> bool:
    """True where both are of one kind and not the same; of two kinds it is false, as every comparison of two kinds.

    >>> different(1, 2), different(1, "2"), different(None, 1)
    (True, False, False)
    """
    name = _KINDS.get(type(a))
    return name is not None and name == _KINDS.get(type(b)) and not equal(a, b)


def mismatch(a: Any, b: Any) -> bool:
    """True where both are something, and of two kinds.

    >>> mismatch(1, "1"), mismatch(1, 1.5), mismatch(None, 1)
    (True, False, False)
    """
    return a is not None and b is not None and _KINDS.get(type(a)) != _KINDS.get(type(b))


COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": different,
    "<": less,
    "<=": less_or_equal,
    ">": lambda a, b: less(b, a),
    ">=": lambda a, b: less_or_equal(b, a),
}
"""What each comparison operator means."""

FLIPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The operator that says the same with its sides exchanged."""
