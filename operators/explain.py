"""`explain`: why a person is in a segment, or is not, at an instant: each part of its rule, what made it so, and when it changes by itself.

Pure: the person comes with its kept history, from a live state or from the history alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import heapify
from zoneinfo import ZoneInfo

import msgspec

from operators.change import Past, replay
from operators.emit import Emit, Occasion
from operators.language.check import segments_of
from operators.language.evidence import Evidence
from operators.language.parts import Part, Parts
from operators.person import PersonStage
from operators.plan.checked import Plan, Segment
from schemas.consent import Act
from schemas.person import SLOT_BITS, SLOT_MASK, Person

MOST_INSTANTS = 3_000
"""So many instants at which a rule may change by itself are tried."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Person).decode


@dataclass(frozen=True, slots=True)
class Turn:
    """An entry or an exit: `cause` as a transition has it."""

    at: int
    entered: bool
    cause: dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What becomes of a membership if nothing happens: it changes at `at`, `because` these parts of the rule do. Where `at` is None it
    never does, or not up to `tried`, as far as was looked."""

    at: int | None = None
    because: tuple[Part, ...] = ()
    tried: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person is in a segment at `at`, or is not. `since` is when that began, as far as it is known, `turn` the entry or exit with
    which it did. `rule` is None where the person did not exist."""

    member: bool
    since: int | None
    turn: Turn | None
    rule: Part | None
    ahead: Ahead


class Noticed(Emit):
    """Takes note of the last entry or exit of one segment, and of nothing else."""

    def __init__(self, segment: str) -> None:
        super().__init__("", 1)
        self.segment = segment
        self.last: Turn | None = None

    def transition(self, occasion: Occasion, segment: str, version: str, entered: bool, why: dict[str, object]) -> str:
        if segment == self.segment:
            self.last = Turn(occasion.now, entered, msgspec.json.decode(occasion.cause))
        return ""


@dataclass
class Seen:
    """A person looked at `now`, with the stage that its slots and segments are numbered by; `only` are the rules that matter."""

    stage: PersonStage
    p: Person
    now: int
    only: int = -1


class Explain:
    """The explanations of one segment of a plan."""

    def __init__(self, plan: Plan, segment: str, *, most: int = 3, deep: bool = False) -> None:
        self.plan, self.segment, self.most, self.deep = plan, segment, most, deep
        self.zone = ZoneInfo(plan.timezone)
        self.narrow = narrow(plan, segment)
        self.stage = PersonStage(self.narrow)

    def at(self, id: str, past: Sequence[Past], at: int, kept_from: int | None = None, acts: Sequence[Act] = ()) -> Explanation:
        """At an instant, from the history alone, and from acts of consent that are older."""
        noticed = Noticed(self.segment)
        seen = Seen(self.stage, replay(self.stage, id, past, at, noticed, acts), at)
        return self._explanation(seen, past, noticed.last, kept_from)

    def live(self, stage: PersonStage, p: Person, past: Sequence[Past], now: int, at: int, kept_from: int | None = None) -> Explanation:
        """At an instant from `now` on, up to which the state knows what happened; `stage` is that by which the person is numbered."""
        ids = {rule.id for rule in self.stage.rules.rules}
        only = sum(1 << rule.no for rule in stage.rules.rules if rule.id in ids)
        seen = Seen(stage, copy_of(p), at, only)
        seen.p.heap = [item for item in p.heap if stage.rules.slots[item & SLOT_MASK].mask & only]
        heapify(seen.p.heap)
        noticed = Noticed(self.segment)
        replay(self.stage, p.id, past, now, noticed, p.acts)
        stage.advance(seen.p, at + 1, noticed, only)
        return self._explanation(seen, past, noticed.last, kept_from)

    def _explanation(self, seen: Seen, past: Iterable[Past], turn: Turn | None, kept_from: int | None) -> Explanation:
        p = seen.p
        if not p.count:
            return Explanation(False, None, None, None, Ahead())  # noqa: FBT003 - not a member
        entry = p.members.get(number_of(seen.stage, self.segment))
        if turn is not None and (turn.entered != (entry is not None) or (entry is not None and turn.at != entry)):
            turn = None
        since = entry if entry is not None or turn is None else turn.at
        evidence = Evidence(past, seen.now, self.zone, self.plan.survivorship)
        rule = self._parts(seen, evidence, kept_from).of(self.segment)
        return Explanation(entry is not None, since, turn, rule, self._ahead(seen))

    def _parts(self, seen: Seen, evidence: Evidence | None = None, kept_from: int | None = None) -> Parts:
        segments = {segment.id: segment for segment in self.plan.segments}
        deep = self.deep or evidence is None
        return Parts(seen.stage.rules, segments, seen.p, seen.now, self.zone, evidence, kept_from=kept_from, most=self.most, deep=deep)

    def _ahead(self, seen: Seen) -> Ahead:
        """Goes on over the boundaries of a copy of the person, one by one, until the membership changes."""
        p, emit, no = copy_of(seen.p), Noticed(""), number_of(seen.stage, self.segment)
        member, due = no in p.members, seen.now
        for _ in range(MOST_INSTANTS):
            if not p.heap:
                return Ahead()
            due = p.heap[0] >> SLOT_BITS
            seen.stage.advance(p, due + 1, emit, seen.only)
            if (no in p.members) is not member:
                return Ahead(due, self._because(seen, Seen(seen.stage, p, due)))
        return Ahead(tried=due)

    def _because(self, seen: Seen, after: Seen) -> tuple[Part, ...]:
        """The innermost parts of the rule whose truth changes when the membership does."""
        before = Seen(seen.stage, copy_of(seen.p), after.now - 1)
        seen.stage.advance(before.p, after.now, Noticed(""), seen.only)
        found = {part.text: part for part in changed(self._parts(before).of(self.segment), self._parts(after).of(self.segment))}
        return tuple(found.values())


def changed(before: Part, after: Part) -> list[Part]:
    """The innermost parts whose truth is another one, as they are after."""
    if before.holds is after.holds:
        return []
    inner = [part for one, other in zip(before.parts, after.parts, strict=True) for part in changed(one, other)]
    return inner or [after]


def narrow(plan: Plan, segment: str) -> Plan:
    """The plan with this segment and those that it refers to alone, and without campaigns."""
    rules = {each.id: each for each in plan.segments}
    needed, queue = set[str](), [segment]
    while queue:
        id = queue.pop()
        if id not in needed:
            needed.add(id)
            queue += segments_of(rules[id].when)
    segments: tuple[Segment, ...] = tuple(each for each in plan.segments if each.id in needed)
    return replace(plan, segments=segments, campaigns=())


def number_of(stage: PersonStage, segment: str) -> int:
    """The number of a segment."""
    return next(rule.no for rule in stage.rules.rules if rule.id == segment)


def copy_of(p: Person) -> Person:
    """The same person, to go on with."""
    return _decode(_encode(p))


def kept_from(past: Sequence[Past], p: Person) -> int | None:
    """From when on the history has all events of a person: behind the last that it lacks. None where it lacks none."""
    numbers = {each.n for each in past}
    lacking = next((n for n in range(p.count, 0, -1) if n not in numbers), None)
    if lacking is None:
        return None
    return min((each.event.t for each in past if each.n > lacking), default=p.clock + 1)
