"""Rejects by reason and sender: which are taken, what is told of them, and that no value of a record is among it."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from flows.rejects.records import Refused, Where
from flows.rejects.streams import Retry
from flows.rejects.table import EXAMPLES, MOST_TEXT, Wanted, beginning, overview, show_one, show_overview

ADDRESS = "anna@example.com"


def refused(number: int, reason: str = "no_id", library: str | None = "analytics.js", stamp: str = "2026-01-05T00:00:00Z") -> Refused:
    record = {"context": {"library": {"name": library}}, "timestamp": stamp, "email": ADDRESS}
    return Refused(f"{number:032x}", reason, "a detail", Where(1, number), None, json.dumps(record).encode())


REJECTS = [
    refused(0),
    refused(1, stamp="2026-01-06T12:00:00Z"),
    refused(2, "bad_time", stamp="yesterday"),
    refused(3, library=None),
    refused(4, stamp="2026-01-04T00:00:00Z"),
    *(refused(number) for number in range(5, 9)),
]
RETRIES = {REJECTS[4].id: Retry(REJECTS[4].id, "m", "2026-02-01T00:00:00.000Z")}


def console() -> tuple[Console, io.StringIO]:
    printed = io.StringIO()
    return Console(file=printed, width=100, highlight=False), printed


def numbers(wanted: Wanted) -> list[int]:
    return [each.where.offset for each in REJECTS if wanted.takes(each, RETRIES)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [0, 1, 2, 3, 5, 6, 7, 8]),
        (Wanted(retried=True), [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (Wanted(reasons=["bad_time", "no_name"]), [2]),
        (Wanted(senders=["none"]), [3]),
        (Wanted(since_ms=1_767_600_000_000), [1, 2]),
    ],
    ids=str,
)
def test_which_are_taken(wanted: Wanted, expected: list[int]) -> None:
    assert numbers(wanted) == expected


def test_groups_and_their_examples() -> None:
    groups = overview(REJECTS, RETRIES)
    assert [(group.reason, group.sender, group.number, group.retried) for group in groups] == [
        ("no_id", "analytics.js", 7, 1),
        ("bad_time", "analytics.js", 1, 0),
        ("no_id", "none", 1, 0),
    ]
    assert (groups[0].first, groups[0].last) == ("2026-01-04T00:00:00.000Z", "2026-01-06T12:00:00.000Z")
    assert (groups[1].first, groups[1].last) == (None, None)
    assert [example.source.offset for example in groups[0].examples] == [0, 1, 4][:EXAMPLES]


def test_values_are_shown_only_where_they_are_asked_for() -> None:
    for values in (False, True):
        groups = overview(REJECTS, RETRIES, values=values)
        out, printed = console()
        show_overview(groups, out)
        assert (ADDRESS in printed.getvalue()) == values
        assert (ADDRESS.encode() in msgspec.json.encode(groups)) == values


def test_the_time_of_the_log_goes_before_the_stamps() -> None:
    one = msgspec.structs.replace(REJECTS[0], log_ms=5)
    assert (one.ms, REJECTS[0].ms, REJECTS[2].ms) == (5, 1_767_571_200_000, None)


def test_a_record_never_reaches_the_terminals_controls() -> None:
    raw = b'{"a": "\x1b[31m\x07", "b": "' + b"\xff" * 1000 + b'"}'
    assert beginning(raw).isprintable()
    assert len(beginning(raw)) <= MOST_TEXT + 3
    out, printed = console()
    show_one(msgspec.structs.replace(REJECTS[0], raw=raw), None, out)
    assert "\x1b" not in printed.getvalue()
    assert "\x07" not in printed.getvalue()
