"""`beckon lint`: checks a plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.console import Json, write, write_json
from flows.totals import numbered
from schemas.errors import FindingsError

EXAMPLE = "beckon lint deploy/shop"


def lint(plan: Annotated[Path, typer.Argument(help="The folder of the plan.")], json: Json = False) -> None:
    """Check a plan, and print all findings as file:line:column.

    It ends with 1 where there are any.
    """
    from flows.plan_folder import open_plan

    try:
        checked = open_plan(plan)
    except FindingsError as error:
        if json:
            write_json({"plan": str(plan), "findings": [asdict(finding) for finding in error.findings]})
        else:
            write(str(error))
        raise typer.Exit(error.exit_code) from None
    if json:
        write_json({"plan": str(plan), "findings": []})
    else:
        write(f"{plan}: no findings in {numbered(len(checked.segments), 'segment')} and {numbered(len(checked.campaigns), 'campaign')}")
