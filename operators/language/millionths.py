"""Numbers that are summed exactly: each to the nearest millionth, as a whole number of these (`semantics.md`, 4)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_PLAIN = 1e9
"""Below this a float times a million is exact enough to be rounded; above it a Fraction is asked."""


def millionths(value: Any) -> int | None:
    """The millionths of a number, ties to even; None of what is none.

    >>> millionths(2), millionths(0.1), millionths(True), millionths("1")
    (2000000, 100000, None, None)
    """
    if type(value) is int:
        return value * 1_000_000
    if type(value) is not float:
        return None
    if value.is_integer():
        return int(value) * 1_000_000
    return round(round(value, 6) * 1e6) if -_PLAIN < value < _PLAIN else round(Fraction(value) * 1_000_000)


def number(total: int, count: int = 1) -> int | float | None:
    """So many millionths, over `count`, as a number: a whole one where it is; None beyond what a float holds.

    >>> number(2_500_000), number(3_000_000), number(1_000_000, 4)
    (2.5, 3, 0.25)
    """
    whole, rest = divmod(total, 1_000_000 * count)
    if not rest:
        return whole
    try:
        return total / (1_000_000 * count)
    except OverflowError:
        return None


def stored(total: int) -> int | str:
    """The same as the state holds it: whole numbers of more than 64 bits are text there; `int()` reads both."""
    return total if -(1 << 63) <= total < 1 << 63 else str(total)
