"""`Tally`: the figures of one plan's replay, summed up person by person, and `Figures`, in which they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from flows.replay.happenings import DECISION, ENTERED, EXITED, Happening
from operators.plan.checked import Plan
from schemas.output import DECISION_REASONS

DAY_MS = 86_400_000

_FIRST_DAY = datetime(1970, 1, 1, tzinfo=UTC)


class SegmentFigures(msgspec.Struct):
    """A segment in the span of a report: the members at its beginning, entries and exits, the members at its end, and the persons who were
    in it at any time. `days` has entries and exits of each day (UTC) that has some."""

    id: str
    title: str
    version: str
    before: int = 0
    entered: int = 0
    exited: int = 0
    members: int = 0
    persons: int = 0
    days: dict[str, tuple[int, int]] = {}


class CampaignFigures(msgspec.Struct):
    """A campaign in the span of a report: its triggers, the persons who got one, its decisions by reason. `days` has triggers and decisions
    of each day (UTC) that has some."""

    id: str
    title: str
    state: str
    triggers: int = 0
    persons: int = 0
    decisions: dict[str, int] = {}
    days: dict[str, tuple[int, int]] = {}


class Figures(msgspec.Struct):
    """What became of a plan. `numbers` and `rejects` are those of the whole log, up to the end of the span; the other figures are those of
    the span."""

    plan: str
    version: str
    numbers: dict[str, int]
    rejects: dict[str, int]
    segments: list[SegmentFigures]
    campaigns: list[CampaignFigures]


class _Segment:
    """A segment's sums; days by their number since 1970."""

    __slots__ = ("before", "entered", "exited", "into", "members", "out", "persons")

    def __init__(self) -> None:
        self.before = self.entered = self.exited = self.members = self.persons = 0
        self.into: dict[int, int] = {}
        self.out: dict[int, int] = {}


class _Campaign:
    """A campaign's sums; days by their number since 1970."""

    __slots__ = ("decisions", "held", "persons", "sent", "triggers")

    def __init__(self) -> None:
        self.triggers = self.persons = 0
        self.decisions: Counter[str] = Counter()
        self.sent: dict[int, int] = {}
        self.held: dict[int, int] = {}


class Tally:
    """The sums of one replay; `from_ms` begins the span."""

    def __init__(self, plan: Plan, from_ms: int | None) -> None:
        self._plan = plan
        self._from_ms = from_ms
        self._segments = {segment.id: _Segment() for segment in plan.segments}
        self._campaigns = {campaign.id: _Campaign() for campaign in plan.campaigns}

    def add(self, happenings: Sequence[Happening]) -> None:
        """Adds the story of a person."""
        inside = self._before(happenings) if self._from_ms is not None else set()
        met, sent = set(inside), set()
        for happening in happenings:
            t, kind, of = happening.t, happening.kind, happening.of
            if self._from_ms is not None and t < self._from_ms:
                continue
            if kind > ENTERED:
                campaign, day = self._campaigns[of], t // DAY_MS
                if kind == DECISION:
                    campaign.decisions[happening.reason] += 1
                    campaign.held[day] = campaign.held.get(day, 0) + 1
                else:
                    campaign.triggers += 1
                    campaign.sent[day] = campaign.sent.get(day, 0) + 1
                    sent.add(of)
                continue
            segment, day = self._segments[of], t // DAY_MS
            if kind == ENTERED:
                segment.entered += 1
                segment.into[day] = segment.into.get(day, 0) + 1
                inside.add(of)
                met.add(of)
            else:
                segment.exited += 1
                segment.out[day] = segment.out.get(day, 0) + 1
                inside.discard(of)
        for of in met:
            self._segments[of].persons += 1
        for of in inside:
            self._segments[of].members += 1
        for of in sent:
            self._campaigns[of].persons += 1

    def figures(self, numbers: Mapping[str, int], rejects: Mapping[str, int]) -> Figures:
        """The sums by now, segments and campaigns by id."""
        plan = self._plan
        segments = sorted(plan.segments, key=lambda segment: segment.id)
        return Figures(
            plan.name,
            plan.version,
            dict(numbers),
            dict(sorted(rejects.items())),
            [_segment(each.id, each.title, each.version, self._segments[each.id]) for each in segments],
            [_campaign(each.id, each.title, each.state, self._campaigns[each.id]) for each in plan.campaigns],
        )

    def _before(self, happenings: Sequence[Happening]) -> set[str]:
        """The segments that the person is in when the span begins."""
        inside = members_at(happenings, self._from_ms)
        for of in inside:
            self._segments[of].before += 1
        return inside


def members_at(happenings: Sequence[Happening], t: int | None) -> set[str]:
    """The segments that a person is in just before `t`; None is after all that happened.

    >>> members_at([Happening(5, ENTERED, "keen", "", 0, 0), Happening(9, EXITED, "keen", "", 0, 0)], 9)
    {'keen'}
    """
    inside: set[str] = set()
    for happening in happenings:
        if t is not None and happening.t >= t:
            break
        if happening.kind == ENTERED:
            inside.add(happening.of)
        elif happening.kind == EXITED:
            inside.discard(happening.of)
    return inside


def day_name(day: int) -> str:
    """The date of a day since 1970.

    >>> day_name(0), day_name(-1)
    ('1970-01-01', '1969-12-31')
    """
    return (_FIRST_DAY + timedelta(days=day)).date().isoformat()


def _segment(id: str, title: str, version: str, sums: _Segment) -> SegmentFigures:
    days = _days(sums.into, sums.out)
    return SegmentFigures(id, title, version, sums.before, sums.entered, sums.exited, sums.members, sums.persons, days)


def _campaign(id: str, title: str, state: str, sums: _Campaign) -> CampaignFigures:
    decisions: dict[str, int] = {reason: sums.decisions[reason] for reason in DECISION_REASONS if sums.decisions[reason]}
    return CampaignFigures(id, title, state, sums.triggers, sums.persons, decisions, _days(sums.sent, sums.held))


def _days(first: Mapping[int, int], second: Mapping[int, int]) -> dict[str, tuple[int, int]]:
    return {day_name(day): (first.get(day, 0), second.get(day, 0)) for day in sorted(first.keys() | second.keys())}
