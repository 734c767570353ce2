"""`overview`: rejects by reason and sender, with numbers and examples; `show_overview` and `show_one` for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.rejects.records import Refused, Where
from flows.rejects.streams import Retry
from flows.totals import numbered
from operators.instants import format_instant

EXAMPLES = 3
"""So many of each group are told."""
MOST_TEXT = 200
"""So much of a record is shown."""
ID = 12
"""So many digits of an id are shown."""


class Wanted(NamedTuple):
    """Which rejects are asked for: of these reasons and senders (empty: of any), from an instant on (one whose time nobody knows counts as
    later), and also those that were retried."""

    reasons: Collection[str] = ()
    senders: Collection[str] = ()
    since_ms: int | None = None
    retried: bool = False

    def takes(self, refused: Refused, retries: Mapping[str, Retry]) -> bool:
        """Whether a reject is among them."""
        if (self.reasons and refused.reason not in self.reasons) or (refused.id in retries and not self.retried):
            return False
        if self.senders and refused.sender not in self.senders:
            return False
        ms = refused.ms if self.since_ms is not None else None
        return ms is None or self.since_ms is None or ms >= self.since_ms


class Example(msgspec.Struct, frozen=True):
    """One of a group; `record` is its beginning, where that was asked for."""

    id: str
    source: Where
    detail: str
    record: str | msgspec.UnsetType = msgspec.UNSET


class Group(msgspec.Struct):
    """The rejects of one reason and sender: how many, how many of them were retried, and from when to when they came."""

    reason: str
    sender: str
    number: int = 0
    retried: int = 0
    first: str | None = None
    last: str | None = None
    examples: list[Example] = []

    def add(self, refused: Refused, *, retried: bool, values: bool) -> None:
        """Counts one."""
        self.number += 1
        self.retried += retried
        if refused.ms is not None:
            time = format_instant(refused.ms)
            self.first, self.last = min(self.first or time, time), max(self.last or time, time)
        if len(self.examples) < EXAMPLES:
            record = beginning(refused.raw) if values else msgspec.UNSET
            self.examples.append(Example(refused.id, refused.where, refused.detail, record))


def overview(rejects: Iterable[Refused], retries: Collection[str], *, values: bool = False) -> list[Group]:
    """The groups, the largest first; only with `values` they hold something of the records."""
    groups: dict[tuple[str, str], Group] = {}
    for refused in rejects:
        key = refused.reason, refused.sender
        groups.setdefault(key, Group(*key, examples=[])).add(refused, retried=refused.id in retries, values=values)
    return sorted(groups.values(), key=lambda group: (-group.number, group.reason, group.sender))


def beginning(raw: bytes) -> str:
    """The beginning of a record, printable and on one line.

    >>> beginning(b'{"a":\\n 1, "b": "\\xff"}')
    '{"a": 1, "b": "\\\\xff"}'
    """
    shown = printable(" ".join(raw[: 4 * MOST_TEXT].decode(errors="backslashreplace").split()))
    return shown if len(shown) <= MOST_TEXT else f"{shown[:MOST_TEXT]}..."


def show_overview(groups: list[Group], out: Console) -> None:
    """Prints the groups as a table, and examples of each below it."""
    total, retried = sum(group.number for group in groups), sum(group.retried for group in groups)
    out.print(Text(numbered(total, "reject") + (f", {retried:,} of them retried" if retried else ""), style="bold"))
    if not groups:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("Reason", "Sent by"):
        table.add_column(name, overflow="fold")
    table.add_column("Number", justify="right")
    for name in ("First", "Last"):
        table.add_column(name, overflow="fold")
    for group in groups:
        table.add_row(*map(Text, (group.reason, group.sender, f"{group.number:,}", _minute(group.first), _minute(group.last))))
    out.print(table)
    for group in groups:
        out.print(Text(f"\n{group.reason}, sent by {group.sender}", style="bold"))
        for example in group.examples:
            out.print(Text.assemble((f"  {example.id[:ID]}", "cyan"), f"  {example.source.text}  {example.detail}"), soft_wrap=True)
            if example.record is not msgspec.UNSET:
                out.print(Text(f"    {example.record}", style="dim"), soft_wrap=True)


def _minute(time: str | None) -> str:
    return "" if time is None else time[:16].replace("T", " ")


def show_one(refused: Refused, retry: Retry | None, out: Console) -> None:
    """Prints one whole, its record too."""
    time = "unknown" if refused.log_ms is None else format_instant(refused.log_ms)
    rows = {"id": refused.id, "reason": refused.reason, "detail": refused.detail, "sent by": refused.sender}
    rows |= {"partition": str(refused.where.partition), "offset": str(refused.where.offset), "time in the log": time}
    rows |= {"retried": f"{retry.time} as {retry.message_id}"} if retry is not None else {}
    for name, text in rows.items():
        out.print(Text.assemble((f"{name.ljust(15)}  ", "dim"), text), soft_wrap=True)
    out.print()
    out.print(Text(_whole(refused.raw)), soft_wrap=True)


def _whole(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw.decode(), indent=2)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return printable(raw.decode(errors="backslashreplace"), kept="\n")


def printable(text: str, kept: str = "") -> str:
    """The text with what cannot be printed written as escapes; a record must not reach the terminal's controls."""
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)
