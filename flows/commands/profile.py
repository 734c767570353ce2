"""`beckon profile show`: what is known of one person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.commands.console import Json, out, write_json
from flows.settings import read_settings

EXAMPLE = "beckon profile show anna --plan deploy/shop --state out/state"

profile = typer.Typer(help="Look at persons.", no_args_is_help=True)


@profile.command(epilog=f"Example:\n\n$ {EXAMPLE}")
def show(
    person: Annotated[str, typer.Argument(help="The userId, or else the anonymousId.", show_default=False)],
    state: Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")] = None,
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan: gives names and values of segments.")] = None,
    events: Annotated[int, typer.Option(min=0, help="How many of the newest events to show.")] = 20,
    json: Json = False,
) -> None:
    """Show a person: clock, traits, consents, segments with their values, the newest events of the kept history."""
    from flows import profile as profiles
    from flows.plan_folder import open_plan

    settings = read_settings()
    folder = plan or settings.plan
    found = profiles.read_profile(
        state or settings.state or Path("out/state"), person, None if folder is None else open_plan(folder), recent=events
    )
    if json:
        write_json(msgspec.to_builtins(found))
    else:
        profiles.show(found, out())
