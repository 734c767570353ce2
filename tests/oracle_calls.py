"""What rules mean: the value of each node and call for a person at an instant, computed from the whole history. See `tests/oracle.py`.

A further call is a line in `CALLS`; where time alone may change it, its durations are found by `spans` or its instants by `turns`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import operator as o
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from functools import cache, reduce
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from operators.language import nodes as n
from tests.oracle_consent import consents
from tests.oracle_identity import Identifier
from tests.oracle_traits import traits_of

STAMP = re.compile(r"\d{4}-\d\d-\d\d(?P<clock>[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER, DAY = 15 * 60 * 1000, 24 * 60 * 60 * 1000
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DATES = {"anniversary", "today", "weekday", "day", "month"}
MILLION = 10**6
KINDS = {bool: "boolean", int: "number", float: "number", str: "string", tuple: "duration", list: "list", dict: "object"}
"""Of each value but None, in the order in which values of two kinds stand; a duration is a tuple of its milliseconds."""


@dataclass(frozen=True)
class Event:
    """A usable record; `arrival` is its place among all records, `cause` what a transition names it by."""

    t: int
    arrival: int
    name: str | None
    type: str
    person: str
    id: str
    cause: str
    properties: dict[str, Any]
    clamped: bool
    carried: tuple[Identifier, ...] = ()
    """The identifiers that count, the highest first."""
    previous: str | None = None
    """Of an alias or unmerge: the other person."""
    source: str | None = None


@dataclass
class Person:
    """A person, looked at `now`. Events by time, then arrival; the last entries to segments, conditions held and campaigns (by key); times
    of triggers."""

    id: str
    zone: ZoneInfo
    """The plan's."""
    clock: int
    now: int = 0
    here: Any = None
    """What bare names are of: the properties of the event at hand inside `where`, the item at hand over the items of a list."""
    events: list[Event] = field(default_factory=list)
    entered: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    admitted: dict[tuple[str, str], int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    policies: Mapping[str, Any] = field(default_factory=dict)
    """The plan's survivorship."""

    def value(self, rule: n.Node) -> Any:
        return NODES[type(rule)](rule, self)

    def holds(self, rule: n.Node) -> bool:
        return self.value(rule) is True

    def inside(self, here: Any, rule: n.Node) -> Any:
        """The value of an expression over `here`."""
        outer, self.here = self.here, here
        value = self.value(rule)
        self.here = outer
        return value

    def is_about(self, event: Event, names: Sequence[str], where: n.Node | None) -> bool:
        return named(event, names) and (where is None or self.inside(event.properties, where) is True)

    def traits(self) -> dict[str, Any]:
        """The value that counts of each; null takes one away."""
        return traits_of([e for e in self.events if e.type == "identify"], self.policies)

    def matching(self, names: Sequence[str], where: n.Node | None) -> list[Event]:
        """The events of these names of the whole history, by time, then arrival."""
        return [e for e in self.events if self.is_about(e, names, where)]

    def found(self, call: n.Call, where: n.Node | None) -> list[Event]:
        """The events that `where` and the filters of a call keep."""
        start, end = (instant(call[filter_], self.zone) for filter_ in ("from_", "until"))
        found = [e for e in self.matching(call["events"], where) if (start is None or start <= e.t) and (end is None or e.t < end)]
        found = [e for e in found if call["within"] is None or self.now - call["within"] < e.t <= self.now]
        found = [e for e in found if call["this"] is None or self.period(call["this"], e.t) == self.period(call["this"], self.now)]
        if (after := call["after"]) is not None:
            marks = self.matching(after.events, after.where)
            found = [e for e in found if marks and (e.t, e.arrival) > (marks[-1].t, marks[-1].arrival)]
        if (as_ := call["as_"]) is not None:
            wanted = known(*(dig(e.properties, call["same"]) for e in reversed(self.matching(as_.events, as_.where))))
            found = [e for e in found if apply("==", dig(e.properties, call["same"]), wanted)]
        return found

    def values(self, call: n.Call) -> list[Any]:
        found = self.found(call, call["where"])
        return [value for e in found if (value := dig(e.properties, call["property"])) is not None]

    def since(self, *starts: int | None) -> tuple[int] | None:
        return None if (start := known(*starts)) is None else (self.now - start,)

    def seen(self, call: n.Call, ago: int, before: int) -> bool:
        """Whether an event of the call lies in the `before` ms that ended `ago` ms ago."""
        return any(self.now - ago - before < e.t <= self.now - ago for e in self.matching(call["events"], call["where"]))

    def place(self) -> tzinfo:
        """The time zone of the person."""
        name = self.traits().get("timezone")
        return ZoneInfo(name) if isinstance(name, str) and name in available() else self.zone

    def period(self, kind: str, t: int) -> tuple[int, ...]:
        """The day, week, month or year of the person that holds an instant."""
        there = local(t, self.place())
        week = tuple(there.isocalendar()[:2])
        return {"day": (there.year, there.month, there.day), "week": week, "month": (there.year, there.month), "year": (there.year,)}[kind]

    def local(self, ahead: int = 0) -> datetime:
        """What calendar and clock of the person show, `ahead` ms from now."""
        return local(self.now + ahead, self.place())


# --- values ---------------------------------------------------------------------------------------------------------------------------


def known(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


def dig(value: Any, path: tuple[str, ...]) -> Any:
    return reduce(lambda box, step: box.get(step) if isinstance(box, dict) else None, path, value)


def bucket(name: str, person: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode() + b"\0" + person.encode()).digest()[:8], "big") / 2**64


def named(event: Event, patterns: Sequence[str]) -> bool:
    return event.name is not None and any(event.name.startswith(p[:-1]) if p.endswith("*") else event.name == p for p in patterns)


def kind(value: Any) -> str | None:
    return KINDS.get(type(value))


def shape(value: Any) -> Any:
    """A value with the kind of each of its parts: 1 and 1.0 are one, and 1, true and "1" are three."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [*map(shape, value)] if isinstance(value, list) else (kind(value), value)


def different(values: Sequence[Any]) -> list[Any]:
    """Each value once, in their order."""
    return [value for i, value in enumerate(values) if shape(value) not in map(shape, values[:i])]


def rank(value: Any) -> tuple[int, Any]:
    """Orders values: by kind, then as the kind does, lists and objects by their JSON text."""
    text = kind(value) in ("list", "object") and json.dumps(plain(value), sort_keys=True, ensure_ascii=False)
    return [*KINDS.values()].index(kind(value) or ""), text or value


def plain(value: Any) -> Any:
    """A value, its whole numbers without a fraction."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [*map(plain, value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def most(values: Sequence[Any]) -> Any:
    """The most frequent, of equals the smallest."""
    shapes = [*map(shape, values)]
    return min(values, key=lambda value: (-shapes.count(shape(value)), rank(value)), default=None)


def millionths(values: Sequence[Any]) -> list[int]:
    """The numbers among the values, each in millionths, the nearest (of two the even one)."""
    return [round(Fraction(value) * MILLION) for value in values if kind(value) == "number"]


def number(total: int | None) -> int | float | None:
    """So many millionths."""
    return None if total is None else total / MILLION if total % MILLION else total // MILLION


def apply(op: str, left: Any, right: Any) -> Any:
    """What an operator or a method gives."""
    kinds = (kind(left), kind(right))
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right) if kinds == ("number", "number") and (op, right) != ("/", 0) else None
    if op == "lower":
        return left.lower() if kinds[0] == "string" else None
    if op in METHODS:
        return kinds == ("string", "string") and METHODS[op](left, right)
    if op in ("in", "not in"):
        hits = [apply("==" if op == "in" else "!=", left, each) for each in right] if kinds[1] == "list" else [False]
        return any(hits) if op == "in" else all(hits)
    if op in ("==", "!="):
        return None not in kinds and kinds[0] == kinds[1] and (shape(left) == shape(right)) == (op == "==")
    return kinds[0] == kinds[1] and kinds[0] not in (None, "list", "object") and ORDER[op](left, right)


