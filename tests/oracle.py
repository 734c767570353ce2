"""The oracle: keeps every event of a person and recomputes every rule from the whole history, at each event and boundary.

Written from the specification of the language alone; all that it shares with the engine is the plan as it was read. No slots, timers, store
or batches: where the engine is quick, this is plain. What rules mean is in `tests/oracle_calls.py`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from operators.language import nodes as n
from operators.plan.checked import Campaign, Plan, Segment
from tests.oracle_calls import Event, Person, bucket, dig, instant, known, parts, spans, turns

Line = tuple[int, str, str, str, str]
"""Time in ms, person; then entered or exited, segment, cause; or trigger, campaign, template and address; or decision, campaign, reason."""

NAMES = {"identify": "Identified", "track": None, "page": "Page Viewed", "screen": "Screen Viewed", "group": None, "alias": None}
STAMPS = ("originalTimestamp", "sentAt", "receivedAt", "timestamp")
TEXTS = ("type", "messageId", "userId", "anonymousId", "event", "name", "category", *STAMPS)


@dataclass
class Outcome:
    """What came of an input: `sendings` are triggers and decisions, `rejects` have offset and reason."""

    transitions: list[Line] = field(default_factory=list)
    sendings: list[Line] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


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


class Oracle:
    """A lane, record by record: `record`, `idle`, and last `settle`, which for a bounded input ends its time."""

    def __init__(self, plan: Plan, until_ms: int | None = None) -> None:
        self.plan, self.until_ms, self.zone = plan, until_ms, ZoneInfo(plan.timezone)
        self.persons: dict[str, Person] = {}
        self.outcome = Outcome()
        self.latest = -math.inf
        trees = {segment.id: [*parts(segment.when)] for segment in plan.segments}
        self.calls = [node for tree in trees.values() for node in tree if isinstance(node, n.Call)]
        self.held = {id_: [node for node in tree[::-1] if isinstance(node, n.Call) and node.name == "held"] for id_, tree in trees.items()}
        """Those of each segment, the inner ones first."""
        literals = {node.ms for tree in trees.values() for node in tree if isinstance(node, n.Duration)}
        durations = literals.union(*map(spans, self.calls))
        self.spans = durations | {duration + 1 for duration in durations}

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
        if not person.events:
            return set()
        told = [person.now - age[0] for call in self.calls if call.name == "age" and (age := person.value(call)) is not None]
        starts = {*told, *(e.t for e in person.events), *person.entered.values(), *person.held.values()}
        return {start + span for start in starts for span in self.spans} | turns(self.calls, person)

    def evaluate(self, person: Person, now: int, event: Event | None) -> bool:
        """All segments, then the campaigns on what changed, then those on the event. Gives whether any rule, also one held, changed."""
        person.now = now
        before = person.held.copy()
        changed = [segment.id for segment in self.plan.segments if self.changes(person, segment, event.cause if event else "time")]
        live = [campaign for campaign in self.plan.campaigns if campaign.state == "live"]
        for on in [("enters" if segment in person.entered else "exits", segment) for segment in changed]:
            for campaign in [c for c in live if (c.on, c.segment) == on]:
                self.offer(campaign, person, "")
        for campaign in [c for c in live if event and c.on == "event" and person.is_about(event, c.events, c.where)]:
            self.offer(campaign, person, json.dumps(dig(event and event.properties, campaign.key)) if campaign.key else "")
        return bool(changed) or before != person.held

    def changes(self, person: Person, segment: Segment, cause: str) -> bool:
        for held in self.held[segment.id]:
            follow(person.held, repr(held["rule"]), person.holds(held["rule"]), person.now)
        changed = follow(person.entered, segment.id, person.holds(segment.when), person.now)
        line = (person.now, person.id, "entered" if segment.id in person.entered else "exited", segment.id, cause)
        self.outcome.transitions += [line] if changed else []
        return changed

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


def follow(entries: dict[str, int], key: str, is_in: bool, now: int) -> bool:
    """Notes an entry or an exit among the entries, and gives whether there was one."""
    was = key in entries
    if is_in and not was:
        entries[key] = now
    elif was and not is_in:
        del entries[key]
    return is_in != was
