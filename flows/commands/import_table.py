"""`beckon import csv` and `beckon import jsonl`: the rows of a file as events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.clock import wall_ms
from flows.commands.console import Json, say, write_json
from flows.commands.run import instant
from flows.settings import Settings, read_settings
from flows.stop import install_signal_handlers, stop
from flows.totals import numbered
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.imports.run import Import
    from flows.imports.session import Kind
    from flows.verify.target import Target

CSV_EXAMPLES = (
    "beckon import csv deploy/imports/customers.csv --map deploy/imports/customers.yaml --output customers.jsonl",
    "beckon import csv deploy/imports/customers.csv --map deploy/imports/customers.yaml --dry-run",
)
JSONL_EXAMPLE = "beckon import jsonl deploy/imports/orders.jsonl --map deploy/imports/orders.yaml --output orders-events.jsonl"
DRY_ROWS = 5

File = Annotated[str, typer.Argument(help="The file, also .gz; - for standard input.", show_default=False)]
Map = Annotated[Path, typer.Option("--map", help="The map: which column is what.", show_default=False)]
Output = Annotated[str | None, typer.Option(help="A file, or - for standard output.", show_default="-")]
Input = Annotated[
    Path | None, typer.Option(metavar="FILE|DIR", help="The input of a job: events go to the end of the file, or into a new one.")
]
Brokers = Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...: events go to the input topic there.")]
Topic = Annotated[str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events")]
PlanFolder = Annotated[Path | None, typer.Option(help="With --kafka: the folder of the plan.", show_default=False)]
Rejects = Annotated[Path | None, typer.Option(help="Rows that make no event are written there, with number and reason.")]
At = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="The time of rows that have none: RFC 3339.", show_default="when the file was last changed"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help=f"Print the first {DRY_ROWS} events, and send none.")]


def csv(
    file: File,
    map: Map,
    output: Output = None,
    input: Input = None,
    kafka: Brokers = None,
    topic: Topic = None,
    plan: PlanFolder = None,
    rejects: Rejects = None,
    at: At = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Turn the rows of a CSV file into events: of a person, or with `event` in the map of what somebody did.

    Where rows are rejected, the others are imported, and the command ends with 1. The same row makes the same event, so a file can be
    imported again.
    """
    _import("csv", file, map, output, target_for(read_settings(), input, kafka, topic, plan), rejects, at, dry_run=dry_run, json=json)


def jsonl(
    file: File,
    map: Map,
    output: Output = None,
    input: Input = None,
    kafka: Brokers = None,
    topic: Topic = None,
    plan: PlanFolder = None,
    rejects: Rejects = None,
    at: At = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Turn a file with a JSON object in each line into events, as `beckon import csv` does with rows."""
    _import("jsonl", file, map, output, target_for(read_settings(), input, kafka, topic, plan), rejects, at, dry_run=dry_run, json=json)


def target_for(settings: Settings, input: Path | None, kafka: str | None, topic: str | None, plan: Path | None) -> Target | None:
    """The input of a job; None where none is asked for."""
    from flows.verify.target import target_of

    if input is not None and kafka is not None:
        raise UsageError("two inputs: give --input with the file or folder that the job reads or --kafka with brokers, and not both")
    if input is None and kafka is None:
        return None
    name = ""
    if kafka is not None:
        from flows.commands.rejects import plan_name
        from flows.connectors.kafka_topics import input_topic

        name = topic or settings.topic or input_topic(plan_name(plan, settings))
    return target_of(input, settings, kafka, name, "import")


def _import(
    kind: Kind,
    file: str,
    map: Path,
    output: str | None,
    target: Target | None,
    rejects: Path | None,
    at: str | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    from flows.imports.session import FileImport, import_file, to_output, to_target

    if output is not None and target is not None:
        raise UsageError("two outputs: give --output with a file, or the input of a job (--input, --kafka), and not both")
    to = target.name if target is not None else output or "-"
    if json and (dry_run or to == "-"):
        raise UsageError("--json prints what was done on standard output; give the events another place, such as --output with a file")
    what = FileImport(kind, file, map, None if at is None else instant(at, "--at"))
    install_signal_handlers()
    send = to_output("-", DRY_ROWS) if dry_run else to_target(target) if target is not None else to_output(to)
    done = import_file(what, rejects, send, now_ms=wall_ms())
    _tell(done, to, json=json, dry_run=dry_run)
    if done.tally.rejected:
        raise typer.Exit(1)


def _tell(done: Import, to: str, *, json: bool, dry_run: bool) -> None:
    tally = done.tally
    if json:
        told = {"output": to, "rows": tally.rows, "events": tally.events, "skipped": tally.skipped, "rejected": tally.rejected}
        write_json(told | {"columns_never_met": done.unmet.names(), "stopped": stop.is_set()})
    parts = (
        [numbered(tally.events, "event")] if dry_run else [f"{numbered(tally.events, 'event')} to {'standard output' if to == '-' else to}"]
    )
    parts += [f"{tally.skipped:,} skipped"] if tally.skipped else []
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(tally.rejected.items()))
    parts += [f"{tally.rejected.total():,} rejected ({reasons})"] if reasons else []
    say(f"{numbered(tally.rows, 'row')}: {', '.join(parts)}")
    for sentence in done.unmet.told():
        say(sentence)
    if stop.is_set():
        say("stopped before the end; run the same again, what is in already counts once")
