"""`beckon lint`: checks a plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, write, write_json
from flows.totals import numbered
from schemas.errors import FindingsError

if TYPE_CHECKING:
    from operators.cases.checked import Case
    from operators.plan.checked import Plan

EXAMPLE = "beckon lint deploy/shop"


def lint(plan: Annotated[Path, typer.Argument(help="The folder of the plan.")], json: Json = False) -> None:
    """Check a plan and its cases, and print all findings as file:line:column.

    It ends with 1 where there are any.
    """
    checked, cases = checked_plan(plan, json=json)
    if json:
        write_json({"plan": str(plan), "findings": []})
        return
    parts = [numbered(len(checked.segments), "segment"), numbered(len(checked.campaigns), "campaign")]
    parts += [numbered(len(cases), "case")] if cases else []
    write(f"{plan}: no findings in {', '.join(parts[:-1])} and {parts[-1]}")


def checked_plan(folder: Path, *, json: bool) -> tuple[Plan, tuple[Case, ...]]:
    """The plan in a folder and its cases; where there are findings it prints them and ends the command."""
    from flows.plan_folder import open_tested_plan

    try:
        return open_tested_plan(folder)
    except FindingsError as error:
        if json:
            write_json({"plan": str(folder), "findings": [asdict(finding) for finding in error.findings]})
        else:
            write(str(error))
        raise typer.Exit(error.exit_code) from None
