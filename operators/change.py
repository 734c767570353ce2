"""A changed plan: what of a person's state stays as it is, what is filled from its history, and what changes by it.

A `Layout` says what the numbers in a person mean: it is stored beside the persons whose state was made by it. A person of an older layout
is brought to the present one before anything else happens to it.

*Guarantees*: what no change touches keeps its state. What is new is as it would be had the plan always been this one, as far back as the
history goes. The transitions that are due have the plan as their cause; a person stays in no segment that the plan no longer has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from operators.consent import untold
from operators.emit import Emit
from operators.language.calls.held import HIDDEN
from operators.language.compile import compile_rules
from operators.language.feeds import Rules, bring
from operators.language.slots import Slot, TimerSlot
from schemas.consent import Act
from schemas.event import Event
from schemas.person import Person, new_person

if TYPE_CHECKING:
    from operators.person import PersonStage
    from operators.plan.checked import Plan


class Layout(msgspec.Struct, array_like=True, frozen=True):
    """What the numbers in a person mean: by number the id and version of each segment, and of each slot what it keeps of which events and
    what comparisons need of that. `zone`, `history` (how long it is kept, in ms; None: not at all) and `survivorship` are the plan's, and
    whether it has the `profiles` of its persons put out."""

    plan: str
    zone: str
    segments: tuple[tuple[str, str], ...]
    slots: tuple[tuple[str, str], ...]
    history: int | None = None
    survivorship: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    profiles: bool = False

    def means(self, other: Layout) -> bool:
        """True where a person of the other layout is one of this as it is."""
        mine, its = ((each.zone, each.segments, each.slots, each.survivorship) for each in (self, other))
        return mine == its


class Past(NamedTuple):
    """An event of a person's history: `n` is its number of arrival. The others are those of `Kept`."""

    n: int
    event: Event
    watermark: int | None = None
    linked: bool = False


Seen = tuple[int, int, str, dict[str, Any]]
"""Of an event of a history what rules look at: its number of arrival, time, name and properties."""


class History(Protocol):
    """The kept events of a person, each time by arrival."""

    def whole(self) -> list[Past]:
        """All of them."""

    def seen(self, looks_at: Callable[[str], bool], start: int | None) -> list[Seen]:
        """Those whose names are looked at, and that are younger than `start`."""


def layout_of(plan: Plan, rules: Rules) -> Layout:
    """The layout of the persons that these rules make."""
    segments = tuple((rule.id, rule.version) for rule in rules.rules)
    slots, survivorship = tuple(map(kept_by, rules.slots)), tuple(sorted(plan.survivorship.items()))
    return Layout(plan.version, plan.timezone, segments, slots, plan.history_ms, survivorship, plan.profiles)


def contested(old: Iterable[tuple[str, str | tuple[str, ...]]], new: Mapping[str, str | tuple[str, ...]]) -> list[str]:
    """The traits of which another word may count under a changed plan.

    >>> contested([("tier", ("crm",)), ("vip", "strictest")], {"tier": ("crm", "web"), "vip": "strictest"})
    ['tier']
    """
    before = dict(old)
    return sorted(name for name in before.keys() | new.keys() if before.get(name) != new.get(name))


def kept_by(slot: Slot) -> tuple[str, str]:
    """What a slot keeps of which events, and what is needed of that: two slots alike in both have the same state of the same person."""
    return f"{slot.measure()} {slot.key}", slot.needs()


class Difference(NamedTuple):
    """The ids of the segments that a changed plan brings, changes, and no longer has, each in their order."""

    new: list[str]
    changed: list[str]
    gone: list[str]


def difference(old: Layout, new: Layout) -> Difference:
    """What changes for the segments. With another zone all do: dates hang on it, and what is kept between two of them."""
    before, after = ({id: version for id, version in layout.segments if not id.startswith(HIDDEN)} for layout in (old, new))
    stay = [id for id in after if id in before]
    changed = [id for id in stay if before[id] != after[id] or old.zone != new.zone]
    return Difference([id for id in after if id not in before], changed, [id for id in before if id not in after])


