"""`show`: an audit for a terminal, tables first, then what was found in words. What has no room in 80 columns shows in wider ones."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.audit.audit import Audit, SegmentAudit
from flows.audit.findings import Finding
from flows.reports.page import instant_text, share, signed
from flows.totals import numbered

MOST_ROWS = 12
"""Pairs and moves that are shown; `--json` has all."""
WIDE = 110
"""Columns from which on the sizes of each segment are drawn too."""
BARS = "▁▂▃▄▅▆▇█"


def show(audit: Audit, findings: list[Finding], out: Console) -> None:
    """Prints an audit."""
    where = f"{numbered(audit.persons, 'person')}, {numbered(len(audit.partitions), 'partition')}"
    out.print(Text.assemble((audit.plan, "bold"), f"  {where}, up to {instant_text(audit.at)}"))
    _heading(out, f"Segments, and their last {numbered(len(audit.days), 'day')}")
    out.print(_segments(audit, wide=out.width >= WIDE))
    if audit.pairs:
        _heading(out, f"Overlaps: {_most(len(audit.pairs), 'pair')} of segments that share people")
        out.print(_pairs(audit))
    if audit.moves:
        _heading(out, f"Moves: {_most(len(audit.moves), 'pair')} left and entered at one instant")
        out.print(_moves(audit))
    if audit.campaigns:
        _heading(out, "Campaigns: triggers, and what was held back")
        out.print(_campaigns(audit))
    if audit.quality:
        _heading(out, f"Data: {_most(len(audit.quality), 'problem')} found in events")
        out.print(_quality(audit))
    for title, note in (("Findings", False), ("Notes", True)):
        found = [finding for finding in findings if finding.note is note]
        _heading(out, f"{title}: {len(found)}" if found else f"{title}: none")
        if found:
            out.print(_words(found))


def _heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{text}", style="bold"))


def _most(number: int, name: str) -> str:
    return numbered(number, name) if number <= MOST_ROWS else f"the first {MOST_ROWS} of {number:,} {name}s"


def _table(*columns: str) -> Table:
    """A table whose first columns are names, those that begin with `#` numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        number = column.startswith("#")
        table.add_column(column.removeprefix("#"), justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


def _quiet(text: str) -> Text:
    return Text(text, style="dim" if text in ("0", "0%", "–", "never") else "")


def _segments(audit: Audit, *, wide: bool) -> Table:
    table = _table("Segment", "#People", "#Share", "#Change", "#In", "#Out", "Last change", *(["Sizes"] if wide else []))
    for each in audit.segments:
        numbers = (f"{each.size:,}", share(each.size, audit.persons), signed(each.change), f"{each.entered:,}", f"{each.exited:,}")
        drawn = [Text(bars(each), style="cyan")] if wide else []
        table.add_row(Text(each.id), *map(_quiet, numbers), _quiet(each.last_change or "never"), *drawn)
    return table


def bars(each: SegmentAudit) -> str:
    """The sizes of a segment, a character each, from nothing to the largest.

    >>> bars(SegmentAudit("s", "", 4, [0, 0, 1, 2, 4], 0, 0, 0, 0, None, 0, []))
    '▁▁▃▅█'
    """
    most = max(each.sizes)
    return "".join(BARS[round(size / most * (len(BARS) - 1)) if most else 0] for size in each.sizes)


def _pairs(audit: Audit) -> Table:
    table = _table("Segment", "And segment", "#Both", "#Of 1st", "#Of 2nd", "#Jaccard")
    for pair in audit.pairs[:MOST_ROWS]:
        parts = (f"{pair.both:,}", share(pair.both, pair.a_size), share(pair.both, pair.b_size), f"{pair.jaccard:.2f}")
        table.add_row(Text(pair.a), Text(pair.b), *parts)
    return table


def _moves(audit: Audit) -> Table:
    table = _table("Left", "Entered", "#Times")
    for move in audit.moves[:MOST_ROWS]:
        table.add_row(Text(move.left), Text(move.entered), f"{move.times:,}")
    return table


def _campaigns(audit: Audit) -> Table:
    reasons = sorted({reason for each in audit.campaigns for reason in each.decisions_ever})
    table = _table("Campaign", "#Triggers", *(f"#{reason}" for reason in reasons), "#Ever")
    for each in audit.campaigns:
        held = [f"{each.decisions.get(reason, 0):,}" for reason in reasons]
        table.add_row(Text(each.id), *map(_quiet, (f"{each.triggers:,}", *held, f"{each.triggers_ever:,}")))
    return table


def _quality(audit: Audit) -> Table:
    table = _table("Sent by", "Field", "Problem", "Outcome", "#Times", "#Ever")
    for each in audit.quality[:MOST_ROWS]:
        numbers = (f"{each.times:,}", f"{each.times_ever:,}")
        table.add_row(*map(Text, (each.source, each.field, each.problem, each.outcome)), *map(_quiet, numbers))
    return table


def _words(found: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", overflow="fold", max_width=34)
    table.add_column(overflow="fold")
    before = ""
    for finding in sorted(found, key=lambda finding: finding.about):
        table.add_row(Text(f"  {finding.about}" if finding.about != before else ""), Text(finding.text))
        before = finding.about
    return table
