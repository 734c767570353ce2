"""`beckon replay`: a plan over a log that has happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, out, say, write_json
from flows.commands.run import instant
from flows.settings import Settings, read_settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.replay.inputs import Log
    from flows.replay.launch import Outcome
    from flows.replay.scratch import Side
    from operators.plan.checked import Plan

EXAMPLES = (
    "beckon replay --plan deploy/shop --input events.jsonl",
    "beckon replay --plan deploy/shop --against deploy/shop --input events.jsonl --from 2024-01-01 --to 2024-07-01 --output replay",
    "beckon replay --plan deploy/shop --kafka localhost:9092",
)
FILES, KAFKA = "From files", "From Kafka"


def replay(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    against: Annotated[Path | None, typer.Option(metavar="OLD", help="The folder of a plan to compare it with.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Report from there: RFC 3339, or a date (UTC). Earlier events are history.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="TIME", help="End time there; events at it or later are not applied.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write streams, differences, report and page there.", show_default=False)] = None,
    scratch: Annotated[
        Path | None, typer.Option(help="Work there: what was stopped or killed goes on.", show_default="a temporary folder")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=200, help="So many differences of persons are shown.")] = 20,
    json: Json = False,
    input: Annotated[
        str | None, typer.Option(metavar="FILE|-|DIR", help="JSON lines: a file, - or a folder; also .gz.", rich_help_panel=FILES)
    ] = None,
    kafka: Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...", rich_help_panel=KAFKA)] = None,
    topic: Annotated[
        str | None,
        typer.Option(help="The topic, up to its present end.", show_default="the plan's name and .events", rich_help_panel=KAFKA),
    ] = None,
) -> None:
    """Tell what a plan would have done over a log, and how that differs from another plan.

    The log is only read, and nothing is sent: state and output are scratch.
    """
    settings = read_settings()
    brokers = kafka or (None if input else settings.kafka)
    if not input and not brokers:
        raise UsageError("no input: give --input with a file, a folder or -, or --kafka with brokers")
    if input and (kafka or topic):
        raise UsageError(f"--input and {'--kafka' if kafka else '--topic'} exclude each other")
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml and segments.yaml")
    from_ms = None if from_ is None else instant(from_, "--from")
    to_ms = None if to is None else instant(to, "--to")
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise UsageError("--from must be before --to")
    # What is heavy to load is loaded only when the options are known to be right.
    from flows import logs
    from flows.plan_folder import open_tested_plan
    from flows.replay.launch import Asked, launch

    logs.configure(settings)
    plans: dict[Side, Plan] = {"new": open_tested_plan(folder)[0]}
    if against is not None:
        plans["old"] = open_tested_plan(against)[0]
    log = _log(settings, input, brokers, topic or settings.topic, plans["new"].name)
    asked = Asked(plans=plans, log=log, from_ms=from_ms, to_ms=to_ms, output=output, scratch=scratch)
    tell(launch(asked), kept=scratch is not None, json=json, limit=limit)


def _log(settings: Settings, input: str | None, brokers: str | None, topic: str | None, plan: str) -> Log:
    """The log that was asked for."""
    from flows.replay.inputs import FilesLog, KafkaLog

    if input:
        return FilesLog(input)
    from flows.connectors.kafka_topics import input_topic
    from flows.launch import kafka_settings

    return KafkaLog(kafka_settings(settings, brokers or ""), topic or input_topic(plan))


def tell(did: Outcome, *, kept: bool, json: bool, limit: int) -> None:
    """The report on standard output, and a line on standard error that says how long it took, or that it was stopped."""
    import msgspec

    from flows.replay.show import show
    from flows.totals import numbered, rate

    took = f"{numbered(did.events, 'event')} in {did.seconds:.1f} s ({rate(did.events, did.seconds):,}/s)"
    if did.report is None:
        say(f"stopped after {took}; {'the same command goes on from there' if kept else 'without --scratch nothing is kept'}")
        return
    if json:
        write_json(msgspec.to_builtins(did.report))
    else:
        show(did.report, did.differences[:limit], out())
    say(took)
