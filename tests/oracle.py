"""The oracle: keeps every event of a person and recomputes every rule from the whole history, at each event and boundary.

Written from the specification of the language alone; all that it shares with the engine is the plan as it was read. No slots, timers, store
or batches: where the engine is quick, this is plain. A further call is a line in `CALLS`.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator as o
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

from operators.language import nodes as n
from operators.plan.checked import Campaign, Plan, Segment

Line = tuple[int, str, str, str, str]
"""Time in ms, person; then entered or exited, segment, cause; or trigger, campaign, template and address; or decision, campaign, reason."""

NAMES = {"identify": "Identified", "track": None, "page": "Page Viewed", "screen": "Screen Viewed", "group": None, "alias": None}
STAMPS = ("originalTimestamp", "sentAt", "receivedAt", "timestamp")
TEXTS = ("type", "messageId", "userId", "anonymousId", "event", "name", "category", *STAMPS)
STAMP = re.compile(r"\d{4}-\d\d-\d\d(?P<clock>[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {bool: "boolean", int: "number", float: "number", str: "string", tuple: "duration", list: "list", dict: "object"}
"""Of each value but None; a duration is a tuple of its milliseconds."""


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


@dataclass
class Outcome:
    """What came of an input: `sendings` are triggers and decisions, `rejects` have offset and reason."""

    transitions: list[Line] = field(default_factory=list)
    sendings: list[Line] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def instant(value: Any, zone: tzinfo | None = None) -> int | None:
    """The instant in a number of ms, an RFC 3339 date and time (UTC without an offset), or where `zone` is given a date (its midnight)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.floor(value)
    if not isinstance(value, str) or not (found := STAMP.fullmatch(value)) or not (found["clock"] or zone):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC if found["clock"] else zone)) - EPOCH) // timedelta(milliseconds=1)


def decode(line: bytes, arrival: int, log_ms: int | None, wall_ms: int | None) -> Event | str:
    """The event in a record, or the reason for which it is none."""
    try:
        record = json.loads(line.decode(), parse_constant=int)  # which refuses NaN
    except (ValueError, RecursionError):
        return "not_json"
    if not isinstance(record, dict):
        return "not_json"
    objects = {x: record.get(x) for x in ("properties", "traits")}
    if not all(isinstance(record.get(x), str | None) for x in TEXTS) or not all(isinstance(x, dict | None) for x in objects.values()):
        return "wrong_type"
    stamps = {x: instant(record[x]) for x in STAMPS if record.get(x) is not None}
    original, sent, received, stated = map(stamps.get, STAMPS)
    whole = None if original is None or sent is None or received is None else received - (sent - original)
    t = known(whole, stated, original, received, log_ms)
    refused = {
        "unknown_type": record.get("type") not in NAMES,
        "no_id": not (record.get("userId") or record.get("anonymousId")),
        "no_name": record.get("type") == "track" and not record.get("event"),
        "bad_time": None in stamps.values(),
        "no_time": t is None,
    }
    return known(*(reason for reason, is_so in refused.items() if is_so)) or placed(record, arrival, t, known(received, log_ms, wall_ms))


def placed(record: dict[str, Any], arrival: int, t: int, receipt: int | None) -> Event:
    """The event of a usable record; a time more than 5 minutes after the receipt becomes that of the receipt."""
    type_, own = record["type"], record.get("messageId")
    properties = record.get("traits" if type_ == "identify" else "properties") or {}
    if type_ in ("page", "screen"):
        properties = properties | {x: record[x] for x in ("name", "category") if record.get(x) is not None}
    told = [record.get(x) for x in ("type", "userId", "anonymousId", "event", "properties", "traits")]
    made = json.dumps([told, known(record.get("timestamp"), record.get("originalTimestamp"))])
    clamped = receipt is not None and t > receipt + 5 * 60 * 1000
    name, person = record["event"] if type_ == "track" else NAMES[type_], record.get("userId") or record["anonymousId"]
    return Event(known(receipt, t) if clamped else t, arrival, name, type_, person, own or made, own or "made", properties, clamped)


def known(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)


def dig(value: Any, path: tuple[str, ...]) -> Any:
    return reduce(lambda box, step: box.get(step) if isinstance(box, dict) else None, path, value)


def bucket(name: str, person: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode() + b"\0" + person.encode()).digest()[:8], "big") / 2**64


def named(event: Event, patterns: Sequence[str]) -> bool:
    return event.name is not None and any(event.name.startswith(p[:-1]) if p.endswith("*") else event.name == p for p in patterns)


