"""`compile_rules`: the segments of a plan to slots and closures.

An event finds its slots by its name, a slot names the rules computed from it, and a rule is computed only when one of its slots, traits or
segments may have changed its truth. A rule is a tree of closures `(person, now) -> value`; a `where` the same over `(properties, now)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from operators.language.calls import CALLS
from operators.language.canonical import canonical
from operators.language.durations import format_duration
from operators.language.kinds import COMPARE, FLIPPED, equal
from operators.language.nodes import (
    And,
    Arith,
    Call,
    Compare,
    Const,
    Duration,
    If,
    In,
    IsNone,
    ListOf,
    Method,
    Neg,
    Node,
    Not,
    Or,
    Prop,
    Trait,
)
from operators.language.patterns import compile_pattern
from operators.language.slots import Compared, CountSlot, Slot, Source, TimerSlot, at_path
from operators.plan.checked import Segment
from schemas.errors import Finding, FindingsError
from schemas.person import SLOT_MASK, Person, new_person

AnySlot = TypeVar("AnySlot", bound=Slot)
Value = Callable[[Any, int], Any]
"""A compiled expression: of a person (or, in `where`, of properties) and an instant in ms."""


@dataclass(slots=True)
class Rule:
    """A compiled segment. `dependents` is the mask of the rules that refer to it, `calls` what `why` shows of it."""

    no: int
    id: str
    version: str
    test: Value
    timers: tuple[TimerSlot, ...]
    calls: tuple[tuple[str, Value], ...]
    dependents: int = 0


@dataclass(slots=True)
class Feed:
    """The slots of one event name.

    `always` without `where`; `filtered` with one; `keyed` by the value of a property where the `where` is nothing but `property == 'text'`,
    so that an event looks at the slots of its own value and at no others; `followers` have the name in their `after`.
    """

    always: list[Slot] = field(default_factory=list)
    filtered: list[Slot] = field(default_factory=list)
    keyed: dict[tuple[str, ...], dict[str, list[Slot]]] = field(default_factory=dict)
    followers: list[Slot] = field(default_factory=list)


@dataclass(slots=True)
class Rules:
    """All segments of a plan, compiled. `birth` is the mask of the rules that can hold for a person of whom nothing is known."""

    rules: list[Rule] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    feeds: dict[str, Feed] = field(default_factory=dict)
    named: dict[str, Feed] = field(default_factory=dict)
    stars: dict[str, Feed] = field(default_factory=dict)
    traits: dict[str, int] = field(default_factory=dict)
    birth: int = 0

    def feed(self, name: str) -> Feed:
        """The slots of an event name: its own, and those of the stars that it begins with."""
        feed = self.feeds.get(name)
        if feed is None:
            if len(self.feeds) > len(self.named) + _MOST_NAMES:
                self.feeds = dict(self.named)
            feed = self.feeds[name] = self._starred(name, _NOTHING)
        return feed

    def settle_feeds(self) -> None:
        """Called once, when all slots are known: names that stars begin take over their slots."""
        for name, feed in list(self.feeds.items()):
            self.feeds[name] = self._starred(name, feed)
        self.named = dict(self.feeds)

    def _starred(self, name: str, own: Feed) -> Feed:
        feeds = [feed for prefix, feed in self.stars.items() if name.startswith(prefix)]
        return merged([own, *feeds]) if feeds else own


_NOTHING = Feed()
_MOST_NAMES = 10_000
"""Names that no rule writes out are remembered up to this number."""


def merged(feeds: list[Feed]) -> Feed:
    """One feed with the slots of all, each once."""
    result = Feed()
    for feed in feeds:
        for mine, theirs in ((result.always, feed.always), (result.filtered, feed.filtered), (result.followers, feed.followers)):
            mine.extend(slot for slot in theirs if slot not in mine)
        for path, values in feed.keyed.items():
            for text, slots in values.items():
                kept = result.keyed.setdefault(path, {}).setdefault(text, [])
                kept.extend(slot for slot in slots if slot not in kept)
    return result


def compile_rules(segments: tuple[Segment, ...], zone: ZoneInfo) -> Rules:
    """The compiled segments, in the order given, which must be that of evaluation. FindingsError where they need more slots than a person
    can hold."""
    context = Context(zone, {segment.id: no for no, segment in enumerate(segments)})
    for segment in segments:
        context.rule(segment)
    if len(context.rules.slots) > SLOT_MASK:
        raise FindingsError([Finding("segments.yaml", 1, 1, f"a plan must need at most {SLOT_MASK} slots; got {len(context.rules.slots)}")])
    context.settle()
    return context.rules


class Context:
    """What is shared while the rules of a plan are compiled: the slots found so far, and the rule at hand."""

    def __init__(self, zone: ZoneInfo, numbers: dict[str, int]) -> None:
        self.zone = zone
        self.numbers = numbers
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

    def _shown(self, node: Node) -> Value:
        """The closure that gives what `why` shows of a call: a duration written out, a count as far as it is kept."""
        value = self.value(node, ())
        if isinstance(node, Call) and node.name == "count":
            slot = self.slot(CountSlot, node, ())
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
        return _COMPILE[type(node)](self, node, compared)

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
            feed = self._place(name)
            match where:
                case None:
                    feed.always.append(slot)
                case Compare("==", Prop(path), Const(str() as text)) | Compare("==", Const(str() as text), Prop(path)):
                    feed.keyed.setdefault(path, {}).setdefault(text, []).append(slot)
                case _:
                    feed.filtered.append(slot)
        for name in source.after or ():
            self._place(name).followers.append(slot)

    def _place(self, name: str) -> Feed:
        if name.endswith("*"):
            return self.rules.stars.setdefault(name[:-1], Feed())
        return self.rules.feeds.setdefault(name, Feed())


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly inside a node over the person, in the order written; those of a call's `where` are over an event and left
    out."""
    match node:
        case And(items) | Or(items) | ListOf(items):
            return items
        case Not(item) | Neg(item) | IsNone(item):
            return (item,)
        case If(test, then, other):
            return (then, test, other)
        case Compare(_, left, right) | Arith(_, left, right):
            return (left, right)
        case In(item, box):
            return (item, box)
        case Method(_, item, argument):
            return (item,) if argument is None else (item, argument)
        case Call(name, arguments):
            kinds = {parameter.name: parameter.kind for parameter in CALLS[name].parameters}
            values = [(value,) if kinds[key] == "value" else value for key, value in arguments if kinds[key] in ("value", "values")]
            return tuple(item for items in values for item in items)
    return ()


