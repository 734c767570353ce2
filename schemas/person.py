"""What is kept of a person between events: the one value that the person stage loads and saves."""

from __future__ import annotations

from typing import Any

import msgspec

PERSON_VERSION = 1
"""The first item of a stored person; raised when the layout changes."""


class Person(msgspec.Struct, array_like=True, gc=False):
    """The state of a person; all times are ms since 1970.

    `clock` is the latest instant at which an event was applied or a segment changed, `fired` the latest boundary that was evaluated (one
    that changed nothing leaves the clock behind it), `count` the number of events applied. `slots` holds
    the state of each slot that an event has reached: its first item is the instant for which the slot stands in `heap`, 0 where it does
    not. `heap` is a binary heap of `instant << SLOT_BITS | slot`. `armed` is the person's entry in the lane's timer index (None: none).
    `members` gives the time of entry of each segment that the person is in, by its number in the plan. `traits` gives `[time, value]`, the
    value None where the trait was taken away. `sent` are the times of the last triggers, ascending, as many as the caps look at; `entries`
    the last entry by campaign (and key). `layout` is the number of the layout by which the numbers of slots and segments are told.
    `entered` gives the days of the last entries into each segment, by its number, packed as `operators.entries` says.
    """

    version: int
    id: str
    clock: int
    fired: int
    count: int
    armed: int | None
    heap: list[int]
    slots: dict[int, list[Any]]
    members: dict[int, int]
    traits: dict[str, list[Any]]
    sent: list[int]
    entries: dict[str, int]
    layout: int = 0
    entered: dict[int, int] = {}


SLOT_BITS = 14
SLOT_MASK = (1 << SLOT_BITS) - 1
"""A plan has at most 16,384 slots. The latest instant of RFC 3339 has 48 bits, so an item of `heap` fits the 64 of msgpack."""


def new_person(id: str) -> Person:
    """A person of whom nothing is known."""
    return Person(PERSON_VERSION, id, 0, 0, 0, None, [], {}, {}, {}, [], {})
