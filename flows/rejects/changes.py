"""`changes_of`: which segments and campaigns some records of a log change: the log is replayed with them and without them.

*Guarantees*: what is told hangs on the log, the plan and the records alone, and not on how far a job is. A replay applies the plan as it is
now to the whole log. Nothing is sent, and the log is only read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from flows.replay.differences import CampaignDifference, Difference, Differences, SegmentDifference, What
from flows.replay.inputs import Log
from flows.replay.launch import Asked, launch
from flows.replay.wording import shift, told
from flows.totals import numbered
from operators.plan.checked import Plan

WITH, WITHOUT = "with them", "without them"
WHATS: dict[What, str] = {
    "only_new": f"only {WITH}",
    "only_old": f"only {WITHOUT}",
    "moved": "at another time",
    "exit": "another exit",
    "outcome": "another outcome",
}
"""How what is with the records and what is without them differ."""


class Changes(msgspec.Struct):
    """What the records change: sums, and differences of persons (the first of them)."""

    sums: Differences
    differences: list[Difference]


def changes_of(plan: Plan, log: Log, records: Collection[bytes]) -> Changes | None:
    """The changes; None where the replay was stopped before its end."""
    outcome = launch(Asked(plans={"new": plan, "old": plan}, log=log, without=frozenset(records)))
    if outcome.report is None or outcome.report.differences is None:
        return None
    return Changes(outcome.report.differences, outcome.differences)


def changes_record(changes: Changes) -> dict[str, Any]:
    """The changes for programs: `new` is with the records, `old` without them."""
    sums = changes.sums
    return {
        "persons": sums.persons,
        "segments": [msgspec.to_builtins(each) for each in sums.segments if each.matters],
        "campaigns": [msgspec.to_builtins(each) for each in sums.campaigns if each.matters],
        "differences": sums.differences,
    }


def show_changes(changes: Changes, out: Console, limit: int) -> None:
    """Prints the changes, and the first differences of persons."""
    lines = [*_lines(changes.sums.segments), *_lines(changes.sums.campaigns)]
    if not lines:
        out.print("They change no segment and no campaign.")
        return
    out.print(Text(f"What they change, for {numbered(changes.sums.persons, 'person')}:", style="bold"))
    for line in lines:
        out.print(Text(f"  {line}"), soft_wrap=True)
    for difference in changes.differences[:limit]:
        _difference(difference, out)


def _lines(differences: list[SegmentDifference] | list[CampaignDifference]) -> Iterator[str]:
    """A line for each segment or campaign that is changed."""
    for each in differences:
        if each.matters:
            yield f"{each.id}: {', '.join(_parts(each))}"


def _parts(each: SegmentDifference | CampaignDifference) -> Iterator[str]:
    if isinstance(each, SegmentDifference):
        counts = {
            f"member at the end only {WITH}": each.members_only_new,
            f"member at the end only {WITHOUT}": each.members_only_old,
            f"entry only {WITH}": each.entries_only_new,
            f"entry only {WITHOUT}": each.entries_only_old,
            "other exit": each.exits,
        }
    else:
        counts = {
            f"trigger only {WITH}": each.triggers_only_new,
            f"trigger only {WITHOUT}": each.triggers_only_old,
            "other refusal": each.refusals,
        }
    yield from (f"{number:,} {_plural(what, number)}" for what, number in counts.items() if number)
    if each.moved:
        yield f"{each.moved:,} at another time ({shift(each.moved_ms, each.moved)})"


def _plural(what: str, number: int) -> str:
    """The words for a number of things.

    >>> _plural("entry only with them", 2), _plural("other exit", 1)
    ('entries only with them', 'other exit')
    """
    if number == 1:
        return what
    head, _, tail = what.partition(" only ")
    noun, place = (head.removesuffix(" at the end"), " at the end" if head.endswith(" at the end") else "")
    noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return noun + place + (f" only {tail}" if tail else "")


def _difference(difference: Difference, out: Console) -> None:
    each = told(difference)
    out.print(Text.assemble((each.person, "bold"), f"  {each.place}  ", (WHATS[difference.difference], "cyan")), soft_wrap=True)
    for name, side in ((WITH, each.new), (WITHOUT, each.old)):
        why = f"  {side.why}" if side.why else ""
        out.print(Text.assemble((f"  {name.ljust(len(WITHOUT))}  ", "dim"), side.what, (why, "dim")), soft_wrap=True)
