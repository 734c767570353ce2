"""`beckon profile show`, `discrepancies`: what is known of one person, and where sources differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.commands.console import Json, err, out, say, write_json
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop

EXAMPLE = "beckon profile show anna --plan deploy/shop --state out/state"
DISCREPANCIES_EXAMPLE = "beckon profile discrepancies --plan deploy/shop --state out/state --trait email"

profile = typer.Typer(help="Look at persons.", no_args_is_help=True)


@profile.command(epilog=f"Example:\n\n$ {EXAMPLE}")
def show(
    person: Annotated[str, typer.Argument(help="Any identifier: a userId, an e-mail address or an anonymousId.", show_default=False)],
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


@profile.command(epilog=f"Example:\n\n$ {DISCREPANCIES_EXAMPLE}")
def discrepancies(
    state: Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")] = None,
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan: says which value counts.")] = None,
    trait: Annotated[str | None, typer.Option(help="This trait alone.", show_default="all")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many to list, by person and trait; all are counted.")] = 100,
    json: Json = False,
) -> None:
    """List the traits on which sources differ: the value that counts, and what others say."""
    install_signal_handlers()
    from flows import discrepancies as differences
    from flows.plan_folder import open_plan

    settings = read_settings()
    folder = plan or settings.plan
    checked = None if folder is None else open_plan(folder)
    with err().status("reading the state"):
        found = differences.read_discrepancies(
            state or settings.state or Path("out/state"), checked, trait=trait, limit=limit, halted=stop.is_set
        )
    if found is None:
        say("stopped: the state was not read to its end")
    elif json:
        write_json(msgspec.to_builtins(found))
    else:
        differences.show(found, out())
