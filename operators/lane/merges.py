"""`Merges`: what lies over the links in a lane: merges of persons, their events while they are one, and how they are parted again.

The rows of a merged person say of whom each was by links alone, and when it came; its steps say what made it one. So a merge is undone by
letting all happen once more without it, and making each part anew of its own rows.

*Guarantees*: a merge that is undone leaves the persons as if it had never been, as far as the history goes back; what they were sent and
entered stays with both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from operators.change import Past
from operators.consent import acts_of, latest
from operators.emit import Emit
from operators.identity.groups import group_name, name_in, parts, undone
from operators.identity.link import First, link
from operators.identity.rebuild import rebuild
from operators.identity.resolve import Resolved, linked_in, place
from operators.lane.history import History, Moving, Once, event_of, is_seen, source_kept, words_in
from operators.lane.keys import Kept, Meta
from operators.lane.parting import Part, Parting
from operators.lane.people import People
from operators.person import PersonStage
from schemas.event import Event
from schemas.person import Linked, Merge, Person, Side, Step, Ties, redirect


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
        """Takes the `n`-th event of a merged person in. Gives the bytes that it adds; -1 where it changes nothing, since it is a duplicate;
        what would be none without the merges is kept as a copy."""
        of = brought.of
        assert p.ties is not None
        assert of is not None
        linked, near = p.ties.linked, self._history.near(p.id, event)
        made = {each.came for each in p.ties.steps if each.into is None and each.source == event.message_id}
        shadowed = any(not row.shadowed for row in near)
        if shadowed:
            if event.kind == "alias" and any(row.came in made for row in near):
                return -1
            if any(row.t == event.t and row.came not in made and name_in(linked, row.of or "") == of for row in near):
                return -1
            n = 0
            self._people.put(p)
        linked[of].count += not shadowed and self._meta.offset not in made
        linked[of].acts = latest(linked[of].acts, acts_of(event))
        late = watermark if event.t < watermark else None
        kept = Kept(
            event.t,
            n,
            event.kind,
            event.name,
            event.properties,
            late,
            of=of,
            shadowed=shadowed,
            came=self._meta.offset,
            source=source_kept(event),
        )
        size = self._history.put(p.id, [Moving(kept, event.message_id)])
        return -1 if shadowed else size

    def regroup(self, resolved: Resolved, merge: Merge | None, event: Event, watermark: int) -> tuple[Person, Brought]:
        """Makes persons one, by links and a merge, of whom some are merged then."""
        other = None if merge is None else place(self._people.row, merge.previous)
        persons = {p.id: p for p in (*resolved.persons, *([] if other is None else [other.person]))}
        rows = {id: [explicit(each, id) for each in self._history.take(id, watermark)] for id in persons}
        group, merges, steps = dict[str, Linked](), list[Merge](), list[Step]()
        for p in persons.values():
            group |= standing(p)
            # One that was undone is known to both whom it had made one.
            merges += [each for each in p.ties.merges if each not in merges] if p.ties is not None else []
            steps += p.ties.steps if p.ties is not None else []
        names = self._linked(resolved, event, group, steps, [each for own in rows.values() for each in own])
        if merge is not None:
            merges.append(merge)
            previous = merge.previous if other is None else other.name
            group.setdefault(previous, Linked(0, self._meta.offset))
            steps.append(self._step(event, [side(each, group[each]) for each in (resolved.name, previous)]))
        name = group_name(group, merges)
        p = persons.get(name) or self._people.born(name)
        past, touched, kept = list[Past](), 0, rows.get(name, [])
        once = self._history.once(each for each in kept if not each.kept.shadowed)
        others = sorted((each for each in persons.values() if each is not p), key=lambda each: (-each.rank, each.came))
        words: list[set[tuple[str, int]]] = []
        for leaving in others:
            self._stage.leave(leaving, name, event, watermark, self._emit)
            counted = [each.kept for each in rows[leaving.id] if not each.kept.shadowed]
            past += brought(p, rows[leaving.id], once, p.count + len(past))
            words.append(words_in(each for each in counted if each.shadowed))
            kept += rows[leaving.id]
            self._meta.persons -= 1
            self._emit.counts.linked += 1
        # What was due before does not see what is known from now on.
        self._stage.meet(p, past, event, watermark, self._emit)
        for leaving, without in zip(others, words, strict=True):
            touched |= self._stage.inherit(p, leaving, without)
        size = self._history.put(name, kept)
        p.rank, p.came, p.ties = group[name].rank, group[name].came, Ties(None, group, merges, steps)
        self._lead(group, name)
        for each in names:
            self._people.put(redirect(each, resolved.name))
        return p, Brought(past, touched, size, resolved.name)

    def _linked(self, resolved: Resolved, event: Event, group: dict[str, Linked], steps: list[Step], rows: Iterable[Moving]) -> list[str]:
        """Makes one in the group what an event links; gives the names that lead to that one from now on."""
        first: First = {}
        for each in sorted(rows, key=lambda each: (-each.kept.came, -each.kept.number)):
            first[name_in(group, each.kept.of or "") or ""] = (each.kept.t, each.message_id)
        linked, names = link(resolved, event, self._meta.offset, first)
        sides = [side(each.name, group[each.name]) for each in resolved.places]
        into = side(resolved.name, linked)
        if sides and sides != [into]:
            steps.append(self._step(event, sides, into))
        linked.acts = latest(*(group[each.name].acts for each in resolved.places))
        linked.count = sum(group.pop(each.name).count for each in resolved.places)
        group[resolved.name] = linked
        return names

    def _step(self, event: Event, sides: list[Side], into: Side | None = None) -> Step:
        return Step(self._meta.offset, event.message_id, sides, into)

    def _lead(self, group: Iterable[str], name: str) -> None:
        """Lets the names of a group lead to the one that names it."""
        for each in group:
            if each != name:
                self._people.put(redirect(each, name))

    def undo(self, event: Event) -> list[Person] | None:
        """Parts a merged person as an unmerge says; gives the persons there are then, None where nothing was merged so."""
        ends = [place(self._people.row, value) for value in (event.user_id or "", event.previous_id or "")]
        user, previous = ends
        if user is None or previous is None or user.person is not previous.person:
            return None
        p = user.person
        if p.ties is None:
            return None
        group, merges = p.ties.linked, p.ties.merges
        back = undone(group, merges, user.name, previous.name)
        for each in back:
            each.undone = event.message_id
        if not back:
            return None
        watermark = self._meta.watermark if self._meta.watermark is not None else event.t
        self._stage.meet(p, [], event, watermark, self._emit)
        return self._part(p, parts(group, merges), back, event, watermark)

    def _part(self, p: Person, split: list[list[str]], undone: list[Merge], event: Event, watermark: int) -> list[Person]:
        """Makes the parts anew, of what there is without these merges."""
        assert p.ties is not None
        group, merges, members = p.ties.linked, p.ties.merges, dict(p.members)
        rows = [explicit(each, p.id) for each in self._history.take(p.id, watermark)]
        ends = [(each.source, name_in(group, each.user), name_in(group, each.previous)) for each in undone]
        back = [each for each in p.ties.steps if each.into is None and (each.source, *(name_in(group, x.name) for x in each.sides)) in ends]
        gone = {(each.came, each.source) for each in back}
        rows = [each for each in rows if (each.kept.came, each.message_id) not in gone]
        steps = [each for each in p.ties.steps if each not in back]
        come_later(group, steps, back, rows)
        made = Parting(rows, steps, self._history.once)
        found: list[Person] = []
        for names in sorted(split, key=lambda names: p.id not in names):
            own = {name: group[name] for name in names}
            its = [each for each in merges if name_in(own, each.user) or name_in(own, each.previous)]
            name = p.id if p.id in names else group_name(own, its)
            part = made.part(name)
            if len(own) == 1 and not own[name].count and not part.rows and name != p.id:
                # Nobody ever was under this name alone.
                self._people.forget(name)
                continue
            before = members if p.id in names else {}
            told = p.clock if name == p.id else event.t
            ties = Ties(None, own, its, [each for each in steps if any(name_in(own, side.name) for side in each.sides)])
            q, past = self._anew(p, name, ties, part, watermark, event.t)
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

    def _anew(self, p: Person, name: str, ties: Ties, part: Part, watermark: int, now: int) -> tuple[Person, list[Past]]:
        """A part of a merged person, made of its own rows; and these."""
        for n, each in enumerate(part.rows, 1):
            each.kept.n, each.kept.shadowed = n, False
        for each in part.copies:
            each.kept.n, each.kept.shadowed, each.kept.linked = 0, True, False
        if ties.is_merged:
            self._history.put(name, [*part.rows, *part.copies])
        else:
            ties.steps = []
            self._history.put(name, [alone(each) for each in part.rows])
        past = [past_of(name, each) for each in part.rows if is_seen(each.kept)]
        q = rebuild(self._stage, name, past, watermark, now, latest(*(each.acts for each in ties.linked.values())))
        q.count = max(q.count, sum(each.count for each in ties.linked.values()))
        q.layout, q.sent, q.entries = p.layout, list(p.sent), dict(p.entries)
        q.rank, q.came, q.ties = ties.linked[name].rank, ties.linked[name].came, ties
        return q, past


def brought(p: Person, rows: list[Moving], once: Once, count: int) -> list[Past]:
    """Numbers the rows of a person who becomes part of another one from behind `count` on; gives those that are new to it."""
    past: list[Past] = []
    rows.sort(key=lambda each: each.kept.n)
    for each in rows:
        row = each.kept
        row.shadowed = row.shadowed or not once.is_new(each)
        row.linked = not row.shadowed
        row.n = 0 if row.shadowed else count + len(past) + 1
        if not row.shadowed:
            past.append(past_of(p.id, each))
    return past


def come_later(group: dict[str, Linked], steps: list[Step], gone: list[Step], rows: list[Moving]) -> None:
    """Who came with a record that is gone came with the next that is its own."""
    came = {each.came for each in gone}
    for name, linked in group.items():
        if linked.came in came:
            linked.came = min((each.kept.came for each in rows if each.kept.of == name and each.kept.came >= 0), default=linked.came)
            for side in (side for each in steps for side in (*each.sides, each.into) if side is not None and side.name == name):
                side.came = max(side.came, linked.came)


def past_of(person: str, row: Moving) -> Past:
    """A row as a person is made of it."""
    kept = row.kept
    return Past(kept.n, event_of(person, row.message_id, kept), kept.watermark, kept.linked)


def standing(p: Person) -> dict[str, Linked]:
    """What links have made one in a person, by name, each with the number of its events."""
    if p.ties is not None and p.ties.is_merged:
        return p.ties.linked
    return {p.id: replace(linked_in(p), count=p.count, acts=p.acts)}


def side(name: str, linked: Linked) -> Side:
    """What links have made one, as a step tells it."""
    return Side(name, linked.rank, linked.came)


def explicit(row: Moving, person: str) -> Moving:
    """A row that says whose it is by links alone."""
    kept = row.kept
    if kept.of is None:
        kept.of, kept.number, kept.joined = person, kept.n, kept.linked
    return row


def alone(row: Moving) -> Moving:
    """A row of a person that is not merged."""
    return Moving(replace(row.kept, of=None, number=0, joined=False, came=-1), row.message_id)
