"""How many bytes of a person's stored state a slot takes: the most that msgpack needs for what the slot keeps.

Stored are the state by the slot's number, and an item of the heap where the slot has boundaries. An event that comes late, or a date that
is changed to an earlier one, can leave one more item in the heap until its instant has passed.
"""

from __future__ import annotations

from typing import NamedTuple

SHORT = 1
"""The head of a list of at most 15 things."""

LONG = 5
"""The head of a list or mapping of any number of things."""

KEY = 3
"""The number of a slot or segment."""

NUMBER = 9
"""An instant, or any number: a sum in millionths that fits 64 bits too."""

POSITION = SHORT + NUMBER + LONG
"""`[time, number of arrival]`; a person has less than 2^32 events."""


class Part(NamedTuple):
    """Bytes, and how many values of properties, which take what they take; a head of them is in the bytes."""

    bytes: int
    values: int = 0

    def __add__(self, other: object) -> Part:
        assert isinstance(other, Part)
        return Part(self.bytes + other.bytes, self.values + other.values)


NOTHING = Part(0)


class Size(NamedTuple):
    """What a slot takes at most: `fixed` from its first event on, and on top for each event and each different value that it keeps."""

    fixed: Part
    event: Part = NOTHING
    value: Part = NOTHING
