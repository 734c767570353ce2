"""The days of a person's last five entries into a segment, in one integer: enough to tell who changes often, cheap to keep.

From low to high: 22 bits for the latest day since 1970 (0 for any before), then four gaps of 10 bits, each the days between an entry and
the one before it and one more; 1,023 is that many or more, 0 is no entry before. So what is asked of up to `MOST_DAYS` days is exact.
"""

from __future__ import annotations

MOST = 5
"""Entries that are kept."""
MOST_DAYS = 1022
"""The longest span of days that can be asked for."""

_DAY = (1 << 22) - 1
_GAP = (1 << 10) - 1
_OLDER = (1 << 30) - 1


def entered(kept: int, day: int) -> int:
    """What is kept after one more entry, on a day no earlier than that of the last. Of the first entry it is the day itself.

    >>> entries_since(entered(20_000, 20_030), 20_000)
    2
    """
    if day < 0:
        day = 0
    gap = day - (kept & _DAY) + 1
    return (kept >> 22 & _OLDER) << 32 | (gap if gap < _GAP else _GAP) << 22 | day


def entries_since(kept: int, first: int) -> int:
    """How many of the entries that are kept fell on the day `first` or later.

    >>> entries_since(entered(20_000, 20_030), 20_001)
    1
    """
    day, gaps, number = kept & _DAY, kept >> 22, 0
    while day >= first:
        number += 1
        gap = gaps & _GAP
        if gap in (0, _GAP):
            break
        day -= gap - 1
        gaps >>= 10
    return number
