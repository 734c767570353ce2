"""`compile_rules`: the segments of a plan to slots and closures.

An event finds its slots by its name, a slot names the rules computed from it, and a rule is computed only when one of its slots, traits or
segments may have changed its truth. A rule is a tree of closures `(person, now) -> value`; a `where` the same over `(properties, now)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from operators.language.canonical import canonical
from operators.language.count_slots import measure_of
from operators.language.durations import format_duration
from operators.language.edge_slots import LatestSlot
from operators.language.expressions import COMPILE, Value, calls_of, gives_duration
from operators.language.feeds import Feed, Rule, Rules
from operators.language.nodes import Call, Node
from operators.language.slots import Compared, Slot, Source, TimerSlot
from operators.plan.checked import Segment
from schemas.errors import Finding, FindingsError
from schemas.person import SLOT_MASK, Person, new_person

AnySlot = TypeVar("AnySlot", bound=Slot)


def compile_rules(segments: tuple[Segment, ...], zone: ZoneInfo, about: Iterable[str] = ()) -> Rules:
    """The compiled segments, in the order given, which must be that of evaluation; for those of `about`, the events that they are about are
    kept too. FindingsError where a person would have to hold more slots than it can."""
    context = Context(zone, segments)
    for segment in segments:
        context.rule(segment)
    for id in about:
        context.about(id)
    if len(context.rules.slots) > SLOT_MASK:
        raise FindingsError([Finding("segments.yaml", 1, 1, f"a plan must need at most {SLOT_MASK} slots; got {len(context.rules.slots)}")])
    context.settle()
    return context.rules


class Context:
    """What is shared while the rules of a plan are compiled: the slots found so far, and the rule at hand."""

    def __init__(self, zone: ZoneInfo, segments: tuple[Segment, ...] = ()) -> None:
        self.zone = zone
        self.segments = segments
        self.numbers = {segment.id: no for no, segment in enumerate(segments)}
        self.rules = Rules()
        self._slots: dict[Any, Slot] = {}
        self._bit = 0
        self._timers: dict[int, TimerSlot] = {}
        self._personal = 0

    def rule(self, segment: Segment) -> None:
        """Compiles one segment."""
        no = len(self.rules.rules)
        self._bit = 1 << no
        self._timers = {}
        test = self.value(segment.when, ())
        calls = tuple((canonical(node), self._shown(node)) for node in calls_of(segment.when))
        self.rules.rules.append(Rule(no, segment.id, segment.version, test, tuple(self._timers.values()), calls))

    def about(self, id: str) -> None:
        """Keeps the latest of the events that the segment is about: those of the first call over events in its rule."""
        self._bit = 0
        call = self._first_call(self.segments[self.numbers[id]].when)
        where: Node | None = call["where"] if call is not None else None
        for name in call["events"] if call is not None else ():
            one = Call("last", (("events", (name,)), ("property", ()), *((("where", where),) if where is not None else ())))
            slot = self.slot(LatestSlot, one, ())
            self.rules.about.setdefault(id, []).append((name, slot))

    def _first_call(self, node: Node) -> Call | None:
        for call in calls_of(node, inner=True):
            if isinstance(call, Call) and call["events"] is not None:
                return call
            if isinstance(call, Call) and call.name in ("segment", "in_segment_for"):
                found = self._first_call(self.segments[self.numbers[call["id"]]].when)
                if found is not None:
                    return found
        return None

    def _shown(self, node: Node) -> Value:
        """The closure that gives what `why` shows of a call: a duration written out, a count as far as it is kept."""
        value = self.value(node, ())
        if isinstance(node, Call) and node.name == "count":
            slot = self.slot(measure_of(node), node, ())
            return lambda p, now: slot.show(p.slots.get(slot.no), now)
        if not gives_duration(node):
            return value

        def duration(p: Person, now: int) -> str | None:
            ms = value(p, now)
            return None if ms is None else format_duration(ms)

        return duration

    def settle(self) -> None:
        """Ends the compilation: the uses of each slot are known."""
        for slot in self.rules.slots:
            slot.settle()
        self.rules.settle_feeds()
        nobody = new_person("")
        for rule in self.rules.rules:
            if self._personal >> rule.no & 1 or rule.test(nobody, 0) is True:
                self.rules.birth |= 1 << rule.no

    def value(self, node: Node, compared: Compared = None) -> Value:
        """The closure of a node; `compared` tells what its value is compared with, None for any other use."""
        return COMPILE[type(node)](self, node, compared)

    def personal(self) -> None:
        """The rule at hand hangs on more than events, traits and segments: on the person's id, or on time alone."""
        self._personal |= self._bit

    def segment(self, id: str) -> int:
        """The number of a segment that the rule at hand refers to."""
        no = self.numbers[id]
        self.rules.rules[no].dependents |= self._bit
        return no

    def trait(self, name: str) -> None:
        """The rule at hand reads this trait."""
        self.rules.traits[name] = self.rules.traits.get(name, 0) | self._bit

    def slot(self, measure: type[AnySlot], call: Call, compared: Compared) -> AnySlot:
        """The slot of a call over events, shared with every call that needs the same."""
        where: Node | None = call["where"]
        source = Source(call["events"], canonical(where) if where is not None else None, call["within"], call["after"], call["property"])
        slot = self._slots.get((measure, source))
        if slot is None:
            slot = measure(len(self.rules.slots), source, self.value(where) if where is not None else None)
            self._slots[measure, source] = slot
            self.rules.slots.append(slot)
            self._feed(slot, source, where)
        assert isinstance(slot, measure)
        slot.mask |= self._bit
        slot.compared(compared)
        return slot

    def timer(self, key: tuple[str, str], start: Callable[[Person, int], int | None], compared: Compared) -> None:
        """A timer slot for a duration that counts from `start`, shared by its key."""
        durations = {int(ms) for _, ms in compared or ()}
        timer = self._slots.get(key)
        if timer is None:
            timer = TimerSlot(len(self.rules.slots), start, durations)
            self._slots[key] = timer
            self.rules.slots.append(timer)
        assert isinstance(timer, TimerSlot)
        timer.durations |= durations
        timer.mask |= self._bit
        self._timers[timer.no] = timer

    def _feed(self, slot: Slot, source: Source, where: Node | None) -> None:
        for name in source.events:
            self._place(name).take(slot, where)
        for name in source.after or ():
            self._place(name).followers.append(slot)

    def _place(self, name: str) -> Feed:
        if name.endswith("*"):
            return self.rules.stars.setdefault(name[:-1], Feed())
        return self.rules.feeds.setdefault(name, Feed())
