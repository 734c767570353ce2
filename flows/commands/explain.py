"""`beckon explain`: why a person is in a segment, or is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.console import Json, out, write_json
from flows.settings import read_settings
from schemas.errors import UsageError

EXAMPLES = (
    "beckon explain anna warm_leads --plan deploy/shop --state out/state",
    "beckon explain anna warm_leads --plan deploy/shop --state out/state --at 2024-01-01T10:00:30Z",
)


def explain(
    person: Annotated[str, typer.Argument(help="Any identifier: a userId, an e-mail address or an anonymousId.", show_default=False)],
    segment: Annotated[str, typer.Argument(help="The id of the segment.", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="At another instant: RFC 3339, or a date (its midnight in the plan's zone).", show_default="now"),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    state: Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")] = None,
    events: Annotated[int, typer.Option(min=0, help="How many of the newest events to show for each part of the rule.")] = 3,
    deep: Annotated[bool, typer.Option("--deep", help="Take the rules of all segments apart that the rule refers to.")] = False,
    json: Json = False,
) -> None:
    """Explain why a person is in a segment, or is not: each part of its rule with its value, the events that made it so, and when it
    changes by itself.

    The state tells of now, and of what comes if nothing happens; the kept history tells of any instant before.
    """
    settings = read_settings()
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml and segments.yaml")
    from zoneinfo import ZoneInfo

    from flows import explain as explaining
    from flows.plan_folder import open_plan
    from operators.instants import instant_of

    checked = open_plan(folder)
    instant = None if at is None else instant_of(at, ZoneInfo(checked.timezone))
    if at is not None and instant is None:
        raise UsageError(f"--at must be an RFC 3339 date and time, or a date; got {at!r}")
    answer = explaining.explain_person(
        state or settings.state or Path("out/state"), person, checked, segment, instant, events=events, deep=deep
    )
    if json:
        import msgspec

        write_json(msgspec.to_builtins(answer))
    else:
        from flows.explain_report import show_answer

        show_answer(answer, out())
