"""`beckon audit`: what the segments of a plan have become, over live state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows.commands.console import Json, err, out, say, write_json
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop
from operators.entries import MOST_DAYS
from schemas.errors import UsageError

EXAMPLE = "beckon audit --plan deploy/shop --state out/state --html audit.html"


def audit(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    state: Annotated[
        list[Path] | None,
        typer.Option(help="The state folder of the job, which may be running; of each process.", show_default="out/state"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days to look at, up to now.")] = 30,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures to this file.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Audit a plan: how large segments are and were, which hold the same people, and what never happened."""
    settings = read_settings()
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml and segments.yaml")
    install_signal_handlers()
    from flows.audit.audit import make_audit
    from flows.audit.findings import findings_of
    from flows.audit.lanes import read_lanes
    from flows.audit.page import page_of
    from flows.audit.tables import show
    from flows.plan_folder import open_plan
    from flows.reports.page import write_page
    from operators.language.reads import reads_of

    checked = open_plan(folder)
    reads = reads_of(checked)
    with err().status("reading the state"):
        found = read_lanes(state or [settings.state or Path("out/state")], checked, reads, days, stop.is_set)
    if found is None:
        say("stopped: the state was not read to its end, and nothing was written")
        return
    made = make_audit(checked, reads, found, days)
    findings = findings_of(made)
    if html is not None:
        write_page(html, page_of(made, findings))
    if json:
        write_json(msgspec.to_builtins(made) | {"findings": msgspec.to_builtins(findings)})
    else:
        show(made, findings, out())
    if html is not None:
        say(f"the page is in {html}")
