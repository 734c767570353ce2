"""`beckon rejects ls|show|retry`: the records that could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, brokers_of, out, say, write, write_json
from flows.commands.run import instant
from flows.settings import Settings, read_settings
from flows.totals import numbered
from schemas.errors import FindingsError, UnavailableError, UsageError

if TYPE_CHECKING:
    from flows.rejects.records import Refused
    from flows.rejects.retry import Done, Target
    from flows.rejects.streams import Rejects
    from operators.plan.checked import Plan

LS_EXAMPLES = (
    "beckon rejects ls --output out",
    "beckon rejects ls --output out --reason no_id --export mended.jsonl",
    "beckon rejects ls --kafka localhost:9092 --plan deploy/shop",
)
SHOW_EXAMPLE = "beckon rejects show 0:2 --output out"
RETRY_EXAMPLE = "beckon rejects retry mended.jsonl --plan deploy/shop --input events.jsonl --output out"

LEAST_DIGITS = 4
"""Of an id."""

rejects = typer.Typer(help="Look at records that could not be used, and send them again once they are mended.", no_args_is_help=True)

Output = Annotated[Path | None, typer.Option(help="The output folder of the job.", show_default="out")]
Brokers = Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...: the rejects are on the plan's topic there.")]
PlanFolder = Annotated[Path | None, typer.Option(help="The folder of the plan; with --kafka its name is that of the topics.")]


@rejects.command(epilog="Examples:\n\n" + "\n\n".join(f"$ {example}" for example in LS_EXAMPLES))
def ls(
    output: Output = None,
    kafka: Brokers = None,
    plan: PlanFolder = None,
    reason: Annotated[list[str] | None, typer.Option(help="Only of this reason; may be given again.", show_default=False)] = None,
    sender: Annotated[list[str] | None, typer.Option(help="Only sent by this library; may be given again.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only those from then on: RFC 3339, or a date (UTC).")] = None,
    all: Annotated[bool, typer.Option("--all", help="Also those that were retried.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Show beginnings of records, which can be personal.")] = False,
    export: Annotated[Path | None, typer.Option(help="Write them there, a line each, to be mended and retried.")] = None,
    json: Json = False,
) -> None:
    """List rejects by reason and sender, with numbers and examples.

    Values of records are shown only with --values, and written only with --export.
    """
    from flows.rejects.table import Wanted, overview, show_overview
    from schemas.output import REJECT_REASONS

    unknown = next((each for each in reason or () if each not in REJECT_REASONS), None)
    if unknown is not None:
        raise UsageError(f"--reason must be one of {', '.join(REJECT_REASONS)}; got {unknown!r}")
    wanted = Wanted(reason or (), sender or (), None if since is None else instant(since, "--since"), all)
    stream = stream_of(output, kafka, plan)
    retries = stream.retried()
    chosen = (refused for refused in stream.read() if wanted.takes(refused, retries))
    groups = overview(chosen if export is None else _exported(chosen, export), retries, values=values)
    number = sum(group.number for group in groups)
    if export is not None:
        say(f"{export} has {numbered(number, 'reject')}, to be mended in an editor; then: beckon rejects retry {export}")
    if json:
        import msgspec

        write_json({"rejects": number, "groups": msgspec.to_builtins(groups)})
    else:
        show_overview(groups, out())


@rejects.command(epilog=f"Example:\n\n$ {SHOW_EXAMPLE}")
def show(
    reject: Annotated[str, typer.Argument(help="Its id or the first digits of that, or partition:offset.", show_default=False)],
    output: Output = None,
    kafka: Brokers = None,
    plan: PlanFolder = None,
    json: Annotated[bool, typer.Option("--json", help="Print the line that is mended and retried.")] = False,
) -> None:
    """Show one reject whole, its record too."""
    from flows.rejects.records import line_of
    from flows.rejects.table import show_one

    stream = stream_of(output, kafka, plan)
    found = _find(stream, reject)
    if json:
        write(line_of(found).decode())
    else:
        show_one(found, stream.retried().get(found.id), out())


@rejects.command(epilog=f"Example:\n\n$ {RETRY_EXAMPLE}")
def retry(
    file: Annotated[Path, typer.Argument(help="Lines of `ls --export` or `show --json`, mended.", show_default=False)],
    plan: PlanFolder = None,
    input: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="The input of the job: they go to the end of the file, or into a new one.")
    ] = None,
    output: Output = None,
    kafka: Brokers = None,
    topic: Annotated[str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events")] = None,
    no_changes: Annotated[bool, typer.Option("--no-changes", help="Do not tell what they change.")] = False,
    limit: Annotated[int, typer.Option(min=0, max=200, help="So many differences of persons are shown.")] = 20,
    json: Json = False,
) -> None:
    """Send mended records through again, each once and at its own time, and tell which segments that changes.

    Where one of them still cannot be used, none is sent, and the command ends with 1. What was sent before is not sent again. To tell what
    changes, the input is replayed with these records and without them.
    """
    from flows import logs
    from flows.plan_folder import open_plan
    from flows.rejects.retry import retry_file, target_of

    settings = read_settings()
    brokers = brokers_of(settings, input, kafka)
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, that of the job")
    logs.configure(settings)
    checked = open_plan(folder)
    target = target_of(settings, checked, input, brokers, output or settings.output or Path("out"), topic or settings.topic)
    try:
        done = retry_file(file, checked, target)
    except FindingsError as error:
        write(str(error))
        say(f"{numbered(len(error.findings), 'finding')}; nothing was sent")
        raise typer.Exit(error.exit_code) from None
    say(f"{numbered(len(done.sent), 'record')} sent to {target.name}" + (f", {done.before:,} had been sent before" if done.before else ""))
    _tell_changes(done, target, checked, no_changes=no_changes, limit=limit, json=json)


def _tell_changes(done: Done, target: Target, plan: Plan, *, no_changes: bool, limit: int, json: bool) -> None:
    from flows.rejects.changes import changes_of, changes_record, show_changes

    changes = None if no_changes or not done.sent else changes_of(plan, target.log(), [mended.raw for mended in done.sent])
    if json:
        told = {"sent": [mended.message_id for mended in done.sent], "sent_before": done.before, "to": target.name}
        write_json(told | {"changes": None if changes is None else changes_record(changes)})
    elif changes is not None:
        show_changes(changes, out(), limit)


def _find(stream: Rejects, text: str) -> Refused:
    """The reject that is meant; UsageError where none is, or several are."""
    by_id = len(text) >= LEAST_DIGITS
    found = [each for each in stream.read() if each.where.text == text or (by_id and each.id.startswith(text))]
    if len(found) != 1:
        must = f"a reject must be given by its id, at least {LEAST_DIGITS} digits of it, or by partition:offset"
        raise UsageError(f"{must}; got {text!r}, which is {numbered(len(found), 'reject') if found else 'none'}")
    return found[0]


def _exported(chosen: Iterable[Refused], path: Path) -> Iterator[Refused]:
    """Hands rejects on, and writes each to the file."""
    from flows.rejects.records import line_of

    try:
        with path.open("wb") as file:
            for refused in chosen:
                file.write(line_of(refused) + b"\n")
                yield refused
    except OSError as error:
        raise UnavailableError(f"cannot write {path}: {error.strerror}") from error


def stream_of(output: Path | None, kafka: str | None, plan: Path | None) -> Rejects:
    """The rejects that are asked for."""
    settings = read_settings()
    brokers = kafka or (None if output else settings.kafka)
    if output and kafka:
        raise UsageError("--output and --kafka exclude each other")
    from flows.rejects.streams import FilesRejects, KafkaRejects

    if not brokers:
        return FilesRejects(output or settings.output or Path("out"))
    from flows.launch import kafka_settings

    return KafkaRejects(kafka_settings(settings, brokers), plan_name(plan, settings))


def plan_name(plan: Path | None, settings: Settings) -> str:
    """The name of the plan in a folder."""
    from flows.plan_folder import open_plan

    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan; its name is that of the topics")
    return open_plan(folder).name
