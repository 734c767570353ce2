"""`link`: what links have made one, from an event on. Moves no history."""

from __future__ import annotations

from operators.identity.resolve import Resolved
from schemas.event import Event
from schemas.person import MOST_CONFLICTS, Conflict, Identifier, Linked, Person, Ties

First = dict[str, tuple[int, str]]
"""Of a name the time and messageId of its first event."""


def link(resolved: Resolved, event: Event, came: int, first: First) -> tuple[Linked, list[str]]:
    """What is one under `resolved.name` from now on, and the names that lead there from now on; `first` as far as it is known."""
    known: dict[str, Identifier] = {}
    conflicts: list[Conflict] = []
    for place in resolved.places:
        known[place.name] = Identifier(
            place.linked.rank, place.linked.came if place.linked.rank else came, *first.get(place.name, (None, None))
        )
        known |= place.linked.known
        conflicts += place.linked.conflicts
    new = [each.value for each in resolved.ids if each.value not in known]
    for rank, value in resolved.ids:
        met = known.setdefault(value, Identifier(rank, came, event.t, event.message_id))
        met.rank = max(met.rank, rank)
    known.pop(resolved.name, None)
    names = [place.name for place in resolved.places] + new
    return Linked(resolved.rank, resolved.came, known, newest(conflicts)), [name for name in names if name != resolved.name]


def note(p: Person, name: str, conflicts: list[Conflict]) -> None:
    """Keeps links that were not made with whom the event went to."""
    if p.ties is None:
        p.ties = Ties(None, {p.id: Linked(p.rank, p.came)})
    linked = p.ties.linked[name]
    linked.conflicts = newest([*linked.conflicts, *conflicts])


def newest(conflicts: list[Conflict]) -> list[Conflict]:
    """Those that are kept: of each identifier and other person the last."""
    last = {(each.limit, each.identifier, each.person): each for each in sorted(conflicts, key=lambda each: each.t)}
    return sorted(last.values(), key=lambda each: each.t)[-MOST_CONFLICTS:]