def calls_of(node: Node) -> list[Node]:
    """The calls and traits of a rule, outermost, each once: what `why` shows."""
    found: dict[Node, None] = {}
    queue = [node]
    while queue:
        here = queue.pop(0)
        if isinstance(here, (Call, Trait)):
            found[here] = None
        else:
            queue[:0] = children(here)
    return list(found)


def gives_duration(node: Node) -> bool:
    """True where the value of a call is a duration (of `coalesce`: where its first argument's is)."""
    if not isinstance(node, Call):
        return isinstance(node, Duration)
    gives = CALLS[node.name].gives
    return gives == "duration" or (gives is None and any(map(gives_duration, children(node)[:1])))


def _constants(node: Node) -> tuple[float, ...] | None:
    """The numbers or durations that a literal or a list of literals stands for; None where it is something else."""
    match node:
        case Const(bool()):
            return ()
        case Const(int() | float() as number):
            return (number,)
        case Const():
            return ()
        case Duration(ms):
            return (ms,)
        case Neg(Const(int() | float() as number)):
            return (-number,)
        case ListOf(items):
            inner = [_constants(item) for item in items]
            return None if None in inner else tuple(number for numbers in inner for number in numbers or ())
    return None


def _compared(operator: str, other: Node) -> Compared:
    numbers = _constants(other)
    return None if numbers is None else tuple((operator, number) for number in numbers)


def _const(context: Context, node: Const | Duration, compared: Compared) -> Value:
    value = node.value if isinstance(node, Const) else node.ms
    return lambda _subject, _now: value


def _list(context: Context, node: ListOf, compared: Compared) -> Value:
    items = [context.value(item) for item in node.items]
    return lambda subject, now: [item(subject, now) for item in items]


def _prop(context: Context, node: Prop, compared: Compared) -> Value:
    if len(node.path) == 1:
        name = node.path[0]
        return lambda properties, _now: properties.get(name)
    path = node.path
    return lambda properties, _now: at_path(properties, path)


