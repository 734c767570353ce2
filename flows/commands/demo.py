"""`beckon demo`: the example plan over a public clickstream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.console import Json, err, out
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop

EXAMPLE = "beckon demo"


def demo(
    plan: Annotated[Path, typer.Option(help="The folder of the plan.")] = Path("deploy/shop"),
    cache: Annotated[Path | None, typer.Option(help="Where the download is kept.", show_default=".cache/data")] = None,
    work: Annotated[Path | None, typer.Option(help="Where events, output and state go.", show_default="a new temporary folder")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--no-live", help="Go on with a shop, live, until Ctrl-C.", show_default="on a terminal")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The shop's port; 0 takes a free one.")] = 0,
    json: Json = False,
) -> None:
    """Run the example plan over a clickstream, and show what came of it; then, live, for the visitors of a small shop."""
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

    report = run_demo(plan, cache or settings.cache, run, out=out(), err=err(), as_json=json, work=work)
    if (sys.stdout.isatty() and not json if live is None else live) and not stop.is_set():
        from flows.live import run_live

        checked, _ = open_tested_plan(plan)
        # Standard output has the one object that was asked for.
        run_live(checked, plan, settings, Path(report.folder) / "live", err() if json else out(), port)
