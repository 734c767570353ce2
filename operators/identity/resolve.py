"""`resolve`: the person that an event belongs to, and the links that it makes.

An event with several identifiers links them: their persons are one from then on. Where that one would have more identifiers of a rank than
the plan allows, the event is resolved without its lowest-ranking identifier, again and again until none is too many, and the link that is
not made is a conflict. Merges lie over the links: here a merged person is still as many as links have made.

*Guarantees*: the same links in any order give the same persons, as long as no limit is met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from operators.identify import Carried, blocked_by, carried, email_of
from operators.plan.checked import Identity
from schemas.event import Event
from schemas.person import EMAIL, USER_ID, Conflict, Linked, Person

Row = Callable[[str], Person | None]
"""What stands under a name: a person, or where it leads."""


class Place(NamedTuple):
    """Where an identifier leads: the person, and what links have made one in it, by its name."""

    person: Person
    name: str
    linked: Linked

    def rank(self, value: str) -> int:
        """The rank with which an identifier was met, 0 where it was not."""
        known = self.linked.known.get(value)
        return self.linked.rank if value == self.name else 0 if known is None else known.rank


Found = tuple[Carried, Place | None]


@dataclass(slots=True)
class Resolved:
    """The name that an event belongs to by links, its rank, and its place in the order of arrival. `places` are those there are who become
    that one, the highest-ranking first; `links` says that the event makes them one, or brings new identifiers among `ids`."""

    name: str
    rank: int
    came: int
    ids: list[Carried]
    places: list[Place]
    links: bool
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def persons(self) -> list[Person]:
        """The persons there are, each once."""
        return list({place.person.id: place.person for place in self.places}.values())


class Resolve:
    """The rules of a plan over what stands under names."""

    def __init__(self, identity: Identity, row: Row) -> None:
        self._limits = identity.limits
        self.is_blocked = blocked_by(identity.blocked)
        self._row = row

    def __call__(self, event: Event, came: int) -> Resolved | None:
        """Who the event belongs to; None where all its identifiers are blocked. `came` is its place in the order of arrival."""
        ids, conflicts = carried(event, self.is_blocked), list[Conflict]()
        while ids:
            found = [(each, place(self._row, each.value)) for each in ids]
            limit = self._broken(found) if _links(found) else None
            if limit is not None and len(ids) == 1:
                # It is another's already, with a lower rank, and stays so.
                found, limit = [(Carried(0, ids[0].value), found[0][1])], None
            if limit is None:
                return _resolved(found, came, conflicts)
            left, other = ids.pop(), found[-1][1]
            conflicts.append(Conflict(limit, left.value, None if other is None else other.person.id, event.message_id, event.t))
        return None

    def _broken(self, found: list[Found]) -> int | None:
        """The rank of which persons and identifiers together have too many; None where they do not."""
        ranks: dict[str, int] = {}
        for each in _places(found):
            ranks[each.name] = each.linked.rank
            ranks |= {value: known.rank for value, known in each.linked.known.items()}
        for (rank, value), _ in found:
            ranks[value] = max(rank, ranks.get(value, 0))
        counts = Counter(ranks.values())
        return next((rank for rank, most in self._limits.items() if counts[rank] > most), None)


def _places(found: list[Found]) -> list[Place]:
    """Each once, the highest-ranking first."""
    places = {each.name: each for _, each in found if each is not None}
    return sorted(places.values(), key=lambda each: (-each.linked.rank, each.linked.came))


def _links(found: list[Found]) -> bool:
    """Whether identifiers are new, or of several persons."""
    return len(_places(found)) != 1 or any(each is None or each.rank(value) < rank for (rank, value), each in found)


def _resolved(found: list[Found], came: int, conflicts: list[Conflict]) -> Resolved:
    places = _places(found)
    names = [(-each.linked.rank, each.linked.came, each.name) for each in places]
    for (rank, value), each in found:
        if each is None:
            names.append((-rank, came, value))
        elif rank > each.rank(value):
            known = each.linked.known.get(value)
            # What only an alias has named so far comes now.
            first = came if each.rank(value) == 0 else each.linked.came if known is None else known.came
            names.append((-rank, first, value))
    rank, first, name = min(names, key=lambda each: each[:2])
    return Resolved(name, -rank, first, [each for each, _ in found], places, _links(found), conflicts)


def present(row: Row, name: str) -> Person | None:
    """The person that a name leads to; None where it is new."""
    p = row(name)
    while p is not None and p.to is not None:
        p = row(p.to)
    return p


def place(row: Row, name: str) -> Place | None:
    """Where a name leads to; None where it is new."""
    path, p = [name], row(name)
    while p is not None and p.to is not None:
        path.append(p.to)
        p = row(p.to)
    if p is None:
        return None
    linked = {} if p.ties is None else p.ties.linked
    own = next(each for each in path if each in linked) if len(linked) > 1 else p.id
    return Place(p, own, linked[own] if own in linked else Linked(p.rank, p.came))


def owner(row: Row, named: Person, event: Event) -> Person | None:
    """The person that an event belongs to where it tells nothing new of it; `named` is what stands under its `userId`, else under its
    `anonymousId`. None where that takes a closer look."""
    p, user = named, event.user_id
    if p.to is not None:
        found = present(row, p.id) if user is None else None
        if found is None:
            return None
        p = found
    linked = {} if p.ties is None else p.ties.linked
    if event.kind == "alias" or (p.ties is not None and p.ties.is_merged):
        return None
    known = linked[p.id].known if linked else {}
    if user is not None and (p.rank != USER_ID or not (event.anonymous_id is None or event.anonymous_id in known)):
        return None
    email = email_of(event)
    return p if email is None or email == p.id or (email in known and known[email].rank >= EMAIL) else None


def names_of(p: Person) -> list[str]:
    """All identifiers of a person, the one that names it first."""
    groups = {} if p.ties is None else p.ties.linked
    return list(dict.fromkeys([p.id, *groups, *(value for linked in groups.values() for value in linked.known)]))


def linked_in(p: Person) -> Linked:
    """What links have made one under the person's own name."""
    linked = None if p.ties is None else p.ties.linked.get(p.id)
    return Linked(p.rank, p.came) if linked is None else linked
