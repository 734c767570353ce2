"""`resolve`: the person that an event belongs to, and the links that it makes.

An event with several identifiers links them: their persons are one from then on. Where that one would have more identifiers of a rank than
the plan allows, the event is resolved without its lowest-ranking identifier, again and again until none is too many, and the link that is
not made is a conflict.

*Guarantees*: the same links in any order give the same persons, as long as no limit is met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from operators.identify import Carried, blocked_by, carried, email_of
from operators.plan.checked import Identity
from schemas.event import Event
from schemas.person import EMAIL, USER_ID, Conflict, Linked, Person

Row = Callable[[str], Person | None]
"""What stands under a name: a person, or where it leads."""


@dataclass(slots=True)
class Resolved:
    """The person `name` that an event belongs to, whose name has that `rank` and came at `came`. `persons` are those there are who become
    that one, the highest-ranking first; `links` says that the event makes them one, or brings new identifiers among `ids`."""

    name: str
    rank: int
    came: int
    ids: list[Carried]
    persons: list[Person]
    links: bool
    conflicts: list[Conflict] = field(default_factory=list)


class Resolve:
    """The rules of a plan over what stands under names."""

    def __init__(self, identity: Identity, row: Row) -> None:
        self._limits = identity.limits
        self._is_blocked = blocked_by(identity.blocked)
        self._row = row

    def __call__(self, event: Event, came: int) -> Resolved | None:
        """Who the event belongs to; None where all its identifiers are blocked. `came` is its place in the order of arrival."""
        ids, conflicts = carried(event, self._is_blocked), list[Conflict]()
        while ids:
            found = [(each, present(self._row, each.value)) for each in ids]
            persons = list({p.id: p for _, p in found if p is not None}.values())
            links = len(persons) != 1 or any(p is None or rank_in(p, each.value) < each.rank for each, p in found)
            limit = self._broken(persons, ids) if links else None
            if limit is None or len(ids) == 1:
                return _resolved(found if limit is None else [(Carried(0, ids[0].value), persons[0])], came, conflicts)
            left = ids.pop()
            other = found[-1][1]
            conflicts.append(Conflict(limit, left.value, None if other is None else other.id, event.message_id, event.t))
        return None

    def _broken(self, persons: list[Person], ids: list[Carried]) -> int | None:
        """The rank of which the persons and identifiers together have too many; None where they do not."""
        ranks: dict[str, int] = {}
        for p in persons:
            ranks |= ranks_of(p)
        for rank, value in ids:
            ranks[value] = max(rank, ranks.get(value, 0))
        counts = Counter(ranks.values())
        return next((rank for rank, most in self._limits.items() if counts[rank] > most), None)


def _resolved(found: list[tuple[Carried, Person | None]], came: int, conflicts: list[Conflict]) -> Resolved:
    persons = list({p.id: p for _, p in found if p is not None}.values())
    names = [(-p.rank, p.came, p.id) for p in persons]
    for (rank, value), p in found:
        if p is None:
            names.append((-rank, came, value))
        elif rank > rank_in(p, value):
            names.append((-rank, came_in(p, value), value))
    links = len(persons) != 1 or any(p is None or rank_in(p, each.value) < each.rank for each, p in found)
    rank, first, name = min(names, key=lambda each: each[:2])
    persons.sort(key=lambda p: (-p.rank, p.came))
    return Resolved(name, -rank, first, [each for each, _ in found], persons, links, conflicts)


def present(row: Row, name: str) -> Person | None:
    """The person that a name leads to; None where it is new."""
    p = row(name)
    while p is not None and p.to is not None:
        p = row(p.to)
    return p


def owner(row: Row, named: Person, event: Event) -> Person | None:
    """The person that an event belongs to where it tells nothing new of it; `named` is what stands under its `userId`, else under its
    `anonymousId`. None where that takes a closer look."""
    p, user = named, event.user_id
    if p.to is not None:
        found = present(row, p.id) if user is None else None
        if found is None:
            return None
        p = found
    known = {} if p.ties is None else p.ties.linked[p.id].known
    if user is not None and (p.rank != USER_ID or not (event.anonymous_id is None or event.anonymous_id in known)):
        return None
    email = email_of(event)
    return p if email is None or email == p.id or (email in known and known[email].rank >= EMAIL) else None


def linked_in(p: Person) -> Linked:
    """What links have made one in the person."""
    linked = None if p.ties is None else p.ties.linked.get(p.id)
    return Linked(p.rank, p.came) if linked is None else linked


def ranks_of(p: Person) -> dict[str, int]:
    """The identifiers of a person with their ranks."""
    return {p.id: p.rank} | {value: each.rank for value, each in linked_in(p).known.items()}


def rank_in(p: Person, value: str) -> int:
    """The rank with which an identifier of the person was met."""
    if value == p.id:
        return p.rank
    known = linked_in(p).known.get(value)
    return 0 if known is None else known.rank


def came_in(p: Person, value: str) -> int:
    """The place of an identifier of the person in the order of arrival."""
    known = linked_in(p).known.get(value)
    return p.came if known is None else known.came
