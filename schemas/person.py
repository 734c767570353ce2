"""What is kept of a person between events: the one value that the person stage loads and saves."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.consent import Act

PERSON_VERSION = 1
"""The first item of a stored person; raised when the layout changes."""

ANONYMOUS_ID, EMAIL, USER_ID = 1, 2, 3
"""The ranks of identifiers: a person is named by the highest that is known of it."""
RANKS = {"anonymous_id": ANONYMOUS_ID, "email": EMAIL, "user_id": USER_ID}
RANK_NAMES = {rank: name for name, rank in RANKS.items()}


class Identifier(msgspec.Struct, array_like=True, gc=False):
    """An identifier of a person beside the one that names it: its rank, and the time and messageId of the event that first brought it
    (None where that is not known). `came` is its place in the order of arrival: the earlier came first."""

    rank: int
    came: int
    t: int | None = None
    source: str | None = None


class Conflict(msgspec.Struct, array_like=True, gc=False):
    """A link that was not made, since there would have been too many identifiers of the rank `limit`: the event's identifier that was left
    out, the other person (None: nobody has that identifier), and the event's messageId and time."""

    limit: int
    identifier: str
    person: str | None
    source: str
    t: int


MOST_CONFLICTS = 20
"""So many are kept with a person, the newest."""


class Linked(msgspec.Struct, array_like=True, gc=False):
    """What links have made one: the rank of the name and its place in the order of arrival, the other identifiers by value, and the links
    that were not made. Where it is merged with others, `count` is the number of its own events, `acts` are its own."""

    rank: int
    came: int
    known: dict[str, Identifier] = {}
    conflicts: list[Conflict] = []
    count: int = 0
    acts: list[Act] = []


class Merge(msgspec.Struct, array_like=True, gc=False):
    """Why two are one beyond links: the record with this messageId and time says that `previous` is `user`. `kind` is alias or duplicate,
    `evidence` what the record tells of the reasons. `undone` is the messageId of the record that undid it."""

    kind: str
    user: str
    previous: str
    source: str
    t: int
    evidence: dict[str, Any] = {}
    undone: str | None = None


class Side(msgspec.Struct, array_like=True, gc=False):
    """What links had made one when it became one with others: its name, the rank of the name, and its place in the order of arrival."""

    name: str
    rank: int
    came: int


class Step(msgspec.Struct, array_like=True, gc=False):
    """How persons of whom some are merged became one: by the record `source`, which was the `came`-th of the lane. By a link they are under
    the name `into` from then on; it is None where they were merged, the second into the first."""

    came: int
    source: str
    sides: list[Side]
    into: Side | None = None


class Ties(msgspec.Struct, array_like=True, gc=False):
    """What is known of a person's identity beyond one identifier. Where `to` is given, the name is no person's any more, but leads to the
    one that is named there. Else `linked` holds, by name, what links have made one: several where `merges` lie over them. `steps` tell how
    a person that is merged came to be, since the first merge that stands."""

    to: str | None = None
    linked: dict[str, Linked] = {}
    merges: list[Merge] = []
    steps: list[Step] = []

    @property
    def is_merged(self) -> bool:
        """True while merges stand, also between two whom links have made one since."""
        return len(self.linked) > 1 or any(each.undone is None for each in self.merges)


class Person(msgspec.Struct, array_like=True, gc=False):
    """The state of a person; all times are ms since 1970.

    `clock` is the latest instant at which an event was applied or a segment changed, `fired` the latest boundary that was evaluated (one
    that changed nothing leaves the clock behind it), `count` the number of events applied. `slots` holds
    the state of each slot that an event has reached: its first item is the instant for which the slot stands in `heap`, 0 where it does
    not. `heap` is a binary heap of `instant << SLOT_BITS | slot`. `armed` is the person's entry in the lane's timer index (None: none).
    `members` gives the time of entry of each segment that the person is in, by its number in the plan. `traits` gives `[time, value]`, the
    value None where the trait was taken away, and more where several sources spoke of it, as `operators.survive` says; `sources` are these
    by number. `sent` are the times of the last triggers, ascending, as many as the caps look at; `entries`
    the last entry by campaign (and key). `layout` is the number of the layout by which the numbers of slots and segments are told.
    `entered` gives the days of the last entries into each segment, by its number, packed as `operators.entries` says. `rank` is that of
    `id`, the highest that it was met with (0: not known), `came` its place in the order of arrival. `ties` is None where nothing else is
    known of the person's identity. `acts` are the latest acts of consent and suppression, as `operators.consent` says.
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
    rank: int = 0
    came: int = -1
    ties: Ties | None = None
    acts: list[Act] = []
    sources: list[str | None] = []

    @property
    def to(self) -> str | None:
        """The name that this one leads to, where it is no person's any more."""
        return None if self.ties is None else self.ties.to


SLOT_BITS = 14
SLOT_MASK = (1 << SLOT_BITS) - 1
"""A plan has at most 16,384 slots. The latest instant of RFC 3339 has 48 bits, so an item of `heap` fits the 64 of msgpack."""


def new_person(id: str) -> Person:
    """A person of whom nothing is known."""
    return Person(PERSON_VERSION, id, 0, 0, 0, None, [], {}, {}, {}, [], {})


def redirect(id: str, to: str) -> Person:
    """What stands where a name leads to another person."""
    p = new_person(id)
    p.ties = Ties(to)
    return p
