"""`show`: the report of a replay as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.replay.differences import CampaignDifference, Difference, Differences, SegmentDifference
from flows.replay.figures import CampaignFigures, Figures, SegmentFigures
from flows.replay.report import Report
from flows.replay.wording import shift, span_of, told
from flows.totals import numbered
from schemas.output import DECISION_REASONS

Cell = int | str


def show(report: Report, differences: Sequence[Difference], out: Console) -> None:
    """Prints a report: what came of the plan or, of two plans, what differs, with the first `differences` of persons."""
    _heading(out, f"{report.plan.plan}, {span_of(report.start, report.end, report.last)}")
    out.print(_input(report.plan))
    if report.differences is None or report.against is None:
        _heading(out, "Segments")
        out.print(_segments(report.plan.segments, before=report.start is not None))
        _heading(out, "Campaigns")
        out.print(_campaigns(report.plan.campaigns))
        return
    _compared(report.plan, report.against, report.differences, out)
    if differences:
        _heading(out, f"{len(differences):,} of {numbered(report.differences.differences, 'difference')}, by person")
        for difference in differences:
            _difference(difference, out)


def _compared(new: Figures, old: Figures, sums: Differences, out: Console) -> None:
    changed = f"; other settings: {', '.join(sums.settings)}" if sums.settings else ""
    _heading(out, f"Against {old.plan} {old.version}: {numbered(sums.persons, 'person')} with differences{changed}")
    segments = [each for each in sums.segments if each.matters]
    if segments:
        members = [{each.id: each.members for each in figures.segments} for figures in (new, old)]
        out.print(_segment_differences(segments, members[0], members[1]))
    campaigns = [each for each in sums.campaigns if each.matters]
    if campaigns:
        _heading(out, "Campaigns")
        triggers = [{each.id: each.triggers for each in figures.campaigns} for figures in (new, old)]
        out.print(_campaign_differences(campaigns, triggers[0], triggers[1]))
    counts = ((len(sums.segments), len(segments), "segment"), (len(sums.campaigns), len(campaigns), "campaign"))
    same = [numbered(all - some, name) for all, some, name in counts if all > some]
    notes = ["* changed"] if any([each.changed for each in segments] + [each.changed for each in campaigns]) else []
    notes += [f"without a difference: {' and '.join(same)}"] if same else []
    if notes:
        out.print(Text("; ".join(notes), style="dim"))


def _segment_differences(segments: Iterable[SegmentDifference], new: dict[str, int], old: dict[str, int]) -> Table:
    table = _table("Segment", "Members\nold / new", "only\nold / new", "Entries only\nold / new", "moved", "other\nexit")
    for each in segments:
        members, entries = (each.members_only_old, each.members_only_new), (each.entries_only_old, each.entries_only_new)
        _row(table, _name(each), _both(each.id, old, new), _two(*members), _two(*entries), _moved(each), each.exits)
    return table


def _campaign_differences(campaigns: Iterable[CampaignDifference], new: dict[str, int], old: dict[str, int]) -> Table:
    table = _table("Campaign", "Triggers\nold / new", "only\nold / new", "moved", "other\nrefusals")
    for each in campaigns:
        only = _two(each.triggers_only_old, each.triggers_only_new)
        _row(table, _name(each), _both(each.id, old, new), only, _moved(each), each.refusals)
    return table


def _both(id: str, old: dict[str, int], new: dict[str, int]) -> str:
    return " / ".join(f"{side[id]:,}" if id in side else "-" for side in (old, new))


def _two(old: int, new: int) -> Cell:
    return f"{old:,} / {new:,}" if old or new else 0


def _moved(each: SegmentDifference | CampaignDifference) -> Cell:
    return f"{each.moved:,}\n{shift(each.moved_ms, each.moved)}" if each.moved else 0


def _name(each: SegmentDifference | CampaignDifference) -> str:
    """The id, with what became of the rule."""
    mark = {"both": " *" if each.changed else "", "new": " (new)", "old": " (gone)"}[each.plans]
    return each.id + mark


def _difference(difference: Difference, out: Console) -> None:
    each = told(difference)
    out.print(Text.assemble((each.person, "bold"), f"  {each.place}  ", (each.what, "cyan")), soft_wrap=True)
    for name, side in (("new", each.new), ("old", each.old)):
        out.print(Text.assemble((f"  {name}  ", "dim"), side.what, (f"  {side.why}" if side.why else "", "dim")), soft_wrap=True)


def _input(figures: Figures) -> Table:
    table = _table("Input", "Count")
    for name in ("events", "persons", "duplicates", "late", "after_end"):
        if name in ("events", "persons") or figures.numbers[name]:
            _row(table, name.replace("_", " "), figures.numbers[name])
    for reason, number in figures.rejects.items():
        _row(table, f"reject: {reason}", number)
    return table


def _segments(segments: Iterable[SegmentFigures], *, before: bool) -> Table:
    table = _table("Segment", *(["Before"] if before else []), "Entered", "Left", "Members", "Persons")
    for each in segments:
        _row(table, each.id, *([each.before] if before else []), each.entered, each.exited, each.members, each.persons)
    return table


def _campaigns(campaigns: Sequence[CampaignFigures]) -> Table:
    reasons = [reason for reason in DECISION_REASONS if any(reason in each.decisions for each in campaigns)]
    table = _table("Campaign", "Triggers", "Persons", *reasons)
    for each in campaigns:
        _row(table, each.id, each.triggers, each.persons, *(each.decisions.get(reason, 0) for reason in reasons))
    if len(campaigns) > 1:
        table.add_section()
        sums = [sum(each.decisions.get(reason, 0) for each in campaigns) for reason in reasons]
        _row(table, "all", sum(each.triggers for each in campaigns), "", *sums)
    return table


def _heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{text}", style="bold"))


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _row(table: Table, name: str, *cells: Cell) -> None:
    table.add_row(Text(name), *(Text(cell if isinstance(cell, str) else f"{cell:,}", style="" if cell else "dim") for cell in cells))
