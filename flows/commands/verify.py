"""`beckon verify`: whether mail arrives at the addresses of persons, looked up and sent into the input as events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.console import Json, brokers_of, err, out, say, write_json
from flows.settings import Settings, read_settings
from flows.stop import install_signal_handlers
from flows.verify.services import SERVICES, verifier_of
from operators.language.durations import parse_duration
from schemas.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from flows.verify.paid import Budget
    from flows.verify.session import Session
    from flows.verify.target import Target
    from flows.verify.verifier import Verifier

EXAMPLES = (
    "beckon verify --plan deploy/shop --input events.jsonl --dry-run",
    "beckon verify --plan deploy/shop --input events.jsonl --service zerobounce --budget 500 --dry-run",
)
BUDGET = 1_000


def verify(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    state: Annotated[
        list[Path] | None,
        typer.Option(help="The state folder of the job, which may be running; of each process.", show_default="out/state"),
    ] = None,
    input: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="The input of the job: events go to the end of the file, or into a new one.")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...: events go to the input topic there.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="The input topic.", show_default="the plan's name and .events")] = None,
    service: Annotated[
        str | None,
        typer.Option(help=f"A service to ask for mailboxes whose domain takes mail: {' or '.join(SERVICES)}; its key is a setting."),
    ] = None,
    budget: Annotated[int, typer.Option(min=0, help="So many paid look-ups at most.")] = BUDGET,
    month_budget: Annotated[
        int | None, typer.Option(min=0, help="So many at most in a calendar month (UTC), all runs together.", show_default="none")
    ] = None,
    max_age: Annotated[str, typer.Option(metavar="DURATION", help="Who has a verdict younger than that is not looked up.")] = "90d",
    resolver: Annotated[
        list[str] | None, typer.Option(metavar="ADDRESS[:PORT]", help="A name server; may be given again.", show_default="the system's")
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="What was asked, found and paid.", show_default="verify.sqlite in the state")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell how many would be looked up, and look up none.")] = False,
    json: Json = False,
) -> None:
    """Look up whether mail arrives at the addresses of persons, and send what was found into the input of the job.

    Without --service only domains are looked up, which costs nothing. Where the service fails, what was found is sent, and the command ends
    with 3. Neither addresses nor keys are shown.
    """
    from flows import logs
    from flows.plan_folder import open_plan
    from flows.verify.ledger import LEDGER
    from flows.verify.paid import Budget
    from flows.verify.report import due_record, show_due
    from flows.verify.session import Session, look

    settings = read_settings()
    logs.configure(settings)
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, that of the job")
    if service is not None and service not in SERVICES:
        raise UsageError(f"--service must be one of {', '.join(SERVICES)}; got {service!r}")
    install_signal_handlers()
    states = state or [settings.state or Path("out/state")]
    session = Session(open_plan(folder), states, ledger or states[0] / LEDGER, _age(max_age), service is not None)
    if dry_run:
        with err().status("reading the state"):
            due = look(session)
        write_json(due_record(due)) if json else show_due(due, out())
        return
    target = _target(settings, session.plan.name, input, kafka, topic)
    verifier = None if service is None else verifier_of(service, settings)
    _verify(session, target, resolver or [], verifier, Budget(budget, month_budget), json=json)


def _verify(session: Session, target: Target, servers: list[str], verifier: Verifier | None, budget: Budget, *, json: bool) -> None:
    from flows.totals import numbered
    from flows.verify.report import done_record, show_done, told
    from flows.verify.session import verify

    with err().status("looking up") as status:
        ended = verify(session, target, servers, verifier, budget, seen=lambda done: status.update(told(done)))
    done = ended.done
    if json:
        service = None if verifier is None else {"name": verifier.name, "paid": done.asked, "paid_this_month": ended.spent}
        write_json(done_record(done, target.name) | {"service": service, "stopped": ended.stopped})
    else:
        show_done(done, target.name, out())
    if ended.stopped:
        say("stopped: what was found is sent, the others are looked up by the next run")
    if ended.over:
        say(f"the budget is spent; {numbered(done.mailboxes['left'], 'mailbox', 'mailboxes')} left unasked")
    if ended.closed is not None and verifier is not None:
        raise UnavailableError(f"{verifier.name} {ended.closed}; what was found is sent")


def _target(settings: Settings, name: str, input: Path | None, kafka: str | None, topic: str | None) -> Target:
    from flows.connectors.kafka_topics import input_topic
    from flows.verify.target import target_of

    brokers = brokers_of(settings, input, kafka)
    return target_of(input, settings, brokers, topic or settings.topic or input_topic(name))


def _age(text: str) -> int:
    try:
        ms = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--max-age: {error}") from None
    if ms <= 0:
        raise UsageError(f"--max-age must be more than 0; got {text!r}")
    return ms
