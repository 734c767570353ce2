"""`beckon run`: the main job."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from flows.commands.console import Json, say, write_json
from flows.settings import read_settings
from operators.instants import instant_of
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.launch import Outcome

EXAMPLES = (
    "beckon run --plan deploy/shop --input events.jsonl --output out",
    "beckon run --plan deploy/shop --kafka localhost:9092 --create-topics --until 2024-07-01",
    "beckon run --plan deploy/shop --stage identify --input events.jsonl --output identified",
)
FILES, KAFKA, CLUSTER = "From files", "From Kafka", "Workers and processes"


class Stage(enum.Enum):
    """The values of `--stage`."""

    all = "all"
    identify = "identify"
    person = "person"


FILES_ONLY = ("--output", "--follow")


def run(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    state: Annotated[
        Path | None, typer.Option(help="Where the state is kept.", show_default="state in --output; with Kafka beckon-state")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End time there: RFC 3339, or a date (UTC). Later events are not applied.")
    ] = None,
    stage: Annotated[
        Stage, typer.Option(help="Run one stage only; the stream resolved joins the two.", show_default="both in one")
    ] = Stage.all,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65535, help="Serve metrics for Prometheus; 0 takes a free port.")] = None,
    json: Json = False,
    input: Annotated[
        str | None, typer.Option(metavar="FILE|-|DIR", help="JSON lines: a file, - or a folder; also .gz.", rich_help_panel=FILES)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where the output goes.", show_default="out", rich_help_panel=FILES)] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more at the end of the input.", rich_help_panel=FILES)] = False,
    kafka: Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...", rich_help_panel=KAFKA)] = None,
    topic: Annotated[
        str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events", rich_help_panel=KAFKA)
    ] = None,
    partitions: Annotated[
        str | None, typer.Option(metavar="0-1,3", help="Only these partitions of it.", show_default="all", rich_help_panel=KAFKA)
    ] = None,
    create_topics: Annotated[bool, typer.Option("--create-topics", help="Make topics that are missing.", rich_help_panel=KAFKA)] = False,
    topic_partitions: Annotated[
        int, typer.Option(min=1, help="How many partitions an input topic made so gets.", rich_help_panel=KAFKA)
    ] = 4,
    workers: Annotated[int, typer.Option(min=1, help="Threads in this process; they share one interpreter.", rich_help_panel=CLUSTER)] = 1,
    addresses: Annotated[
        str | None, typer.Option(metavar="HOST:PORT;...", help="All processes, this one too.", rich_help_panel=CLUSTER)
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(min=0, help="This one's place among the addresses, from 0.", rich_help_panel=CLUSTER)
    ] = None,
) -> None:
    """Run a plan over events, from files to files or from Kafka to Kafka.

    It goes on where its state stands. SIGTERM and Ctrl-C stop it cleanly: the batch at hand is finished and published.
    """
    settings = read_settings()
    brokers = kafka or (None if input else settings.kafka)
    given = {"--output": output, "--follow": follow, "--topic": topic, "--partitions": partitions, "--create-topics": create_topics}
    check_source(input, brokers, [name for name, value in given.items() if value], until)
    # What is heavy to load is loaded only when the options are known to be right.
    from flows import logs
    from flows.cluster import Cluster
    from flows.launch import files_job, kafka_job, launch
    from flows.plan_folder import open_tested_plan

    cluster = Cluster.of(workers, addresses, process_id)
    if input and cluster != Cluster():
        raise UsageError("a file or folder is one partition, so one worker runs it; --workers and --addresses go with --kafka")
    until_ms = None if until is None else instant(until)
    chosen = None if partitions is None else numbers(partitions)
    if plan is None and settings.plan is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml and segments.yaml")
    logs.configure(settings)
    checked, _ = open_tested_plan(plan or settings.plan or Path())
    state = state or settings.state
    if input:
        into = output or settings.output or Path("out")
        job = files_job(checked, input, into, state or into / "state", stage=stage.value, until_ms=until_ms, follow=follow)
    else:
        create = topic_partitions if create_topics else None
        job = kafka_job(
            checked,
            settings,
            brokers or "",
            state or Path("beckon-state"),
            topic=topic or settings.topic,
            partitions=chosen,
            create=create,
            stage=stage.value,
            until_ms=until_ms,
        )
    live = follow or (not input and until is None)
    port = settings.metrics_port if metrics_port is None else metrics_port
    report(launch(job, settings, live=live, cluster=cluster, metrics_port=port), json)


def check_source(input: str | None, kafka: str | None, given: Sequence[str], until: str | None) -> None:
    """UsageError where options do not go together; `given` are the names of those that go with one source only."""
    if not input and not kafka:
        raise UsageError("no input: give --input with a file, a folder or -, or --kafka with brokers")
    if input and kafka:
        raise UsageError("--input and --kafka exclude each other")
    foreign = [name for name in given if (name in FILES_ONLY) != bool(input)]
    if foreign:
        raise UsageError(f"{foreign[0]} goes with {'--kafka' if input else '--input'}")
    if "--follow" in given and until is not None:
        raise UsageError("--follow waits for more without end, and --until names one; give one of them")


def instant(text: str, option: str = "--until") -> int:
    """ms since 1970 of a TIME.

    >>> instant("1970-01-02")
    86400000
    """
    ms = instant_of(text, ZoneInfo("UTC"))
    if ms is None:
        raise UsageError(f"{option} must be a date or a time like 2026-01-31T12:00:00Z; got {text!r}")
    return ms


def numbers(text: str) -> list[int]:
    """Partitions, ascending.

    >>> numbers("0-1,3")
    [0, 1, 3]
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,6})(?:-([0-9]{1,6}))?\s*", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"--partitions must be like 0-1,3; got {text!r}")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return sorted(found)


def report(did: Outcome, json: bool) -> None:
    """What was done: a line on standard error, with --json also an object on standard output."""
    from flows.totals import summary, summary_line

    if json:
        write_json(summary(did.counts, did.offsets, did.seconds) | {"stopped": did.stopped})
    say(("stopped: " if did.stopped else "") + summary_line(did.counts, did.seconds))