def _trait(context: Context, node: Trait, compared: Compared) -> Value:
    name, rest = node.path[0], node.path[1:]
    context.trait(name)

    def trait(p: Person, now: int) -> Any:
        kept = p.traits.get(name)
        return None if kept is None else at_path(kept[1], rest)

    return trait


def _and(context: Context, node: And, compared: Compared) -> Value:
    items = [context.value(item, ()) for item in node.items]
    if len(items) == 2:
        first, second = items
        return lambda subject, now: first(subject, now) is True and second(subject, now) is True

    def every(subject: Any, now: int) -> bool:
        for item in items:
            if item(subject, now) is not True:
                return False
        return True

    return every


def _or(context: Context, node: Or, compared: Compared) -> Value:
    items = [context.value(item, ()) for item in node.items]

    def some(subject: Any, now: int) -> bool:
        for item in items:
            if item(subject, now) is True:
                return True
        return False

    return some


def _not(context: Context, node: Not, compared: Compared) -> Value:
    item = context.value(node.item, ())
    return lambda subject, now: item(subject, now) is not True


def _if(context: Context, node: If, compared: Compared) -> Value:
    test, then, other = context.value(node.test, ()), context.value(node.then, compared), context.value(node.other, compared)
    return lambda subject, now: then(subject, now) if test(subject, now) is True else other(subject, now)


def _compare(context: Context, node: Compare, compared: Compared) -> Value:
    left = context.value(node.left, _compared(node.op, node.right))
    right = context.value(node.right, _compared(FLIPPED[node.op], node.left))
    compare = COMPARE[node.op]
    return lambda subject, now: compare(left(subject, now), right(subject, now))


def _in(context: Context, node: In, compared: Compared) -> Value:
    item, box, negated = context.value(node.item, _compared("==", node.box)), context.value(node.box), node.negated
    different = COMPARE["!="]

    def within(subject: Any, now: int) -> bool:
        value, values = item(subject, now), box(subject, now)
        if type(values) is not list:
            return False
        return all(different(value, other) for other in values) if negated else any(equal(value, other) for other in values)

    return within


def _is_none(context: Context, node: IsNone, compared: Compared) -> Value:
    item, negated = context.value(node.item, ()), node.negated
    return lambda subject, now: (item(subject, now) is None) is not negated


def _arith(context: Context, node: Arith, compared: Compared) -> Value:
    left, right, operator = context.value(node.left), context.value(node.right), node.op

    def arith(subject: Any, now: int) -> Any:
        a, b = left(subject, now), right(subject, now)
        if type(a) not in (int, float) or type(b) not in (int, float):
            return None
        try:
            if operator == "+":
                return a + b
            if operator == "-":
                return a - b
            return a * b if operator == "*" else a / b
        except (ZeroDivisionError, OverflowError):
            return None

    return arith


def _neg(context: Context, node: Neg, compared: Compared) -> Value:
    item = context.value(node.item)

    def neg(subject: Any, now: int) -> Any:
        value = item(subject, now)
        return -value if type(value) in (int, float) else None

    return neg


def _method(context: Context, node: Method, compared: Compared) -> Value:
    item = context.value(node.item)
    if node.argument is None:

        def lower(subject: Any, now: int) -> Any:
            text = item(subject, now)
            return text.lower() if type(text) is str else None

        return lower
    if node.name == "matches":
        assert isinstance(node.argument, Const)
        found = compile_pattern(str(node.argument.value))

        def matches(subject: Any, now: int) -> bool:
            text = item(subject, now)
            return type(text) is str and found(text)

        return matches
    argument, method = context.value(node.argument), _METHODS[node.name]

    def call(subject: Any, now: int) -> bool:
        text, part = item(subject, now), argument(subject, now)
        return type(text) is str and type(part) is str and method(text, part)

    return call


def _call(context: Context, node: Call, compared: Compared) -> Value:
    return CALLS[node.name].compile(context, node, compared)  # type: ignore[no-any-return]  # the row cannot name Value: the calls import this file


_METHODS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
}

_COMPILE: dict[type[Node], Callable[[Context, Any, Compared], Value]] = {
    Const: _const,
    Duration: _const,
    ListOf: _list,
    Prop: _prop,
    Trait: _trait,
    And: _and,
    Or: _or,
    Not: _not,
    If: _if,
    Compare: _compare,
    In: _in,
    IsNone: _is_none,
    Arith: _arith,
    Neg: _neg,
    Method: _method,
    Call: _call,
}