def shape(value: Any) -> Any:
    """A value with the kind of each of its parts: 1 and 1.0 are one, and 1, true and "1" are three."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [*map(shape, value)] if isinstance(value, list) else (KINDS.get(type(value)), value)


def apply(op: str, left: Any, right: Any) -> Any:
    """What an operator or a method gives."""
    kinds = (KINDS.get(type(left)), KINDS.get(type(right)))
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


@dataclass
class Person:
    """A person, looked at `now`. Events by time, then arrival; the last entries to segments, and to campaigns by key; times of triggers."""

    id: str
    zone: ZoneInfo
    clock: int
    now: int = 0
    here: dict[str, Any] = field(default_factory=dict)
    """The properties of the event at hand, inside `where`."""
    events: list[Event] = field(default_factory=list)
    entered: dict[str, int] = field(default_factory=dict)
    admitted: dict[tuple[str, str], int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)

    def value(self, rule: n.Node) -> Any:
        return NODES[type(rule)](rule, self)

    def holds(self, rule: n.Node) -> bool:
        return self.value(rule) is True

    def is_about(self, event: Event, names: Sequence[str], where: n.Node | None) -> bool:
        self.here = event.properties
        return named(event, names) and (where is None or self.holds(where))

    def traits(self) -> dict[str, Any]:
        """The latest word on each; null takes one away."""
        return {name: value for e in self.events if e.type == "identify" for name, value in e.properties.items()}

    def found(self, call: n.Call) -> list[Event]:
        """The events that a call is about, by time, then arrival."""
        found = [e for e in self.events if self.is_about(e, call["events"], call["where"])]
        found = [e for e in found if call["within"] is None or self.now - call["within"] < e.t <= self.now]
        marks = [(e.t, e.arrival) for e in self.events if named(e, call["after"] or ())]
        return [e for e in found if call["after"] is None or (marks and (e.t, e.arrival) > marks[-1])]

    def values(self, call: n.Call) -> list[Any]:
        return [value for e in self.found(call) if (value := dig(e.properties, call["property"])) is not None]

    def since(self, *starts: int | None) -> tuple[int] | None:
        return None if (start := known(*starts)) is None else (self.now - start,)


CALLS: dict[str, Callable[[n.Call, Person], Any]] = {
    "count": lambda call, person: len(person.found(call)),
    "did": lambda call, person: len(person.found(call)) >= 1,
    "since": lambda call, person: person.since(*(e.t for e in reversed(person.found(call)))),
    "since_first": lambda call, person: person.since(*(e.t for e in person.found(call))),
    "first": lambda call, person: known(*person.values(call)),
    "last": lambda call, person: known(*reversed(person.values(call))),
    "age": lambda call, person: person.since(instant(person.value(call["x"]), person.zone)),
    "segment": lambda call, person: call["id"] in person.entered,
    "in_segment_for": lambda call, person: person.since(person.entered.get(call["id"])),
    "coalesce": lambda call, person: known(*map(person.value, call["items"])),
    "has": lambda call, person: person.value(call["x"]) not in (None, "", [], {}),
    "bucket": lambda call, person: bucket(call["name"], person.id),
    "everyone": lambda call, person: True,
}
NODES: dict[type[n.Node], Callable[[Any, Person], Any]] = {
    n.Const: lambda rule, person: rule.value,
    n.Duration: lambda rule, person: (rule.ms,),
    n.ListOf: lambda rule, person: [*map(person.value, rule.items)],
    n.Prop: lambda rule, person: dig(person.here, rule.path),
    n.Trait: lambda rule, person: dig(person.traits(), rule.path),
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
    """Every node of a rule."""
    if isinstance(tree, n.Node):
        yield tree
        tree = tuple(getattr(tree, part.name) for part in fields(tree))
    for item in tree if isinstance(tree, tuple) else ():
        yield from parts(item)


class Oracle:
    """A lane, record by record: `record`, `idle`, and last `settle`, which for a bounded input ends its time."""

    def __init__(self, plan: Plan, until_ms: int | None = None) -> None:
        self.plan, self.until_ms, self.zone = plan, until_ms, ZoneInfo(plan.timezone)
        self.persons: dict[str, Person] = {}
        self.outcome = Outcome()
        self.latest = -math.inf
        nodes = [node for segment in plan.segments for node in parts(segment.when)]
        calls = [node for node in nodes if isinstance(node, n.Call)]
        self.ages = [call for call in calls if call.name == "age"]
        literals = {node.ms for node in nodes if isinstance(node, n.Duration)} | {call["within"] or 0 for call in calls}
        self.spans = literals | {literal + 1 for literal in literals}

    def run(self, lines: Sequence[bytes], log_ms: int | None = None) -> Outcome:
        """The outcome of a bounded input, all of it logged at one time, where the log tells times."""
        for offset, line in enumerate(lines):
            self.record(line, offset, log_ms)
        return self.settle((self.latest if self.until_ms is None else self.until_ms) + 1)

    def record(self, line: bytes, offset: int, log_ms: int | None = None, wall_ms: int | None = None) -> None:
        event = decode(line, offset, log_ms, wall_ms) if line.strip() else None
        if isinstance(event, str):
            self.outcome.rejects.append((offset, event))
        elif event is not None and self.until_ms is not None and event.t > self.until_ms:
            self.outcome.counts["after_until"] += 1
        elif event is not None:
            person = self.persons.setdefault(event.person, Person(event.person, self.zone, event.t))
            repeats = any(e.id == event.id and abs(e.t - event.t) < (self.plan.duplicates_ms or 0) for e in person.events)
            self.outcome.counts.update(["duplicates"] if repeats else self.take(person, event))

    def take(self, person: Person, event: Event) -> list[str]:
        """Applies an event, and gives what it counts as."""
        watermark = self.latest - self.plan.lateness_ms
        self.pass_time(person, max(event.t, watermark))
        told = {"events": True, "late": event.t < watermark, "out_of_order": event.t < person.clock, "clamped": event.clamped}
        person.events = sorted([*person.events, event], key=lambda e: (e.t, e.arrival))
        person.clock = max(person.clock, event.t)
        self.evaluate(person, person.clock, event)
        self.latest = max(self.latest, event.t)
        return [name for name, is_so in told.items() if is_so]

    def settle(self, before: float) -> Outcome:
        for person in self.persons.values():
            self.pass_time(person, before)
        return self.outcome

    def pass_time(self, person: Person, before: float) -> None:
        """Evaluates at each instant after the person's clock and before `before` at which the truth of a rule might change."""
        person.now = person.clock
        while due := [b for b in self.boundaries(person) if person.now < b < before]:
            if self.evaluate(person, min(due), None):
                person.clock = person.now

    def boundaries(self, person: Person) -> set[int]:
        """More than need be, which does no harm: nothing changes at the others. None before the first event."""
        told = [person.now - age[0] for call in self.ages if person.events and (age := person.value(call)) is not None]
        return {t + span for t in [*told, *(e.t for e in person.events), *person.entered.values()] for span in self.spans}

    def evaluate(self, person: Person, now: int, event: Event | None) -> bool:
        """All segments, then the campaigns on what changed, then those on the event. Gives whether a segment changed."""
        person.now = now
        changed = [segment.id for segment in self.plan.segments if self.changes(person, segment, event.cause if event else "time")]
        live = [campaign for campaign in self.plan.campaigns if campaign.state == "live"]
        for on in [("enters" if segment in person.entered else "exits", segment) for segment in changed]:
            for campaign in [c for c in live if (c.on, c.segment) == on]:
                self.offer(campaign, person, "")
        for campaign in [c for c in live if event and c.on == "event" and person.is_about(event, c.events, c.where)]:
            self.offer(campaign, person, json.dumps(dig(person.here, campaign.key)) if campaign.key else "")
        return bool(changed)

    def changes(self, person: Person, segment: Segment, cause: str) -> bool:
        is_member, was = person.holds(segment.when), segment.id in person.entered
        if is_member and not was:
            person.entered[segment.id] = person.now
        elif was and not is_member:
            del person.entered[segment.id]
        line = (person.now, person.id, "entered" if is_member else "exited", segment.id, cause)
        self.outcome.transitions += [line] if is_member != was else []
        return is_member != was

    def offer(self, campaign: Campaign, person: Person, key: str) -> None:
        """A candidate trigger: sent, or decided against with the first reason."""
        to, reason = person.traits().get("email"), self.refusal(campaign, person, key)
        what = ("decision", campaign.id, reason) if reason else ("trigger", campaign.id, f"{campaign.steps[0].template} to {to}")
        self.outcome.sendings.append((person.now, person.id, *what))
        person.sent += [] if reason else [person.now]

    def refusal(self, campaign: Campaign, person: Person, key: str) -> str | None:
        if not isinstance(email := person.traits().get("email"), str) or not email:
            return "no_address"
        if bucket("holdout", person.id) < self.plan.holdout or bucket(f"{campaign.id}/holdout", person.id) < campaign.holdout:
            return "holdout"
        last, wait = person.admitted.get((campaign.id, key), -math.inf), campaign.re_enter
        if wait != "always" and person.now - last < (wait if isinstance(wait, int) else math.inf):
            return "re_entry"
        person.admitted[(campaign.id, key)] = person.now
        full = any(sum(person.now - cap.within_ms < t <= person.now for t in person.sent) >= cap.most for cap in self.plan.caps)
        return "cap" if full else None
