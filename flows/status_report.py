"""What `beckon plan status` says for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.status import LaneStatus, PlanChange, PlanStatus, SegmentStatus
from flows.totals import filling, numbered, percent
from schemas.counts import Counts

Row = tuple[str, str, list[str]]
"""A segment, how it stands, and what more there is to know."""

STYLES = {"live": "green", "complete": "green", "filling": "yellow", "leaving": "red", "new": "green", "changed": "yellow", "gone": "red"}
"""By the first word of how a segment stands."""


def show(status: PlanStatus, out: Console, *, lanes: bool) -> None:
    """Prints the status; with `lanes` also that of each lane."""
    versions = ", ".join(sorted({lane.version for lane in status.lanes}))
    told = f"version {versions}, {numbered(status.persons, 'person')} in {numbered(len(status.lanes), 'lane')}"
    out.print(Text.assemble((status.plan, "bold"), f"  {told}"), soft_wrap=True)
    if status.filling:
        out.print(Text(f"{filled(status)}, {outlook(status)}"), soft_wrap=True)
    _section(out, "Segments", map(_row, status.segments))
    for lane in status.lanes if lanes else ():
        _section(out, lane_line(lane), map(_row, lane.segments))
    if status.change is not None:
        _section(out, f"With the plan given, version {status.version}, a start would bring", _change_rows(status.change))
        out.print(Text(f"  {change_line(status.change)}"), soft_wrap=True)


def filled(of: PlanStatus | LaneStatus) -> str:
    """How far persons are brought to the plan."""
    return filling(Counts(to_fill=of.to_fill, fill_total=of.filled + of.to_fill))


def outlook(status: PlanStatus) -> str:
    """When all persons will be brought to the plan."""
    if not status.running:
        return "paused: no job is running"
    return "slowly" if status.seconds_left is None else f"complete in {about(status.seconds_left)}"


def about(seconds: float) -> str:
    """A duration in words.

    >>> about(5), about(130), about(7300)
    ('less than a minute', 'about 2 min', 'about 2 h')
    """
    if seconds < 60:
        return "less than a minute"
    return f"about {seconds / 60:.0f} min" if seconds < 90 * 60 else f"about {seconds / 3600:.0f} h"


def lane_line(lane: LaneStatus) -> str:
    """A lane in words."""
    told = f"Lane {lane.partition}  version {lane.version}, {numbered(lane.persons, 'person')}"
    return f"{told}, {filled(lane)}" if lane.filling else told


def change_line(change: PlanChange) -> str:
    """What would have to be done for a change."""
    if not change.persons:
        return "nobody would be touched"
    if not change.slots:
        return f"{numbered(change.persons, 'person')} would be looked at, nothing would be filled"
    since = f", which is whole since {change.knows_since}" if change.knows_since is not None else ""
    return f"{numbered(change.slots, 'slot')} would be filled for {numbered(change.persons, 'person')} from the history{since}"


def _row(each: SegmentStatus) -> Row:
    if each.state != "live":
        return each.segment, f"{each.state} {percent(each.filled, each.persons)}", _notes(each)
    return each.segment, "live" if each.complete_since is None else f"complete since {each.complete_since}", _notes(each)


def _notes(each: SegmentStatus) -> list[str]:
    notes = []
    if each.windows_whole_from is not None:
        notes.append(f"windows are whole from {each.windows_whole_from} on")
    if each.whole_history and each.knows_since is not None:
        notes.append(f"knows what is kept since {each.knows_since}")
    return notes


def _change_rows(change: PlanChange) -> Iterator[Row]:
    for what in ("new", "changed", "gone"):
        yield from ((id, what, []) for id in getattr(change, what))


def _section(out: Console, title: str, rows: Iterator[Row]) -> None:
    out.print(Text(f"\n{title}", style="bold"), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for segment, state, notes in rows:
        table.add_row(Text(f"  {segment}"), Text(state, style=STYLES[state.split()[0]]))
        for note in notes:
            table.add_row("", Text(note, style="dim"))
    if table.row_count:
        out.print(table)
    else:
        out.print(Text("  none", style="dim"))