def of_items(call: n.Call, person: Person) -> list[Any] | None:
    """What an expression gives for each item of a list; None where that is none."""
    items = person.value(call["list"])
    return [person.inside(item, call["item"]) for item in items] if isinstance(items, list) else None


def is_true(value: Any) -> bool:
    return value is True


# --- instants and days ----------------------------------------------------------------------------------------------------------------


def instant(value: Any, zone: tzinfo | None = None) -> int | None:
    """The instant in a number of ms, an RFC 3339 date and time (UTC without an offset), or where `zone` is given a date (its midnight)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.floor(value)
    if not isinstance(value, str) or not (found := STAMP.fullmatch(value)) or not (found["clock"] or zone):
        return None
    try:
        at = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC if found["clock"] else zone)) - EPOCH) // timedelta(milliseconds=1)


def local(t: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(milliseconds=t)).astimezone(zone)


def day(value: Any, zone: tzinfo) -> date | None:
    """The day that a date names, or that in the zone which holds an instant."""
    is_date = isinstance(value, str) and len(value) == len("2026-01-05")
    at, there = instant(value, UTC) if is_date else instant(value), UTC if is_date else zone
    try:
        return None if at is None else local(at, there).date()
    except OverflowError:
        return None


@cache
def start(day: date, zone: tzinfo) -> int:
    """The first instant of a day; clocks change on quarters of an hour."""
    there = (datetime(day.year, day.month, day.day, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    return next(t for t in range(there - DAY, there + 2 * DAY, QUARTER) if local(t, zone).date() >= day)


def next_day(day: date) -> date:
    return day + timedelta(days=1)


def in_year(day: date, year: int) -> date:
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) and not is_leap(year) else day.replace(year=year)


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def anniversary(call: n.Call, person: Person) -> bool:
    zone, before = person.place(), call["within"] or 0
    if (first := day(person.value(call["x"]), zone)) is None:
        return False
    years = range(max(first.year + 1, person.local().year), person.local(before).year + 1)
    returns = [in_year(first, year) for year in years]
    return any(start(there, zone) - before <= person.now < start(next_day(there), zone) for there in returns)


@cache
def available() -> set[str]:
    return available_timezones()


# --- shapes of behaviour --------------------------------------------------------------------------------------------------------------


def regularly(call: n.Call, person: Person) -> bool:
    periods = [person.seen(call, i * call["every"], call["every"]) for i in range(call["of"])]
    return bool(sum(periods) >= call["at_least"])


def stopped(call: n.Call, person: Person) -> bool:
    return not person.seen(call, 0, call["silent"]) and person.seen(call, call["silent"], call["active"])


def restarted(call: n.Call, person: Person) -> bool:
    found = person.matching(call["events"], call["where"])
    breaks = [e for before, e in itertools.pairwise(found) if e.t - before.t >= call["silent"]]
    return any(person.now - call["within"] < e.t <= person.now for e in breaks)


def first_time(call: n.Call, person: Person) -> bool:
    return any(person.now - call["within"] < e.t <= person.now for e in person.matching(call["events"], call["where"])[:1])


def chain(call: n.Call, person: Person) -> bool:
    """Of sequence and funnel: events of the steps, each behind the one before, and none between them that must not be there."""
    events, within = person.events, math.inf if call["within"] is None else call["within"]
    steps = [
        (step.negated, {i for i, e in enumerate(events) if person.is_about(e, step.on.events, step.on.where)}) for step in call["steps"]
    ]
    for first in steps[0][1]:
        reached, barred = {first}, set[int]()
        for negated, found in steps[1:]:
            if negated:
                barred |= found
            else:
                reached, barred = {i for i in found if any(clear(barred, j, i) for j in reached)}, set()
        ends = [events[i].t for i in reached if clear(barred, i, len(events))]
        if any(t - events[first].t < within and person.now - within < t for t in ends):
            return True
    return False


def clear(barred: set[int], first: int, last: int) -> bool:
    return first < last and not any(first < i < last for i in barred)


def spans(call: n.Call) -> set[int]:
    """The durations after which a call's value may change, and more."""
    given = {name: value for name, value in call.arguments if isinstance(value, int)}
    return {*given.values(), sum(given.values()), *(i * given.get("every", 0) for i in range(given.get("of", 0) + 1))}


