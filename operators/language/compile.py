"""`compile_rules`: the segments of a plan to slots and closures.

An event finds its slots by its name, a slot names the rules computed from it, and a rule is computed only when one of its slots, traits or
segments may have changed its truth. A rule is a tree of closures `(person, now) -> value`; a `where` the same over `(properties, now)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from operators.instants import EARLIEST, LATEST, instant_of
from operators.language.calls.held import HIDDEN, condition
from operators.language.canonical import arguments_of, canonical, version
from operators.language.count_slots import measure_of
from operators.language.dates import next_period, zone_of
from operators.language.durations import format_duration
from operators.language.edge_slots import LatestSlot
from operators.language.expressions import COMPILE, Value, calls_of, gives_duration
from operators.language.feeds import Comparison, Feed, Rule, Rules
from operators.language.nodes import Call, Computed, Node, On, walk
from operators.language.period_slots import PeriodSlot, with_longest
from operators.language.same_slots import SameSlot
from operators.language.slots import Compared, Handler, Slot, TimerSlot
from operators.plan.checked import Segment
from schemas.errors import Finding, FindingsError
from schemas.person import SLOT_MASK, Person, new_person

AnySlot = TypeVar("AnySlot", bound=Slot)
AnyTimer = TypeVar("AnyTimer", bound=TimerSlot)


def compile_rules(segments: tuple[Segment, ...], zone: ZoneInfo, about: Iterable[str] = (), *, only: frozenset[int] | None = None) -> Rules:
    """The compiled segments, in the order given, which must be that of evaluation, each behind the conditions that it holds; for those of
    `about`, the events that they are about are kept too. With `only` events are brought into the slots of these numbers alone.
    FindingsError where a person would have to hold more slots than it can."""
    every = _with_conditions(segments)
    context = Context(zone, every, only)
    for segment in every:
        context.rule(segment)
    for id in about:
        context.about(id)
    if len(context.rules.slots) > SLOT_MASK:
        raise FindingsError([Finding("segments.yaml", 1, 1, f"a plan must need at most {SLOT_MASK} slots; got {len(context.rules.slots)}")])
    context.settle()
    return context.rules


def _with_conditions(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The segments, each behind the hidden ones that the conditions of its `held(...)` make: each once, the inner before the outer."""
    found: dict[str, Segment] = {}
    for segment in segments:
        _conditions(segment.when, found, set())
        found[segment.id] = segment
    return tuple(found.values())


def _conditions(node: Node, found: dict[str, Segment], seen: set[str]) -> None:
    for here, _ in walk(node):
        if isinstance(here, Computed):
            _conditions(here.node, found, seen)
        elif isinstance(here, Call) and here.name == "held" and (id := condition(here)) not in seen:
            seen.add(id)
            _conditions(here["rule"], found, seen)
            found.setdefault(id, Segment(id, "", here["rule"], version(here["rule"])))


