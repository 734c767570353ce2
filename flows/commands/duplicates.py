"""`beckon duplicates ls|show|accept|refuse`: persons that are probably one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, brokers_of, out, say, write_json
from flows.commands.sending import send
from flows.settings import read_settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from operators.duplicates.rows import Candidate

LS_EXAMPLE = "beckon duplicates ls --state out/state"
SHOW_EXAMPLE = "beckon duplicates show anna anna-2 --state out/state"
ACCEPT_EXAMPLES = (
    "beckon duplicates accept anna anna-2 --input events.jsonl",
    "beckon duplicates accept anna anna-2 --kafka localhost:9092 --plan deploy/shop",
)
REFUSE_EXAMPLE = "beckon duplicates refuse anna anna-2 --input events.jsonl"

duplicates = typer.Typer(help="Look at persons that are probably one, and say whether they are.", no_args_is_help=True)

State = Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")]
Person = Annotated[str, typer.Argument(help="The one.", show_default=False)]
Other = Annotated[str, typer.Argument(help="The other.", show_default=False)]
Input = Annotated[
    Path | None, typer.Option(metavar="FILE|DIR", help="The input of the job: the record goes to the end of the file, or into a new one.")
]
Brokers = Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...: the record goes to the input topic there.")]
Topic = Annotated[str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events")]
PlanFolder = Annotated[Path | None, typer.Option(help="The folder of the plan; with --kafka its name is that of the topics.")]


@duplicates.command(epilog=f"Example:\n\n$ {LS_EXAMPLE}")
def ls(
    state: State = None,
    all: Annotated[bool, typer.Option("--all", help="Also those of which was decided: merged, parted again, refused.")] = False,
    json: Json = False,
) -> None:
    """List the pairs that are up for review, the surest first, with the evidence: how each field agrees, and its weight in bits."""
    from flows.duplicates import read_pairs, show_pairs

    pairs = read_pairs(_state(state), decided=all)
    if json:
        import msgspec

        write_json(msgspec.to_builtins(pairs))
    else:
        show_pairs(pairs, out())


@duplicates.command(epilog=f"Example:\n\n$ {SHOW_EXAMPLE}")
def show(person: Person, other: Other, state: State = None, json: Json = False) -> None:
    """Show one pair, with what was compared, in the spelling in which it was."""
    from flows.duplicates import find_pair, pair_record, show_pair

    candidate, records = find_pair(_state(state), person, other)
    if json:
        write_json(pair_record(candidate, records))
    else:
        show_pair(candidate, records, out())


@duplicates.command(epilog="Examples:\n\n" + "\n\n".join(f"$ {example}" for example in ACCEPT_EXAMPLES))
def accept(
    person: Annotated[str, typer.Argument(help="The one whose name stays.", show_default=False)],
    other: Other,
    input: Input = None,
    state: State = None,
    kafka: Brokers = None,
    topic: Topic = None,
    plan: PlanFolder = None,
    json: Json = False,
) -> None:
    """Make the two one: an alias with the evidence goes to the input of the job."""
    from flows.duplicates import accept, is_user

    candidate = _open(state, person, other)
    _send(accept(candidate, person, is_user=is_user(_state(state), person)), input, kafka, topic, plan, json=json)


@duplicates.command(epilog=f"Example:\n\n$ {REFUSE_EXAMPLE}")
def refuse(
    person: Person,
    other: Other,
    input: Input = None,
    state: State = None,
    kafka: Brokers = None,
    topic: Topic = None,
    plan: PlanFolder = None,
    json: Json = False,
) -> None:
    """Say that the two are two: an event goes to the input of the job, and they are never put up again."""
    from flows.duplicates import refuse

    candidate = _open(state, person, other)
    _send(refuse(candidate), input, kafka, topic, plan, json=json)


def _state(state: Path | None) -> Path:
    return state or read_settings().state or Path("out/state")


def _open(state: Path | None, person: str, other: str) -> Candidate:
    """The candidate of these two; UsageError where somebody has decided already."""
    from flows.duplicates import find_pair

    candidate, _ = find_pair(_state(state), person, other)
    if candidate.state != "open":
        raise UsageError(f"the pair must be up for review; it is {candidate.state}")
    return candidate


def _send(record: dict[str, object], input: Path | None, kafka: str | None, topic: str | None, plan: Path | None, *, json: bool) -> None:
    from flows import logs

    settings = read_settings()
    logs.configure(settings)
    brokers = brokers_of(settings, input, kafka)
    target = send(record, settings, input, brokers, topic, plan)
    if json:
        write_json({"record": record, "to": target})
    say(f"1 record sent to {target}")
