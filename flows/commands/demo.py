"""`beckon demo`: the example plan over a public clickstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.console import Json, err, out
from flows.settings import read_settings
from flows.stop import install_signal_handlers

EXAMPLE = "beckon demo"


def demo(
    plan: Annotated[Path, typer.Option(help="The folder of the plan.")] = Path("deploy/shop"),
    cache: Annotated[Path | None, typer.Option(help="Where the download is kept.", show_default=".cache/data")] = None,
    work: Annotated[Path | None, typer.Option(help="Where events, output and state go.", show_default="a new temporary folder")] = None,
    json: Json = False,
) -> None:
    """Run the example plan over a clickstream, and show what came of it."""
    from flows import logs
    from flows.demo import run_demo
    from flows.launch import files_job, launch
    from flows.plan_folder import open_tested_plan
    from schemas.counts import Counts

    settings = read_settings()
    logs.configure(settings)
    install_signal_handlers()

    def run(plan: Path, events: Path, output: Path, state: Path) -> Counts:
        checked, _ = open_tested_plan(plan)
        return launch(files_job(checked, str(events), output, state), settings, live=False).counts

    run_demo(plan, cache or settings.cache, run, out=out(), err=err(), as_json=json, work=work)
