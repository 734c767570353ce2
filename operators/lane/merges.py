"""`Merges`: what lies over the links in a lane: merges of persons, their events while they are one, and how they are parted again.

The rows of a merged person say of whom each is by links alone, and how it came to that one; so what links would have made is always there,
and a merge is undone by making each part anew of its own rows.

*Guarantees*: a merge that is undone leaves the persons as if it had never been, as far as the history goes back; what they were sent and
entered stays with both. Where more than two are merged, those who leave and stay merged are made anew of their events in order of time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from operators.change import Past
from operators.consent import acts_of, latest
from operators.emit import Emit
from operators.identity.groups import group_name, name_in, parts, undone
from operators.identity.link import First, link
from operators.identity.rebuild import rebuild
from operators.identity.resolve import Resolved, linked_in, place
from operators.lane.history import History, Moving, event_of, is_seen, source_kept
from operators.lane.keys import Kept, Meta
from operators.lane.people import People
from operators.person import PersonStage
from schemas.event import Event
from schemas.person import Linked, Merge, Person, Ties, redirect

NOBODY = ""
"""Stands in a row for whom it is of by links alone, where it is of the merge."""


class Brought(NamedTuple):
    """What an event brings with it: events, and the mask of the rules that what else is known may change; `size` is about how many bytes of
    the batch that takes. Of a merged person `of` tells whose the event is by links alone."""

    past: list[Past]
    touched: int
    size: int
    of: str | None = None


class Merges:
    """The merged persons of one lane."""

    def __init__(self, stage: PersonStage, people: People, history: History, meta: Meta, emit: Emit) -> None:
        self._stage, self._people, self._history, self._meta, self._emit = stage, people, history, meta, emit

    def add(self, p: Person, event: Event, n: int, watermark: int, brought: Brought) -> int:
        """Takes the `n`-th event of a merged person in. Gives the bytes that it adds; -1 where it changes nothing, since it is a duplicate,
        or a copy of what another of the merged has."""
        of = brought.of or NOBODY
        assert p.ties is not None
        linked, number = p.ties.linked.get(of), 0
        if self._history.has(p.id, event, of):
            return -1
        if linked is not None:
            number = linked.count = linked.count + 1
            linked.acts = latest(linked.acts, acts_of(event))
        late = watermark if event.t < watermark else None
        kept = Kept(event.t, n, event.kind, event.name, event.properties, late, of=of, number=number, source=source_kept(event))
        kept.shadowed = not brought.past and not brought.touched and self._history.has(p.id, event)
        if kept.shadowed:
            kept.n = 0
            self._people.put(p)
        size = self._history.put(p.id, [Moving(kept, event.message_id)])
        return -1 if kept.shadowed else size

    def regroup(self, resolved: Resolved, merge: Merge | None, event: Event, watermark: int) -> tuple[Person, Brought]:
        """Makes persons one, by links and a merge, of whom some are merged then."""
        other = None if merge is None else place(self._people.row, merge.previous)
        persons = {p.id: p for p in (*resolved.persons, *([] if other is None else [other.person]))}
        rows = {id: [explicit(each, id) for each in self._history.take(id, watermark)] for id in persons}
        group, merges = dict[str, Linked](), list[Merge]()
        for p in persons.values():
            group |= standing(p)
            merges += p.ties.merges if p.ties is not None else []
        names = self._linked(resolved, event, group, rows)
        if merge is not None:
            merges.append(merge)
            if other is None:
                group[merge.previous] = Linked(0, self._meta.offset)
        name = group_name(group, merges)
        p = persons.get(name) or self._people.born(name)
        past, touched, kept = list[Past](), 0, rows.get(name, [])
        others = [each for each in persons.values() if each is not p]
        for leaving in others:
            self._stage.leave(leaving, name, event, watermark, self._emit)
            past += self._brought(p, rows[leaving.id], kept, p.count + len(past))
            self._meta.persons -= 1
            self._emit.counts.linked += 1
        # What was due before does not see what is known from now on.
        self._stage.meet(p, past, event, watermark, self._emit)
        for leaving in others:
            touched |= self._stage.inherit(p, leaving)
        size = self._history.put(name, kept if len(group) > 1 else [alone(each) for each in kept if not each.kept.shadowed])
        p.rank, p.came, p.ties = group[name].rank, group[name].came, Ties(None, group, merges)
        self._lead(group, name)
        for each in names:
            self._people.put(redirect(each, resolved.name))
        return p, Brought(past, touched, size, None if len(group) == 1 else NOBODY if merge is not None else resolved.name)

    def _linked(self, resolved: Resolved, event: Event, group: dict[str, Linked], rows: dict[str, list[Moving]]) -> list[str]:
        """Makes one in the group what an event links, rows too; gives the names that lead to that one from now on."""
        every = [each for own in rows.values() for each in own]
        first: First = {}
        for each in sorted(every, key=lambda each: -each.kept.number):
            first[each.kept.of or NOBODY] = (each.kept.t, each.message_id)
        before = group.get(resolved.name)
        linked, names = link(resolved, event, self._meta.offset, first)
        linked.count = 0 if before is None else before.count
        linked.acts = latest(*(group[each.name].acts for each in resolved.places if each.name in group))
        have = [each for each in every if each.kept.of == resolved.name]
        for name in (each.name for each in resolved.places if each.name != resolved.name):
            del group[name]
            for each in sorted((each for each in every if each.kept.of == name), key=lambda each: each.kept.number):
                if any(self._history.is_same(each, other) for other in have):
                    each.kept.of = NOBODY
                    continue
                linked.count += 1
                each.kept.of, each.kept.number, each.kept.joined = resolved.name, linked.count, True
                have.append(each)
        for own in rows.values():
            own[:] = [each for each in own if each.kept.of or not each.kept.shadowed]
        group[resolved.name] = linked
        return names

    def _brought(self, p: Person, rows: Iterable[Moving], kept: list[Moving], count: int) -> list[Past]:
        """Adds the rows of a person to those of another one, with numbers from behind `count` on; gives those that are new to it."""
        past: list[Past] = []
        have = [each for each in kept if not each.kept.shadowed]
        for each in sorted(rows, key=lambda each: each.kept.n):
            row = each.kept
            row.shadowed = row.shadowed or any(self._history.is_same(each, other) for other in have)
            if row.shadowed:
                row.n = 0
                if not row.of:
                    continue
            else:
                row.n, row.linked = count + len(past) + 1, True
                past.append(past_of(p.id, each))
            kept.append(each)
        return past

    def _uncovered(self, rows: list[Moving]) -> None:
        """Copies of what is not among the rows any more count from now on, behind all others."""
        seen = [each for each in rows if not each.kept.shadowed]
        for each in rows:
            if each.kept.shadowed and not any(self._history.is_same(each, other) for other in seen):
                each.kept.shadowed, each.kept.n = False, max((other.kept.n for other in seen), default=0) + 1
                seen.append(each)

    def _lead(self, group: Iterable[str], name: str) -> None:
        """Lets the names of a group lead to the one that names it."""
        for each in group:
            if each != name:
                self._people.put(redirect(each, name))

    def undo(self, event: Event) -> list[Person] | None:
        """Parts a merged person as an unmerge says; gives the persons there are then, None where nothing was merged so."""
        ends = [place(self._people.row, value) for value in (event.user_id or "", event.previous_id or "")]
        user, previous = ends
        if user is None or previous is None or user.person is not previous.person or user.name == previous.name:
            return None
        p = user.person
        assert p.ties is not None
        group, merges = p.ties.linked, p.ties.merges
        back = undone(group, merges, user.name, previous.name)
        for each in back:
            each.undone = event.message_id
        split = parts(group, merges)
        watermark = self._meta.watermark if self._meta.watermark is not None else event.t
        if back:
            self._stage.meet(p, [], event, watermark, self._emit)
        if len(split) == 1:
            return [p] if back else None
        return self._part(p, split, event, watermark)

    def _part(self, p: Person, split: list[list[str]], event: Event, watermark: int) -> list[Person]:
        assert p.ties is not None
        group, merges, members = p.ties.linked, p.ties.merges, dict(p.members)
        rows = [explicit(each, p.id) for each in self._history.take(p.id, watermark)]
        found: list[Person] = []
        for names in sorted(split, key=lambda names: p.id not in names):
            own = {name: group[name] for name in names}
            its = [each for each in merges if name_in(own, each.user) or name_in(own, each.previous)]
            name = p.id if p.id in names else group_name(own, its)
            if len(own) == 1 and not own[name].count and name != p.id:
                # Nobody ever was under this name alone.
                self._people.forget(name)
                continue
            before = members if p.id in names else {}
            told = p.clock if name == p.id else event.t
            q, past = self._anew(p, name, own, its, rows, watermark, event.t)
            if before and not self._history.keeps:
                # There is nothing to make it of: it stays as it is.
                p.ties, p.acts, q = q.ties, q.acts, p
            self._people.put(q)
            if not q.count:
                self._people.forget(name)
            self._lead(own, name)
            # Nothing comes out for a name at an instant before what came out for it.
            self._stage.differ(q, past, watermark, before, max(q.clock, told), event, self._emit)
            found += [q] if q.count else []
        self._meta.persons += len(found) - 1
        return found

    def _anew(
        self, p: Person, name: str, own: dict[str, Linked], merges: list[Merge], rows: list[Moving], watermark: int, now: int
    ) -> tuple[Person, list[Past]]:
        """A part of a merged person, made of its own rows; and these."""
        if len(own) == 1:
            its = [alone(each, own=True) for each in rows if each.kept.of == name]
        else:
            sources = {each.source for each in merges if each.undone is None}
            its = [each for each in rows if each.kept.of in own or (each.kept.of == NOBODY and each.message_id in sources)]
            self._uncovered(its)
            numbered_anew(its, in_time=p.id not in own)
        its.sort(key=lambda each: each.kept.n)
        self._history.put(name, its)
        past = [past_of(name, each) for each in its if is_seen(each.kept)]
        q = rebuild(self._stage, name, past, watermark, now, latest(*(each.acts for each in own.values())))
        q.count = max(q.count, sum(each.count for each in own.values()))
        q.layout, q.sent, q.entries = p.layout, list(p.sent), dict(p.entries)
        q.rank, q.came, q.ties = own[name].rank, own[name].came, Ties(None, own, merges)
        return q, past


def past_of(person: str, row: Moving) -> Past:
    """A row as a person is made of it."""
    kept = row.kept
    return Past(kept.n, event_of(person, row.message_id, kept), kept.watermark, kept.linked)


def numbered_anew(rows: list[Moving], *, in_time: bool) -> None:
    """Numbers rows in their order, without gaps. With `in_time` as if all had come for one person when they happened: how they came
    together was told by rows that are gone."""
    seen = sorted((each.kept for each in rows if not each.kept.shadowed), key=lambda kept: (kept.t if in_time else 0, kept.n))
    for n, kept in enumerate(seen, 1):
        kept.n = n
        if in_time:
            kept.linked, kept.watermark = False, None


def standing(p: Person) -> dict[str, Linked]:
    """What links have made one in a person, by name, each with the number of its events."""
    if p.ties is not None and len(p.ties.linked) > 1:
        return p.ties.linked
    return {p.id: msgspec.structs.replace(linked_in(p), count=p.count, acts=p.acts)}


def explicit(row: Moving, person: str) -> Moving:
    """A row that says whose it is by links alone."""
    kept = row.kept
    if kept.of is None:
        kept.of, kept.number, kept.joined = person, kept.n, kept.linked
    return row


def alone(row: Moving, *, own: bool = False) -> Moving:
    """A row of a person that is not merged; with `own` as links alone would have it."""
    kept = row.kept
    n, linked = (kept.number, kept.joined) if own else (kept.n, kept.linked)
    return Moving(Kept(kept.t, n, kept.kind, kept.name, kept.properties, kept.watermark, linked, source=kept.source), row.message_id)
