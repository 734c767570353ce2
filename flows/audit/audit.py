"""`make_audit`: the audit itself, of what the lanes hold. With `--json` it is printed as it stands here.

All numbers are exact counts. A day is one of UTC; the days looked at end with the one up to which the lanes have come.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, combinations

import msgspec

from flows.audit.lanes import Found
from operators.instants import format_instant
from operators.language.canonical import canonical
from operators.language.nodes import Trait
from operators.language.reads import Reads
from operators.plan.checked import Campaign, Plan
from operators.tally import DAY_MS, TRIGGERED
from schemas.counts import Quality


class SegmentAudit(msgspec.Struct, frozen=True):
    """A segment. `sizes` are those at the end of each day, the last one's up to now; the first is the day before the days looked at;
    before the entry of somebody who was erased they are too small by one, where that is possible.
    `entered` and `exited` count these days, `entered_ever` and `exited_ever` all. `last_change` is the day of the last transition, `often`
    how many persons entered five times or more in these days, `often_examples` the first of them by id."""

    id: str
    title: str
    size: int
    sizes: list[int]
    entered: int
    exited: int
    entered_ever: int
    exited_ever: int
    last_change: str | None
    often: int
    often_examples: list[str]

    @property
    def change(self) -> int:
        """How much it grew in the days looked at."""
        return self.size - self.sizes[0]


class Pair(msgspec.Struct, frozen=True):
    """Two segments that share persons: how many, of how many in either; `a` is no larger than `b`."""

    a: str
    b: str
    a_size: int
    b_size: int
    both: int
    either: int
    jaccard: float


class Move(msgspec.Struct, frozen=True):
    """How often, in the days looked at, a person left the one segment and entered the other at the same instant."""

    left: str
    entered: str
    times: int


class CampaignAudit(msgspec.Struct, frozen=True):
    """A campaign: its triggers, and its decisions by reason, in the days looked at and ever."""

    id: str
    title: str
    state: str
    triggers: int
    decisions: dict[str, int]
    triggers_ever: int
    decisions_ever: dict[str, int]


class TraitAudit(msgspec.Struct, frozen=True):
    """A trait that rules read: how many persons have it now."""

    trait: str
    readers: list[str]
    persons: int


class PropertyAudit(msgspec.Struct, frozen=True):
    """A property that rules read, of an event as they name it (None: the event itself): whether one ever had it."""

    event: str
    property: str | None
    readers: list[str]
    filled: bool


class MismatchAudit(msgspec.Struct, frozen=True):
    """A comparison that met values of two kinds: how often it was made with such. `events` are those whose properties it compares."""

    comparison: str
    events: list[str]
    readers: list[str]
    times: int


class QualityAudit(msgspec.Struct, frozen=True):
    """What was found in the data of events: sent by which library, in which field, what is wrong there, and what was done about it. `times`
    counts the days looked at, those of the events, `times_ever` all."""

    source: str
    field: str
    problem: str
    outcome: str
    times: int
    times_ever: int


class Audit(msgspec.Struct, frozen=True):
    """The audit of a plan over the state of `partitions`. `at` is the instant up to which the lanes have come, `days` are the dates that
    were looked at, and `since` is the day before them."""

    plan: str
    version: str
    at: str | None
    since: str
    days: list[str]
    partitions: list[int]
    persons: int
    segments: list[SegmentAudit]
    pairs: list[Pair]
    moves: list[Move]
    campaigns: list[CampaignAudit]
    traits: list[TraitAudit]
    properties: list[PropertyAudit]
    mismatches: list[MismatchAudit]
    quality: list[QualityAudit] = []


def make_audit(plan: Plan, reads: Reads, found: Found, days: int) -> Audit:
    """The audit; segments by size, pairs by how much they share, moves by how often."""
    last = 0 if found.at is None else found.at // DAY_MS
    looked_at = range(last - days + 1, last + 1)
    return Audit(
        plan.name,
        plan.version,
        None if found.at is None else format_instant(found.at),
        _date(looked_at[0] - 1),
        [_date(day) for day in looked_at],
        found.partitions,
        found.overlaps.persons,
        sorted((_segment(plan, found, no, looked_at) for no in range(len(plan.segments))), key=lambda each: (-each.size, each.id)),
        _pairs(plan, found),
        _moves(found, looked_at),
        [_campaign(campaign, found, looked_at) for campaign in plan.campaigns],
        [TraitAudit(canonical(Trait(path)), readers, found.traits[path]) for path, readers in sorted(reads.traits.items())],
        [
            PropertyAudit(event, ".".join(path) or None, readers, (event, path) in found.met.filled)
            for (event, path), readers in sorted(reads.properties.items())
        ],
        [
            MismatchAudit(text, list(events), reads.comparisons.get((events, text), []), times)
            for (events, text), times in sorted(found.met.mismatched.items(), key=lambda each: (-each[1], each[0]))
        ],
        _quality(found, looked_at),
    )


def _quality(found: Found, looked_at: range) -> list[QualityAudit]:
    ever, lately = Counter[Quality](), Counter[Quality]()
    for number, day in found.days.items():
        times = day.found()
        ever.update(times)
        if number in looked_at:
            lately.update(times)
    return [
        QualityAudit(*each, lately[each], n) for each, n in sorted(ever.items(), key=lambda each: (-lately[each[0]], -each[1], each[0]))
    ]


def _date(day: int) -> str:
    return format_instant(day * DAY_MS)[:10]


def _segment(plan: Plan, found: Found, no: int, looked_at: range) -> SegmentAudit:
    segment, size = plan.segments[no], found.overlaps.size(no)
    by_day = {number: day.segments[segment.id] for number, day in found.days.items() if segment.id in day.segments}
    changes = [by_day.get(day, [0, 0]) for day in looked_at]
    # Backwards from what is there now: a state may be older than its counts. Who was erased is not there, but did enter.
    sizes = [max(each, 0) for each in accumulate((exited - entered for entered, exited in reversed(changes)), initial=size)][::-1]
    return SegmentAudit(
        segment.id,
        segment.title,
        size,
        sizes,
        sum(entered for entered, _ in changes),
        sum(exited for _, exited in changes),
        sum(entered for entered, _ in by_day.values()),
        sum(exited for _, exited in by_day.values()),
        _date(max(by_day)) if by_day else None,
        found.often[no],
        found.examples[no],
    )


def _pairs(plan: Plan, found: Found) -> list[Pair]:
    pairs = []
    for one, other in combinations(range(len(plan.segments)), 2):
        both = found.overlaps.both(one, other)
        if both:
            a, b = sorted((one, other), key=lambda no: (found.overlaps.size(no), plan.segments[no].id))
            a_size, b_size = found.overlaps.size(a), found.overlaps.size(b)
            either = a_size + b_size - both
            pairs.append(Pair(plan.segments[a].id, plan.segments[b].id, a_size, b_size, both, either, both / either))
    return sorted(pairs, key=lambda pair: (-pair.jaccard, -pair.both, pair.a, pair.b))


def _moves(found: Found, looked_at: range) -> list[Move]:
    times: Counter[tuple[str, str]] = Counter()
    for number in looked_at:
        if number in found.days:
            times.update({(left, entered): n for left, row in found.days[number].moves.items() for entered, n in row.items()})
    return [Move(left, entered, n) for (left, entered), n in sorted(times.items(), key=lambda each: (-each[1], each[0]))]


def _campaign(campaign: Campaign, found: Found, looked_at: range) -> CampaignAudit:
    ever, lately = Counter[str](), Counter[str]()
    for number, day in found.days.items():
        ever.update(day.campaigns.get(campaign.id, {}))
        if number in looked_at:
            lately.update(day.campaigns.get(campaign.id, {}))
    triggers, triggers_ever = lately.pop(TRIGGERED, 0), ever.pop(TRIGGERED, 0)
    return CampaignAudit(
        campaign.id, campaign.title, campaign.state, triggers, dict(sorted(lately.items())), triggers_ever, dict(sorted(ever.items()))
    )