class Change:
    """From an older layout to the rules of a stage: the numbers of what stays (`slots`, `members`), and what is to be done for each person.

    `fresh` are the slots to be filled, `other` those that were there for other needs, `same` is the mask of the rules that did not change,
    `dirty` of all others, `gone` the segments that the plan no longer has. `tells` says that the profile of each person is to be put out,
    also where no segment changes.
    """

    def __init__(self, old: Layout, plan: Plan, stage: PersonStage, about: Iterable[str], number: int) -> None:
        """`number` is that of the new layout."""
        rules = stage.rules
        numbers = {rule.id: rule for rule in rules.rules}
        slots = {kept_by(slot)[0]: slot for slot in rules.slots}
        kept = {no: (slots[what], needs) for no, (what, needs) in enumerate(old.slots) if what in slots}
        self.plan, self.number = plan.version, number
        self.tells = plan.profiles and (not old.profiles or bool(contested(old.survivorship, plan.survivorship)))
        self.slots = {no: slot for no, (slot, _) in kept.items()}
        self.other = frozenset(slot.no for slot, needs in kept.values() if needs != slot.needs())
        self.members = {no: numbers[id].no for no, (id, _) in enumerate(old.segments) if id in numbers}
        self.gone = [(no, id, version) for no, (id, version) in enumerate(old.segments) if id not in numbers and not id.startswith(HIDDEN)]
        enough = {slot.no for slot, needs in kept.values() if slot.is_enough(needs)}
        self.fresh = frozenset(slot.no for slot in rules.slots if slot.no not in enough and not isinstance(slot, TimerSlot))
        before = dict(old.segments)
        # As `difference` says.
        stays = old.zone == plan.timezone
        self.same = sum(1 << rule.no for rule in rules.rules if stays and before.get(rule.id) == rule.version)
        self.dirty = sum(1 << rule.no for rule in rules.rules) & ~self.same
        self.conditions = frozenset(rule.no for rule in rules.rules if rule.hidden and rule.id not in before)
        reaches = [slot.reach() for slot in rules.slots if slot.no in self.fresh]
        self.reach = None if None in reaches else max(filter(None, reaches), default=None)
        self.traits = contested(old.survivorship, plan.survivorship)
        self.filler = compile_rules(plan.segments, ZoneInfo(plan.timezone), about, only=self.fresh) if self.fresh else None

    def adopt(self, stage: PersonStage, p: Person, history: History, watermark: int, emit: Emit) -> None:
        """Brings a person of the old layout to the rules of the stage."""
        p.layout = self.number
        now = max(p.clock, watermark)
        gone = [(id, version) for no, id, version in self.gone if no in p.members]
        p.members = {self.members[no]: entry for no, entry in p.members.items() if no in self.members}
        p.entered = {self.members[no]: kept for no, kept in p.entered.items() if no in self.members}
        self._slots(p, history)
        if self.conditions:
            members = replay(stage, p.id, history.whole(), now, acts=p.acts).members
            p.members |= {no: entry for no, entry in members.items() if no in self.conditions}
        stage.arm(p)
        stage.advance(p, now, emit, only=self.same)
        stage.take_effect(p, now, self.dirty | stage.survive.anew(p, self.traits), gone, self.plan, emit)

    def _slots(self, p: Person, history: History) -> None:
        filled, now = new_person(p.id), p.clock
        if self.filler is not None:
            filled.clock = now
            for n, t, name, properties in history.seen(self.filler.looks_at, now - self.reach if self.reach is not None else None):
                bring(self.filler, filled, name, t, n, properties, now)
        slots = {no: state for no, state in filled.slots.items() if no in self.fresh}
        for no, state in p.slots.items():
            slot = self.slots.get(no)
            if slot is not None:
                slots[slot.no] = slot.carry(state, slots.get(slot.no)) if slot.no in self.other else state
        for state in slots.values():
            state[0] = None
        p.slots = slots


def replay(stage: PersonStage, id: str, past: Iterable[Past], until: int, emit: Emit | None = None, acts: Iterable[Act] = ()) -> Person:
    """The person as the events up to an instant make it, looked at then: what came later is not seen, and no event is late. Of its `acts`
    those of which no event tells any more were there before. What comes out goes to `emit`, and is let go."""
    past = list(past)
    p, emit, mismatched = new_person(id), emit or Emit("", 1), stage.rules.mismatched
    # These comparisons were made before.
    before = mismatched.copy()
    linked: list[Past] = []
    touched = stage.permit(p, untold(acts, {each.event.message_id for each in past}))
    for each in past:
        t = each.event.t
        if t <= until and each.linked:
            linked.append(each)
        elif t <= until:
            stage.apply(p, each.event, t, emit, linked, touched)
            touched = 0
            emit.outputs.clear()
            linked.clear()
    stage.advance(p, until + 1, emit)
    mismatched.clear()
    mismatched.update(before)
    return p
