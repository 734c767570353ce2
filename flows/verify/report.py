"""What `beckon verify` prints: `done_record` and `due_record` for programs, `show_done` and `show_due` for people. No addresses."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows.totals import numbered
from flows.verify.run import Done, Due
from flows.verify.verdict import REASONS

STATUSES = tuple(dict.fromkeys(status for status, _ in REASONS.values()))


def done_record(done: Done, to: str) -> dict[str, Any]:
    """What a pass did."""
    return {
        "persons": done.persons,
        "addresses": done.addresses,
        "looked_up": done.mailboxes["found"] + done.mailboxes["asked"],
        "waiting": done.mailboxes["waiting"],
        "left": done.mailboxes["left"],
        "sent": {status: done.told[status] for status in STATUSES},
        "to": to,
    }


def due_record(due: Due) -> dict[str, int]:
    """What a pass would do."""
    return asdict(due)


def told(done: Done) -> str:
    """How far a pass is."""
    return f"{numbered(done.persons, 'person')} read, {sum(done.told.values()):,} events sent, {done.mailboxes['asked']:,} paid"


def show_done(done: Done, to: str, out: Console) -> None:
    """One line for what was sent, one for what was looked up and what was not."""
    sent, looked_up = sum(done.told.values()), done.mailboxes["found"] + done.mailboxes["asked"]
    statuses = ", ".join(f"{done.told[status]:,} {status}" for status in STATUSES if done.told[status])
    out.print(f"{numbered(sent, 'event')} sent to {to}{f': {statuses}' if sent else ''}", soft_wrap=True)
    parts = [f"{numbered(done.addresses, 'address', 'addresses')} of {numbered(done.persons, 'person')}"]
    parts += [f"{looked_up:,} looked up", f"{done.mailboxes['asked']:,} of them paid"]
    others = {"wait for their domains": done.mailboxes["waiting"], "left unasked": done.mailboxes["left"]}
    out.print(", ".join(parts + [f"{number:,} {name}" for name, number in others.items() if number]), soft_wrap=True)


def show_due(due: Due, out: Console) -> None:
    """The numbers, a line each."""
    rows = {
        "persons": due.persons,
        "addresses without a fresh verdict": due.addresses,
        "mailboxes that tell it themselves": due.by_themselves,
        "domains to look up": due.domains,
        "mailboxes to ask a service for, at most": due.to_ask,
        "verdicts to tell": due.to_tell,
    }
    for name, number in rows.items():
        out.print(f"{number:>9,}  {name}")