def turns(calls: Sequence[n.Call], person: Person) -> set[int]:
    """The next instants at which a day begins, or an anniversary or an hour, where calls look at those; and more."""
    names, zone = {call.name for call in calls}, person.place()
    ahead = {0, *(call["within"] or 0 for call in calls if call.name == "anniversary")}
    dated = names & DATES or any(call["this"] for call in calls)
    days = {start(next_day(person.local(by).date()), zone) - by for by in ahead} if dated else set()
    return days | ({person.now // QUARTER * QUARTER + QUARTER} if "hour" in names else set())


def score(call: n.Call, person: Person) -> Any:
    told = [e.properties for e in reversed(person.events) if (e.type, e.name) == ("track", "Scored")]
    told = [each for each in told if apply("==", each.get("model"), call["model"])]
    return known(*(each["score"] for each in told if kind(each.get("score")) == "number" and 0 <= each["score"] <= 1))


CALLS: dict[str, Callable[[n.Call, Person], Any]] = {
    "count": lambda call, person: len(person.found(call, call["where"])),
    "did": lambda call, person: len(person.found(call, call["where"])) >= 1,
    "since": lambda call, person: person.since(*(e.t for e in reversed(person.found(call, call["where"])))),
    "since_first": lambda call, person: person.since(*(e.t for e in person.found(call, call["where"]))),
    "first": lambda call, person: known(*person.values(call)),
    "last": lambda call, person: known(*reversed(person.values(call))),
    "sum": lambda call, person: number(sum(millionths(person.values(call)))),
    "avg": lambda call, person: sum(told) / (MILLION * len(told)) if (told := millionths(person.values(call))) else None,
    "min": lambda call, person: number(min(millionths(person.values(call)), default=None)),
    "max": lambda call, person: number(max(millionths(person.values(call)), default=None)),
    "distinct": lambda call, person: len(different(person.values(call))),
    "most": lambda call, person: most(person.values(call)),
    "unique": lambda call, person: different(person.values(call)[::-1]),
    "latest": lambda call, person: any(person.is_about(e, ("*",), call["where"]) for e in person.found(call, None)[-1:]),
    "regularly": regularly,
    "stopped": stopped,
    "restarted": restarted,
    "first_time": first_time,
    "sequence": chain,
    "funnel": chain,
    "held": lambda call, person: (at := person.held.get(repr(call["rule"]))) is not None and person.now - at >= call["at_least"],
    "age": lambda call, person: person.since(instant(person.value(call["x"]), person.zone)),
    "today": lambda call, person: day(person.value(call["x"]), person.place()) == person.local().date(),
    "anniversary": anniversary,
    "weekday": lambda call, person: DAYS[person.local().weekday()],
    "day": lambda call, person: person.local().day,
    "month": lambda call, person: person.local().month,
    "hour": lambda call, person: person.local().hour,
    "segment": lambda call, person: call["id"] in person.entered,
    "in_segment_for": lambda call, person: person.since(person.entered.get(call["id"])),
    "score": score,
    "computed": lambda call, person: person.value(call["name"]),
    "consent": lambda call, person: consents(person.events, call["topic"]),
    "any": lambda call, person: any(map(is_true, of_items(call, person) or [])),
    "all": lambda call, person: (told := of_items(call, person)) is not None and all(map(is_true, told)),
    "total": lambda call, person: None if (told := of_items(call, person)) is None else number(sum(millionths(told))),
    "coalesce": lambda call, person: known(*map(person.value, call["items"])),
    "has": lambda call, person: person.value(call["x"]) not in (None, "", [], {}),
    "len": lambda call, person: len(x) if kind(x := person.value(call["x"])) in ("string", "list", "object") else None,
    "bucket": lambda call, person: bucket(call["name"], person.id),
    "everyone": lambda call, person: True,
}
NODES: dict[type[n.Node], Callable[[Any, Person], Any]] = {
    n.Const: lambda rule, person: rule.value,
    n.Duration: lambda rule, person: (rule.ms,),
    n.ListOf: lambda rule, person: [*map(person.value, rule.items)],
    n.Prop: lambda rule, person: dig(person.here, rule.path),
    n.Item: lambda rule, person: dig(person.here, rule.path),
    n.Trait: lambda rule, person: dig(person.traits(), rule.path),
    n.Computed: lambda rule, person: person.value(rule.node),
    n.And: lambda rule, person: all(map(person.holds, rule.items)),
    n.Or: lambda rule, person: any(map(person.holds, rule.items)),
    n.Not: lambda rule, person: not person.holds(rule.item),
    n.If: lambda rule, person: person.value(rule.then if person.holds(rule.test) else rule.other),
    n.Compare: lambda rule, person: apply(rule.op, person.value(rule.left), person.value(rule.right)),
    n.In: lambda rule, person: apply("not in" if rule.negated else "in", person.value(rule.item), person.value(rule.box)),
    n.IsNone: lambda rule, person: (person.value(rule.item) is None) != rule.negated,
    n.Arith: lambda rule, person: apply(rule.op, person.value(rule.left), person.value(rule.right)),
    n.Neg: lambda rule, person: apply("-", 0, person.value(rule.item)),
    n.Method: lambda rule, person: apply(rule.name, person.value(rule.item), rule.argument and person.value(rule.argument)),
    n.Call: lambda rule, person: CALLS[rule.name](rule, person),
}
ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": o.lt, "<=": o.le, ">": o.gt, ">=": o.ge}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": o.add, "-": o.sub, "*": o.mul, "/": o.truediv}
METHODS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": o.contains,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}


def parts(tree: Any) -> Iterator[n.Node]:
    """Every node of a rule, each before those inside it."""
    if isinstance(tree, n.Node):
        yield tree
    if is_dataclass(tree):
        tree = tuple(getattr(tree, part.name) for part in fields(tree))
    for item in tree if isinstance(tree, tuple) else ():
        yield from parts(item)