class Context:
    """What is shared while the rules of a plan are compiled: the slots found so far, and the rule at hand."""

    def __init__(self, zone: ZoneInfo, segments: tuple[Segment, ...] = (), only: frozenset[int] | None = None) -> None:
        self.zone = zone
        self.segments = segments
        self.numbers = {segment.id: no for no, segment in enumerate(segments)}
        self.only = only
        self.rules = Rules()
        self._slots: dict[Any, Any] = {}
        self._bit = 0
        self._timers: dict[int, TimerSlot] = {}
        self._personal = 0
        self.mismatched = self.rules.mismatched
        """Where the comparisons that are compiled count what they meet."""
        self._events: tuple[str, ...] = ()
        self.over_items = False
        """True while an expression over the items of a list is compiled."""

    def rule(self, segment: Segment) -> None:
        """Compiles one segment."""
        no = len(self.rules.rules)
        self._bit = 1 << no
        self._timers = {}
        test = self.value(segment.when, ())
        hidden = segment.id.startswith(HIDDEN)
        calls = () if hidden else tuple((canonical(node), self._shown(node)) for node in calls_of(segment.when))
        self.rules.rules.append(Rule(no, segment.id, segment.version, test, tuple(self._timers.values()), calls, hidden=hidden))

    def about(self, id: str) -> None:
        """Keeps the latest of the events that the segment is about: those of the first call over events in its rule."""
        self._bit = 0
        # What is only shown is looked at once more: its comparisons of two kinds are not counted again.
        self.mismatched = Counter()
        call = self._first_call(self.segments[self.numbers[id]].when)
        on = _events_of(call) if call is not None else None
        for name in on.events if on is not None else ():
            where = (("where", on.where),) if on is not None and on.where is not None else ()
            one = Call("last", (("events", (name,)), ("property", ()), *where))
            slot = self.slot(LatestSlot, one, ())
            self.rules.about.setdefault(id, []).append((name, slot))

    def _first_call(self, node: Node) -> Call | None:
        for call in calls_of(node, inner=True):
            if isinstance(call, Call) and _events_of(call) is not None:
                return call
            if isinstance(call, Call) and call.name in ("segment", "in_segment_for"):
                found = self._first_call(self.segments[self.numbers[call["id"]]].when)
                if found is not None:
                    return found
        return None

    def _shown(self, node: Node) -> Value:
        """The closure that gives what `why` shows of a call: a duration written out, a count as far as it is kept."""
        # As in `about`.
        self.mismatched = Counter()
        value = self.value(node, ())
        self.mismatched = self.rules.mismatched
        if isinstance(node, Call) and node.name == "count":
            showing: Value = self.slot(measure_of(node), node, ()).showing()
            return showing
        if not gives_duration(node):
            return value

        def duration(p: Person, now: int) -> str | None:
            ms = value(p, now)
            return None if ms is None else format_duration(ms)

        return duration

    def look(self, node: Node) -> Value:
        """The closure that gives what `why` shows of a part of a rule that is compiled; nothing more is kept of a person for it."""
        self._bit = 0
        return self._shown(node)

    def settle(self) -> None:
        """Ends the compilation: the uses of each slot are known."""
        self.rules.look = self.look
        for slot in self.rules.slots:
            slot.settle()
        self.rules.settle_feeds()
        nobody = new_person("")
        for rule in self.rules.rules:
            if self._personal >> rule.no & 1 or rule.test(nobody, 0) is True:
                self.rules.birth |= 1 << rule.no
        self.rules.mismatched.clear()

    def value(self, node: Node, compared: Compared = None) -> Value:
        """The closure of a node; `compared` tells what its value is compared with, None for any other use."""
        return COMPILE[type(node)](self, node, compared)

    def where(self, events: tuple[str, ...], test: Node | None) -> Value | None:
        """The closure of an expression over the properties of these events; None where there is none."""
        if test is None:
            return None
        before, self._events = self._events, events
        value = self.value(test)
        self._events = before
        return value

    def comparison(self, node: Node) -> Comparison:
        """What a comparison is counted as in `mismatched`."""
        return () if self.over_items else self._events, canonical(node)

    def item(self, node: Node) -> Value:
        """The closure of an expression over the items of a list."""
        before, self.over_items = self.over_items, True
        value = self.value(node)
        self.over_items = before
        return value

    def calendar(self) -> ZoneInfo:
        """The plan's time zone, for a rule that hangs on the calendar where the person is."""
        self.personal()
        self.trait("timezone")
        return self.zone

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

    def consent(self) -> None:
        """The rule at hand reads a consent."""
        self.rules.consents |= self._bit

    def slot(self, measure: type[AnySlot], call: Call, compared: Compared) -> Any:
        """The slot of a call over events, shared with all that need the same: of the measure, or one that looks at its part."""
        key = (measure, arguments_of(call))
        slot = self._slots.get(key)
        if call["this"] is not None:
            period, zone = call["this"], self.calendar()
            self.timer(TimerSlot, period, lambda p, now: next_period(now, period, zone_of(p, zone)))
        if slot is None:
            whole = call if call["this"] is None else with_longest(call)
            slot = measure(len(self.rules.slots), whole, self)
            # These have what their measure has.
            if call["same"] is not None:
                slot = SameSlot(slot, whole, self)
            if call["this"] is not None:
                slot = PeriodSlot(slot, whole, self)
            slot.key = self._told(call)
            self._slots[key] = slot
            self.rules.slots.append(slot)
            if self.only is None or slot.no in self.only:
                self._feed(slot, call)
        slot.mask |= self._bit
        slot.compared(compared)
        return slot

    def timer(self, kind: type[AnyTimer], key: str, ask: Callable[[Person, int], int | None], compared: Compared = None) -> None:
        """A timer slot, shared by its key: `ask` gives the next boundary after an instant, or what a duration counts from."""
        timer = self._slots.get((kind, key))
        if timer is None:
            timer = kind(len(self.rules.slots), ask, self)
            timer.key = key
            self._slots[kind, key] = timer
            self.rules.slots.append(timer)
        timer.mask |= self._bit
        timer.compared(compared)
        self._timers[timer.no] = timer

    def _feed(self, slot: Slot, call: Call) -> None:
        for step in call["steps"] or ():
            for name in step.on.events:
                paths = self._place(name).paths
                if slot not in paths:
                    paths.append(slot)  # type: ignore[arg-type]  # a call with steps has a slot of a path
        where: Node | None = None if slot.asks else call["where"]
        events: tuple[str, ...] = call["events"] or ()
        test = self.where(events, where)
        add = self._between(slot.add, call)
        for name in events:
            self._place(name).take(add, where, test, events)
        for on, follow in ((call["after"], slot.follow), (call["as_"], slot.choose)):
            self._follow(on, follow)

    def _told(self, call: Call) -> str:
        """The arguments of a call that looks at events, as a text that means the same in every plan."""
        bounds = [instant_of(call[name], self.zone) for name in ("from_", "until") if call[name] is not None]
        return ", ".join([f"{name}={text}" for name, text in arguments_of(call)] + list(map(str, bounds)))

    def _follow(self, on: On | None, follow: Handler) -> None:
        if on is not None:
            test = self.where(on.events, on.where)
            for name in on.events:
                self._place(name).followers.append((test, follow))

    def _between(self, add: Handler, call: Call) -> Handler:
        """The handler, for events from `from_` on and before `until` alone."""
        bounds = [instant_of(call[name], self.zone) if call[name] is not None else None for name in ("from_", "until")]
        if bounds == [None, None]:
            return add
        low, high = (end if bound is None else bound for bound, end in zip(bounds, (EARLIEST, LATEST + 1), strict=True))
        return lambda p, t, n, properties, now: add(p, t, n, properties, now) if low <= t < high else 0

    def _place(self, name: str) -> Feed:
        if name.endswith("*"):
            return self.rules.stars.setdefault(name[:-1], Feed())
        return self.rules.feeds.setdefault(name, Feed())


def _events_of(call: Call) -> On | None:
    """The events that a call is about: of steps those of the last that was done."""
    if call["steps"] is not None:
        return [step.on for step in call["steps"] if not step.negated][-1]  # type: ignore[no-any-return]  # a tuple of Step
    return On(call["events"], call["where"]) if call["events"] is not None else None
