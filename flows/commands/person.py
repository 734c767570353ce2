"""`beckon person export|erase`: what somebody may ask for of what is kept of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, brokers_of, say, write, write_json
from flows.commands.sending import send
from flows.settings import read_settings
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.person import InLane

EXPORT_EXAMPLE = "beckon person export anna --state out/state"
ERASE_EXAMPLES = (
    "beckon person erase anna --yes --state out/state --input events.jsonl",
    "beckon person erase anna --yes --kafka localhost:9092 --plan deploy/shop",
)

person = typer.Typer(help="Give a person all that is kept of it, or forget it.", no_args_is_help=True)

Person = Annotated[str, typer.Argument(help="Any identifier: a userId, an e-mail address or an anonymousId.", show_default=False)]
State = Annotated[Path | None, typer.Option(help="The state folder of the job, which may be running.", show_default="out/state")]


@person.command(epilog=f"Example:\n\n$ {EXPORT_EXAMPLE}")
def export(person: Person, state: State = None) -> None:
    """Print all that is kept of a person, in all lanes, as one JSON document.

    Where nothing is, the command ends with 1.
    """
    from flows.person import export

    write_json(export(_known(state, person)))


@person.command(epilog="Examples:\n\n" + "\n\n".join(f"$ {example}" for example in ERASE_EXAMPLES))
def erase(
    person: Person,
    state: State = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    input: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="The input of the job: the record goes to the end of the file, or into a new one."),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(metavar="BROKERS", help="host:port,...: the record goes to all partitions of the input topic."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events")] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="The ledger of `beckon verify`.", show_default="verify.sqlite in the state, where that is there")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The --data of `beckon collect`, where the plan has progressive forms.", show_default=False)
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan; with --kafka its name is that of the topics.")] = None,
    json: Json = False,
) -> None:
    """Forget a person: a record goes to the input of the job, which takes everything of the person out of its state.

    What `beckon verify` knows of its addresses is forgotten at once, and with --data what forms asked it. That cannot be undone. Only keyed
    hashes of the e-mail addresses stay, so that nobody writes to them again.
    """
    from flows import logs
    from flows.person import erasure, forget_answers, forget_verdicts, told
    from flows.verify.ledger import LEDGER

    settings = read_settings()
    logs.configure(settings)
    brokers = brokers_of(settings, input, kafka)
    lanes = _known(state, person)
    if not yes:
        _ask(told(lanes))
    forget_verdicts(ledger or _folder(state) / LEDGER, lanes)
    if data is not None:
        forget_answers(data, lanes)
    record = erasure(lanes)
    target = send(record, settings, input, brokers, topic, plan, everywhere=True)
    if json:
        write_json({"record": record, "to": target})
    say(f"the record is sent to {target}; the person is forgotten when the job has read it")


def _folder(state: Path | None) -> Path:
    return state or read_settings().state or Path("out/state")


def _known(state: Path | None, person: str) -> list[InLane]:
    """What the lanes keep of the person; ends the command with 1 where that is nothing."""
    from flows.person import traces

    folder = _folder(state)
    found = traces(folder, person)
    if not found:
        say(f"nothing is kept of such a person in {folder}; give an identifier just as the events have it")
        raise typer.Exit(1)
    return found


def _ask(lines: list[str]) -> None:
    """Shows what is going to be forgotten, and goes on only where that is wanted."""
    if not sys.stdin.isatty():
        raise UsageError("erasing cannot be undone, and there is nobody to ask; give --yes")
    for line in lines:
        write(line)
    typer.confirm("Forget all of this for good?", abort=True, err=True)
