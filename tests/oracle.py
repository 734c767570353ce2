"""The oracle: keeps every event of a person and recomputes every rule from the whole history, at each event and boundary.

Written from the specification of the language alone; all that it shares with the engine is the plan as it was read. No slots, timers, store
or batches: where the engine is quick, this is plain. What rules mean is in `tests/oracle_calls.py`, who is one person in
`tests/oracle_identity.py`. What an un-merge gives back is what another oracle has that has read all but the merge.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from operators.language import nodes as n
from operators.plan.checked import Campaign, Plan, Segment
from tests.oracle_calls import Event, Person, bucket, dig, instant, known, parts, spans, turns
from tests.oracle_consent import consents, proved, suppressed, to
from tests.oracle_identity import Identifier, Known, Merge, Rules, canonical, rules_of

Line = tuple[int, str, str, str, str]
"""Time in ms, person; then entered or exited, segment, cause; or trigger, campaign, template and address; or decision, campaign, reason."""

NAMES = {"identify": "Identified", "track": None, "page": "Page Viewed", "screen": "Screen Viewed", "group": None, "alias": None}
STAMPS = ("originalTimestamp", "sentAt", "receivedAt", "timestamp")
TEXTS = ("type", "messageId", "userId", "anonymousId", "previousId", "event", "name", "category", *STAMPS)
OFF = Rules(on=False)


@dataclass
class Outcome:
    """What came of an input: `sendings` are triggers and decisions, `rejects` have offset and reason."""

    transitions: list[Line] = field(default_factory=list)
    sendings: list[Line] = field(default_factory=list)
    seen: list[Person] = field(default_factory=list)
    """The person of each transition, as it was at that instant."""
    conflicts: list[tuple[int, str, str, str]] = field(default_factory=list)
    """Time, person, type of the identifier left out, messageId."""
    rejects: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def decode(line: bytes, arrival: int, log_ms: int | None, wall_ms: int | None, rules: Rules = OFF) -> Event | str:
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
        "unknown_type": record.get("type") not in (*NAMES, "erase", *(["unmerge"] if rules.on else [])),
        "no_id": not (record.get("userId") or record.get("anonymousId")),
        "no_name": record.get("type") == "track" and not record.get("event"),
        "bad_time": None in stamps.values(),
        "no_time": t is None,
    }
    return known(*(reason for reason, is_so in refused.items() if is_so)) or placed(
        record, arrival, t, known(received, log_ms, wall_ms), rules
    )


def placed(record: dict[str, Any], arrival: int, t: int, receipt: int | None, rules: Rules) -> Event:
    """The event of a usable record; a time more than 5 minutes after the receipt becomes that of the receipt."""
    type_, own = record["type"], record.get("messageId")
    properties = record.get("traits" if type_ == "identify" else "properties") or {}
    if type_ in ("page", "screen"):
        properties = properties | {x: record[x] for x in ("name", "category") if record.get(x) is not None}
    told = [record.get(x) for x in ("type", "userId", "anonymousId", "event", "properties", "traits")]
    made = json.dumps([told, known(record.get("timestamp"), record.get("originalTimestamp"))])
    clamped = receipt is not None and t > receipt + 5 * 60 * 1000
    name, person = record["event"] if type_ == "track" else NAMES.get(type_), record.get("userId") or record["anonymousId"]
    at, ids = known(receipt, t) if clamped else t, (own or made, own or "made")
    previous = rules.previous(record) if type_ in ("alias", "unmerge") else None
    source = ((record.get("context") or {}).get("library") or {}).get("name")
    return Event(at, arrival, name, type_, person, *ids, properties, clamped, rules.carried(record), previous, source)


class Oracle:
    """A lane, record by record: `record`, `idle`, and last `settle`, which for a bounded input ends its time."""

    def __init__(self, plan: Plan, until_ms: int | None = None, rules: Rules | None = None, undone: frozenset[int] = frozenset()) -> None:
        self.plan, self.until_ms, self.rules, self.zone = plan, until_ms, rules or rules_of(plan), ZoneInfo(plan.timezone)
        self.persons: dict[str, Person] = {}
        self.outcome = Outcome()
        self.latest = -math.inf
        self.known, self.undone = Known(), undone
        """Who is who, and the places of the aliases that are as if they had never come."""
        self.taken_back: list[Event] = []
        self.erased: dict[str | None, int] = {}
        """When somebody was erased whose an address was, the latest."""
        self.log: list[tuple[Event, float]] = []
        """Every event that was met, with the latest time before it; an alias of two who are one is an event like others."""
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
        event = decode(line, offset, log_ms, wall_ms, self.rules) if line.strip() else None
        if isinstance(event, str):
            self.outcome.rejects.append((offset, event))
        elif event is not None and self.until_ms is not None and event.t > self.until_ms:
            self.outcome.counts["after_until"] += 1
        elif event is not None and not event.carried:
            self.outcome.rejects.append((offset, "blocked_id"))
        elif event is not None:
            self.log.append((event, self.latest))
            self.meet(event)

    def meet(self, event: Event) -> None:
        """Applies an event to the person whose it is once it has linked; one that anybody whom it links has already changes nothing."""
        if event.type in ("unmerge", "erase"):
            self.part(event) if event.type == "unmerge" else self.erase(event)
            return
        known_, left_out = self.known.linked(event.carried, self.rules.limits)
        if event.previous in known_.of(event.carried[0].text).texts:
            event = replace(event, previous=None)
            self.log[-1:] = [(event, latest) for _, latest in self.log[-1:]]
        elif event.previous:
            known_ = replace(known_, merges=(*known_.merges, Merge(event.carried[0].text, event.previous, event.arrival)))
        party = known_.of(event.carried[0].text)
        linked = [self.persons[name] for name in party.highest_first() if name in self.persons]
        kept = event.carried[: len(event.carried) - left_out]
        if any(self.repeats(person.events, event) for person in linked) or self.is_taken_back(event):
            self.outcome.counts["duplicates"] += 1
            self.log[-1:] = [(each, latest) for _, latest in self.log[-1:] for each in self.as_repeat(event, kept)]
            return
        self.known = known_
        person = self.persons.setdefault(party.name.text, self.stranger(party.name.text, event.t))
        told = {"conflicts": left_out, "linked": len(linked) - (person in linked)}
        self.outcome.counts.update({name: number for name, number in told.items() if number})
        self.outcome.conflicts += [(event.t, person.id, each.type, event.id) for each in event.carried[len(event.carried) - left_out :]]
        self.outcome.counts.update(self.take(person, event, [each for each in linked if each is not person]))

    def as_repeat(self, event: Event, carried: Sequence[Identifier]) -> list[Event]:
        """What a record that somebody has already is in a run without the merge that makes it so: it belongs to the highest of its
        identifiers whose person has it, and links nothing. What repeats an alias is nothing there."""
        for each in carried:
            person = self.persons.get(self.known.of(each.text).name.text)
            if person and self.repeats(person.events, event):
                merged = event.type == "alias" and self.repeats([e for e in person.events if e.previous], event)
                return [] if merged else [replace(event, carried=(each,), previous=None)]
        return []

    def is_taken_back(self, event: Event) -> bool:
        """Whether it is an alias once more that was undone."""
        ends = (event.id, event.carried[0].text, event.previous)
        return event.previous is not None and any((each.id, each.carried[0].text, each.previous) == ends for each in self.taken_back)

    def stranger(self, id_: str, clock: int) -> Person:
        return Person(id_, self.zone, clock, policies=self.plan.survivorship)

    def repeats(self, events: Sequence[Event], event: Event) -> bool:
        return any(e.id == event.id and abs(e.t - event.t) < (self.plan.duplicates_ms or 0) for e in events)

    def take(self, person: Person, event: Event, lower: Sequence[Person] = ()) -> list[str]:
        """Applies an event, by which the `lower` persons become this one, and gives what it counts as."""
        watermark = self.latest - self.plan.lateness_ms
        moved = [each for other in lower for each in self.leave(other, event, watermark)]
        moved = [each for i, each in enumerate(moved) if not self.repeats([*person.events, *moved[:i]], each)]
        self.pass_time(person, max(watermark, *(each.t for each in (*moved, event))))
        told = {"events": True, "late": event.t < watermark, "out_of_order": event.t < person.clock, "clamped": event.clamped}
        for each in (*moved, event):
            self.enter(person, each)
        for other in lower:
            self.inherit(person, other)
        self.evaluate(person, person.clock, event)
        self.latest = max(self.latest, event.t)
        return [name for name, is_so in told.items() if is_so]

    def leave(self, lower: Person, event: Event, watermark: float, empty: bool = False) -> list[Event]:
        """One who is no more leaves all segments, who never was as an `empty` person; gives the history."""
        self.pass_time(lower, max(event.t, watermark))
        lower.now = max(lower.clock, event.t)
        left = [segment.id for segment in self.plan.segments if segment.id in lower.entered]
        if empty:
            lower.events, lower.held, lower.entered = [], {}, {}
        for segment in left:
            self.tell(lower, segment, event.cause, leaves=True)
        del self.persons[lower.id]
        return lower.events

    def inherit(self, person: Person, lower: Person) -> None:
        """The facts of what was sent stay."""
        person.sent = sorted([*person.sent, *lower.sent])
        person.admitted = {key: max(each.admitted.get(key, 0) for each in (person, lower)) for key in person.admitted | lower.admitted}

    def enter(self, person: Person, event: Event) -> None:
        """Puts an event into the history at its own time, the last to arrive; none lies after the clock."""
        person.events = sorted([*person.events, replace(event, arrival=len(person.events))], key=lambda e: (e.t, e.arrival))
        person.clock = max(person.clock, event.t)

    def part(self, event: Event) -> None:
        """Undoes the merges between two persons, if any: they and all whom that parts are then as in a run without these merges. The lane's
        time does not go on."""
        ends = (event.carried[0].text, event.previous or "")
        undone = self.known.between(*ends)
        if not undone:
            self.outcome.counts["duplicates"] += 1
            return
        self.outcome.counts.update(["events", *(["clamped"] if event.clamped else [])])
        aside = self.without(undone)
        two = {aside.known.of(text) for text in ends}
        parted = {party.name.text for party in two.union(aside.known.parties()) - ({*self.known.parties()} - two)}
        watermark = self.latest - self.plan.lateness_ms
        before = max(event.t, watermark)
        texts = self.known.of(ends[0]).texts | self.known.of(ends[1]).texts
        for person in [person for person in self.persons.values() if person.id in texts]:
            self.pass_time(person, before)
            if person.id not in aside.persons:
                self.leave(person, event, watermark, empty=True)
        for name in parted & aside.persons.keys():
            self.give_back(aside, aside.persons[name], event, before)
        self.known, self.undone = aside.known, aside.undone
        self.taken_back += [past for past, _ in self.log if past.arrival in undone and two & {*aside.known.parties()}]

    def erase(self, event: Event) -> None:
        """Forgets a person and all that says who it is; whoever was told of it is told so. The lane's time does not go on."""
        self.outcome.counts.update(["events", *(["clamped"] if event.clamped else [])])
        self.log.pop()
        party = self.known.of(event.carried[0].text)
        person = self.persons.pop(party.name.text, None)
        if person is None:
            return
        self.pass_time(person, max(event.t, self.latest - self.plan.lateness_ms))
        self.outcome.counts["erased"] += 1
        told_of = [e.properties.get("email") for e in person.events if e.type == "identify" or to(e)]
        for address in {canonical(each) for each in (*party.texts, *told_of)} - {None}:
            self.erased[address] = max(event.t, self.erased.get(address, event.t))
        told = [kind for _, id_, kind, *_ in self.outcome.transitions if id_ == person.id]
        since = told[len(told) - [*reversed(told), "erased"].index("erased") :]
        if self.plan.profiles or person.admitted or person.sent or "entered" in since:
            self.outcome.transitions.append((max(person.clock, event.t), person.id, "erased", "", ""))
        links = tuple(link for link in self.known.links if not party.texts & {each.text for each in link})
        merges = tuple(merge for merge in self.known.merges if not party.texts & {merge.target, merge.previous})
        self.known = Known(links, merges)
        self.log = [(past, latest) for past, latest in self.log if not party.texts & {each.text for each in past.carried}]

    def without(self, undone: frozenset[int]) -> Oracle:
        """Another that has met all before the event at hand, but for some aliases more."""
        aside = Oracle(self.plan, self.until_ms, self.rules, self.undone | undone)
        aside.erased = self.erased
        for past, latest in self.log[:-1]:
            aside.latest = latest
            if past.arrival not in aside.undone:
                aside.meet(past)
        return aside

    def give_back(self, aside: Oracle, person: Person, event: Event, before: float) -> None:
        """Brings a person of the run without the merge to now, and tells what is otherwise than it was last told."""
        was = self.persons.get(person.id, self.stranger(person.id, person.clock))
        aside.pass_time(person, before)
        aside.evaluate(person, max(person.clock, event.t), None)
        person.clock = person.now
        person.now = max(person.now, was.clock)
        person.sent, person.admitted = was.sent, was.admitted
        self.persons[person.id] = person
        for segment in [segment.id for segment in self.plan.segments if (segment.id in person.entered) != (segment.id in was.entered)]:
            self.tell(person, segment, event.cause)

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
        if changed:
            self.tell(person, segment.id, cause)
        return changed

    def tell(self, person: Person, segment: str, cause: str, leaves: bool = False) -> None:
        """Notes a transition; who leaves for another person leaves all its segments at once."""
        kind = "exited" if leaves or segment not in person.entered else "entered"
        self.outcome.transitions.append((person.now, person.id, kind, segment, cause))
        self.outcome.seen.append(replace(person, entered=person.entered.copy(), held=person.held.copy()))

    def offer(self, campaign: Campaign, person: Person, key: str) -> None:
        """A candidate trigger: sent, or decided against with the first reason."""
        to = person.traits().get("email")
        reason = self.forbidden(campaign, person, to) or self.refusal(campaign, person, key)
        what = ("decision", campaign.id, reason) if reason else ("trigger", campaign.id, f"{campaign.steps[0].template} to {to}")
        self.outcome.sendings.append((person.now, person.id, *what))
        person.sent += [] if reason else [person.now]

    def forbidden(self, campaign: Campaign, person: Person, address: Any) -> str | None:
        """Why the person does not want a mail, or cannot be sent it."""
        topic = campaign.topic
        erased = self.erased.get(canonical(address))
        if erased is not None and erased >= proved(person.events, topic.id if topic else None):
            return "suppressed"
        if suppressed(person.events, topic.id if topic else None, address):
            return "suppressed"
        return "consent" if topic and topic.required and consents(person.events, topic.id) is not True else None

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
