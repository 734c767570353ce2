"""`beckon import crm`: what has changed in a CRM of the plan, once, as events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from flows.commands.console import Json, err, say, write_json
from flows.commands.import_table import Brokers, Input, Rejects, Topic, target_for
from flows.settings import read_settings
from flows.stop import install_signal_handlers, stop
from flows.totals import numbered
from operators.language.check import nearest
from operators.language.durations import shortened
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.collect.crm.pull import Pull
    from flows.collect.crm.world import Pulled
    from flows.verify.target import Target
    from operators.plan.checked import CrmSource

EXAMPLE = "beckon import crm hubspot --plan deploy/crm --show-request"


def crm(
    name: Annotated[str, typer.Argument(help="The name of the CRM in collect.yaml.", show_default=False)],
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    data: Annotated[Path | None, typer.Option(help="Where it is kept how far the CRM was read: --data of the edge.")] = None,
    input: Input = None,
    kafka: Brokers = None,
    topic: Topic = None,
    all: Annotated[bool, typer.Option("--all", help="Read all again, as after a change of the map.")] = False,
    rejects: Rejects = None,
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print the first request, without the key, and ask nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Read what has changed in a CRM since it was read last, and send it into the input of a job.

    `beckon collect` does the same from time to time by itself. Without --input and --kafka all rows are printed as events, and nothing is
    noted. The key of the CRM is in BECKON_CRM_KEYS.
    """
    from flows import logs
    from flows.plan_folder import open_plan

    settings = read_settings()
    logs.configure(settings)
    folder = plan or settings.plan
    if folder is None:
        raise UsageError("no plan: give --plan, the folder with collect.yaml")
    source = _named(name, open_plan(folder).collect.crm)
    if show_request:
        write_json(_first_request(source))
        return
    target = target_for(settings, input, kafka, topic, folder)
    if target is not None and data is None:
        raise UsageError("give --data, the folder in which it is kept how far the CRM was read; it is that of beckon collect")
    if json and target is None:
        raise UsageError("--json prints what was done on standard output; give the events another place: --input or --kafka")
    install_signal_handlers()
    pull = _pull(source, data if target is not None else None, target, rejects, anew=all)
    done = pull.done
    _tell(done, "standard output" if target is None else target.name, json=json)
    for sentence in pull.unmet.told():
        say(sentence)
    if done.rejected:
        raise typer.Exit(1)


def _named(name: str, sources: Sequence[CrmSource]) -> CrmSource:
    known = {source.name: source for source in sources}
    if name not in known:
        must = (
            f"a CRM must be one of collect.yaml: {', '.join(known)}" if known else "collect.yaml must have `crm`, with a CRM of this name"
        )
        raise UsageError(f"{must}; got {shortened(name)}{nearest(name, known)}")
    return known[name]


def _first_request(source: CrmSource) -> dict[str, Any]:
    from flows.collect.crm.sources import walk_of

    walk = walk_of(source)
    ask = walk.ask(walk.begin(None))
    return {"method": ask.method, "url": ask.url, "query": urlencode(ask.query), "body": ask.body}


def _pull(source: CrmSource, data: Path | None, target: Target | None, rejects: Path | None, *, anew: bool) -> Pull:
    from flows.collect.crm.once import pull_once
    from flows.imports.rejected import RejectedRows
    from flows.imports.tables import Numbered

    send: Callable[[Sequence[tuple[str, bytes]]], object] = _print if target is None else target.send
    with RejectedRows(rejects) as rejected, err().status(f"asking {source.name}") as status:
        return pull_once(
            source,
            read_settings(),
            data,
            send,
            lambda row, number, reject: rejected.add(Numbered(number, number, row), reject),
            lambda done: status.update(f"{numbered(done.rows, 'row')} on {numbered(done.pages, 'page')}"),
            anew=anew,
        )


def _print(records: Sequence[tuple[str, bytes]]) -> None:
    sys.stdout.buffer.write(b"".join(line + b"\n" for _, line in records))
    sys.stdout.buffer.flush()


def _tell(done: Pulled, to: str, *, json: bool) -> None:
    if json:
        told = {"output": to, "pages": done.pages, "rows": done.rows, "events": done.events, "known": done.known, "skipped": done.skipped}
        write_json(told | {"rejected": done.rejected, "stopped": stop.is_set()})
    parts = [f"{numbered(done.events, 'event')} to {to}"]
    parts += [f"{number:,} {name}" for number, name in ((done.known, "known already"), (done.skipped, "skipped")) if number]
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(done.rejected.items()))
    parts += [f"{done.rejected.total():,} rejected ({reasons})"] if reasons else []
    say(f"{numbered(done.rows, 'row')} on {numbered(done.pages, 'page')}: {', '.join(parts)}")
    if stop.is_set():
        say("stopped before the end; run the same again to go on there")
