"""`beckon lint`: checks a plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.console import Json, write, write_json
from flows.totals import numbered
from schemas.errors import FindingsError

if TYPE_CHECKING:
    from operators.cases.checked import Case
    from operators.plan.checked import Plan
    from operators.plan.costs import Cost

EXAMPLES = ("beckon lint deploy/shop", "beckon lint deploy/shop --costs")


def lint(
    plan: Annotated[Path, typer.Argument(help="The folder of the plan.")],
    costs: Annotated[
        bool, typer.Option("--costs", help="Print for each segment whether it needs timers, and what it takes of a person's state.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a plan and its cases, and print all findings as file:line:column.

    It ends with 1 where there are any. Where there are none it prints notes: segments that lie in others, or have the same members.
    """
    from flows.plan_folder import notes_of
    from operators.plan.costs import costs_of

    checked, cases = checked_plan(plan, json=json)
    notes, table = notes_of(plan, checked), costs_of(checked) if costs else []
    if json:
        told = {"plan": str(plan), "findings": [], "notes": [asdict(note) for note in notes]}
        write_json(told | ({"costs": list(map(cost_record, table))} if costs else {}))
        return
    parts = [numbered(len(checked.segments), "segment"), numbered(len(checked.campaigns), "campaign")]
    parts += [numbered(len(each), word) for each, word in ((checked.forms, "form"), (cases, "case")) if each]
    write(f"{plan}: no findings in {', '.join(parts[:-1])} and {parts[-1]}")
    for line in (*notes, *cost_lines(table)):
        write(str(line))


def cost_record(cost: Cost) -> dict[str, Any]:
    """A cost for programs; `values` are values of properties that are kept, whose bytes come on top."""
    growing = [growth.size._asdict() | {"each": growth.each, "of": growth.of} for growth in cost.growing]
    return {"segment": cost.name, "timers": cost.timers, **cost.fixed._asdict(), "growing": growing}


def cost_lines(table: list[Cost]) -> list[str]:
    """The costs as a table; what grows is told with each segment, and not again with all of them."""
    rows = [("segment", "timers", "bytes a person, at most")]
    for cost in table:
        first, *more = cost.lines()
        rows.append((cost.name, "yes" if cost.timers else "no", first))
        rows += [("", "", line) for line in (more if cost is not table[-1] else ["+ what grows with events and values"] if more else [])]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{name.ljust(widths[0])}  {timers.ljust(widths[1])}  {text}" for name, timers, text in rows] if table else []


def checked_plan(folder: Path, *, json: bool) -> tuple[Plan, tuple[Case, ...]]:
    """The plan in a folder and its cases; where there are findings it prints them and ends the command."""
    from flows.plan_folder import open_tested_plan

    try:
        return open_tested_plan(folder)
    except FindingsError as error:
        if json:
            write_json({"plan": str(folder), "findings": [asdict(finding) for finding in error.findings], "notes": []})
        else:
            write(str(error))
        raise typer.Exit(error.exit_code) from None
