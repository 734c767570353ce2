"""`page_of`: the report of a replay as one HTML page (`flows/reports/replay.html`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from flows.replay.charts import Axis, apart, chart, spark
from flows.replay.differences import Difference, Differences
from flows.replay.figures import CampaignFigures, Figures, SegmentFigures
from flows.replay.report import Report
from flows.replay.wording import shift, span_of, told
from flows.reports.page import render
from flows.reports.svg import Svg
from flows.totals import numbered
from schemas.output import DECISION_REASONS

SHOWN = 100
"""So many differences are told in words."""


def page_of(report: Report, differences: Sequence[Difference]) -> str:
    """The page; of `differences` the first `SHOWN` are told in words."""
    new, old, sums = report.plan, report.against, report.differences
    sides = [side for side in (new, old) if side is not None]
    days = [each.days for side in sides for each in side.segments] + [each.days for side in sides for each in side.campaigns]
    axis = Axis.over(day for each in days for day in each)
    reasons = [reason for reason in DECISION_REASONS if any(reason in each.decisions for each in new.campaigns)]
    return render(
        "replay.html",
        plan=new,
        against=old,
        start=report.start,
        span=span_of(report.start, report.end, report.last).capitalize(),
        facts=_facts(new, old),
        charts=[] if axis is None else _charts(axis, new, old),
        segments=[(each, _spark(axis, "Entries", each)) for each in new.segments],
        campaigns=[(each, _spark(axis, "Triggers", each)) for each in new.campaigns],
        reasons=reasons,
        meanings=DECISION_REASONS,
        shift=shift,
        **_apart(new, old, sums),
        told=[(person, list(its)) for person, its in groupby(map(told, differences[:SHOWN]), key=lambda each: each.person)],
        shown=len(differences[:SHOWN]),
    )


Fact = tuple[str, int, int | None]
"""A name, the figure of the plan and, of two plans, that of the one that it is compared with."""


def _facts(new: Figures, old: Figures | None) -> list[Fact]:
    """What is known of the log and of what came of it; nothing about what did not occur."""
    before = None if old is None else _sums(old)
    facts = [(name, number, None if before is None else before[name]) for name, number in _sums(new).items()]
    return [fact for fact in facts if fact[0] in _ALWAYS or fact[1] or fact[2]]


_ALWAYS = ("events", "persons", "entries", "triggers", "not sent")


def _sums(figures: Figures) -> dict[str, int]:
    numbers = figures.numbers
    return {
        "events": numbers["events"],
        "persons": numbers["persons"],
        "entries": sum(each.entered for each in figures.segments),
        "triggers": sum(each.triggers for each in figures.campaigns),
        "not sent": sum(sum(each.decisions.values()) for each in figures.campaigns),
        "duplicates": numbers["duplicates"],
        "late events": numbers["late"],
        "events after the end": numbers["after_end"],
        "rejects": sum(figures.rejects.values()),
    }


def _charts(axis: Axis, new: Figures, old: Figures | None) -> list[tuple[str, Svg]]:
    """Entries, triggers and mails that were not sent, day by day."""
    wanted: list[tuple[str, str, int]] = [("Entries", "segments", 0), ("Triggers", "campaigns", 0), ("Not sent", "campaigns", 1)]
    made: list[tuple[str, Svg]] = []
    for title, what, which in wanted:
        sums = [None if side is None else _summed(axis, getattr(side, what), which) for side in (new, old)]
        if sums[0] is not None and any(any(each) for each in sums if each is not None):
            made.append((f"{title} per {axis.unit}", chart(title, axis, sums[0], sums[1])))
    return made


def _summed(axis: Axis, each: Iterable[SegmentFigures | CampaignFigures], which: int) -> list[int]:
    rows = [axis.sums(one.days, which) for one in each]
    return [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * axis.bars


def _spark(axis: Axis | None, title: str, each: SegmentFigures | CampaignFigures) -> Svg:
    return Svg("") if axis is None else spark(f"{title}: {each.id}", axis.sums(each.days, 0))


def _apart(new: Figures, old: Figures | None, sums: Differences | None) -> dict[str, Any]:
    """The tables of what differs."""
    if old is None or sums is None:
        return {"differences": None, "segments_apart": [], "campaigns_apart": [], "unchanged": ""}
    members = [{each.id: each.members for each in side.segments} for side in (old, new)]
    triggers = [{each.id: each.triggers for each in side.campaigns} for side in (old, new)]
    segments = [each for each in sums.segments if each.matters]
    campaigns = [each for each in sums.campaigns if each.matters]
    most_entries = max((n for each in segments for n in (each.entries_only_old, each.entries_only_new)), default=0)
    most_triggers = max((n for each in campaigns for n in (each.triggers_only_old, each.triggers_only_new)), default=0)
    same = [(len(sums.segments) - len(segments), "segment"), (len(sums.campaigns) - len(campaigns), "campaign")]
    return {
        "differences": sums,
        "segments_apart": [
            (each, *_beside(each.id, members), apart(each.entries_only_old, each.entries_only_new, most_entries)) for each in segments
        ],
        "campaigns_apart": [
            (each, *_beside(each.id, triggers), apart(each.triggers_only_old, each.triggers_only_new, most_triggers)) for each in campaigns
        ],
        "unchanged": " and ".join(numbered(number, name) for number, name in same if number),
    }


def _beside(id: str, sides: Sequence[dict[str, int]]) -> list[str]:
    """The figure of each side, a dash where one does not have it."""
    return [f"{side[id]:,}" if id in side else "–" for side in sides]
