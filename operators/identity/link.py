"""`link`: takes down on a person which identifiers are its own from an event on; moves no history."""

from __future__ import annotations

from operators.identity.resolve import Resolved, linked_in
from schemas.event import Event
from schemas.person import MOST_CONFLICTS, Conflict, Identifier, Linked, Person, Ties


def link(p: Person, resolved: Resolved, event: Event, came: int, first: dict[str, tuple[int, str]]) -> list[str]:
    """Gives the person, who is `resolved.name`, the identifiers of the others and those of the event; `first` tells time and messageId of
    the first event of the others, as far as they are known. Gives the names that lead to this person from now on."""
    known: dict[str, Identifier] = {}
    conflicts: list[Conflict] = []
    for other in resolved.persons:
        linked = linked_in(other)
        known[other.id] = Identifier(other.rank, other.came, *first.get(other.id, (None, None)))
        known |= linked.known
        conflicts += linked.conflicts
    new = [each for each in resolved.ids if each.value not in known]
    for rank, value in resolved.ids:
        met = known.setdefault(value, Identifier(rank, came, event.t, event.message_id))
        met.rank = max(met.rank, rank)
    known.pop(p.id, None)
    p.rank, p.came = resolved.rank, resolved.came
    p.ties = Ties(None, {p.id: Linked(p.rank, p.came, known, newest(conflicts))}) if known or conflicts else None
    left = [other.id for other in resolved.persons if other.id != p.id]
    return [*left, *(each.value for each in new if each.value != p.id)]


def note(p: Person, conflicts: list[Conflict]) -> None:
    """Keeps links that were not made with the person to whom the event went."""
    linked = linked_in(p)
    linked.conflicts = newest([*linked.conflicts, *conflicts])
    if p.ties is None:
        p.ties = Ties(None, {p.id: linked})


def newest(conflicts: list[Conflict]) -> list[Conflict]:
    """Those that are kept: of each identifier and other person the last."""
    last = {(each.limit, each.identifier, each.person): each for each in sorted(conflicts, key=lambda each: each.t)}
    return sorted(last.values(), key=lambda each: each.t)[-MOST_CONFLICTS:]
