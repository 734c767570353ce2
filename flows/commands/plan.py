"""`beckon plan status`: how a plan stands in the state of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.commands.console import Json, out, write_json
from flows.settings import read_settings
from schemas.errors import UsageError

EXAMPLE = "beckon plan status --plan deploy/shop --state out/state"

plan = typer.Typer(help="Look at a plan at work.", no_args_is_help=True)


@plan.callback()
def _plan() -> None:
    """Look at a plan at work."""


@plan.command(epilog=f"Example:\n\n$ {EXAMPLE}")
def status(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    state: Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")] = None,
    lanes: Annotated[bool, typer.Option("--lanes", help="Show each lane too.")] = False,
    json: Json = False,
) -> None:
    """Show which segments are live and which are still being filled, since when they are complete, and what the plan given would change.

    While persons are being filled it looks twice, a second apart, to tell how long that will take.
    """
    settings = read_settings()
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml and segments.yaml")
    from flows import status_report
    from flows.plan_folder import open_plan
    from flows.status import read_status
    from flows.stop import a_while, install_signal_handlers

    install_signal_handlers()
    found = read_status(state or settings.state or Path("out/state"), open_plan(folder), a_while)
    if json:
        write_json(msgspec.to_builtins(found))
    else:
        status_report.show(found, out(), lanes=lanes)
