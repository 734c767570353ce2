"""The figures of one plan over one day, worked out by hand: what is in the span, and what is history."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.replay.figures import CampaignFigures, SegmentFigures
from flows.replay.report import Report
from tests.flows.replay.replays import identify, replayed, stamp, track
from tests.harness import make_plan

PLAN = make_plan(
    {"carts": "since('Added') >= '30m'", "lookers": "did('Viewed', within='1h')"},
    {"remind": {"title": "Your cart", "on": "enters carts", "re_enter": "after 1h", "steps": [{"send": "cart"}]}},
)
EVENTS = [
    identify("anna", "10:00"),
    track("anna", "10:00:01", "Added"),
    track("anna", "10:40", "Added"),
    track("anna", "12:00", "Added"),
    track("bert", "10:10", "Viewed"),
    track("bert", "11:30", "Viewed"),
    track("carl", "10:20", "Added"),
    track("carl", "12:30", "Other"),
]


def segments(report: Report) -> dict[str, tuple[int, int, int, int, int]]:
    return {each.id: (each.before, each.entered, each.exited, each.members, each.persons) for each in report.plan.segments}


def campaign(report: Report) -> tuple[int, int, dict[str, int]]:
    [each] = report.plan.campaigns
    return each.triggers, each.persons, each.decisions


def test_without_a_span_all_is_told(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, PLAN, EVENTS)
    assert (report.start, report.end, report.last) == (None, None, stamp("12:30"))
    assert (report.against, report.differences, differences) == (None, None, [])
    day = "2026-01-01"
    version = {segment.id: segment.version for segment in PLAN.segments}
    assert report.plan.segments == [
        # anna at 10:30:01, 11:10 and 12:30 (the very end), each but the last left by the next cart; carl at 10:50.
        SegmentFigures("carts", "", version["carts"], 0, 4, 2, 2, 2, {day: (4, 2)}),
        # bert at 10:10 and 11:30, for an hour each.
        SegmentFigures("lookers", "", version["lookers"], 0, 2, 2, 0, 1, {day: (2, 2)}),
    ]
    # anna at 10:30:01 and 12:30; at 11:10 she was reminded less than an hour ago, and carl has no address.
    assert report.plan.campaigns == [
        CampaignFigures("remind", "Your cart", "live", 2, 1, {"no_address": 1, "re_entry": 1}, {day: (2, 2)}),
    ]


def test_numbers_are_those_of_the_log(tmp_path: Path) -> None:
    nobody = {"type": "track", "event": "Added", "messageId": "x", "timestamp": stamp("10:00")}
    report, _ = replayed(tmp_path, PLAN, [*EVENTS, EVENTS[1], nobody], end="12:30")
    assert report.plan.numbers == {
        "records": 10,
        "events": 7,
        "persons": 3,
        "duplicates": 1,
        "late": 0,
        "out_of_order": 0,
        "clamped": 0,
        "after_end": 1,
    }
    assert report.plan.rejects == {"no_id": 1}


def test_what_is_before_the_span_is_history(tmp_path: Path) -> None:
    report, _ = replayed(tmp_path, PLAN, EVENTS, start="10:50")
    assert (report.start, report.end) == (stamp("10:50"), None)
    # anna left a cart at 10:30:01, and the segment by her cart at 10:40; carl's entry at 10:50 is in the span; bert looks since 10:10.
    assert segments(report) == {"carts": (0, 3, 1, 2, 2), "lookers": (1, 1, 2, 0, 1)}
    # The reminder at 10:30:01 is history too: it still keeps the one at 11:10 back.
    assert campaign(report) == (1, 1, {"no_address": 1, "re_entry": 1})


@pytest.mark.parametrize(
    ("end", "carts", "sent"),
    [
        ("11:10", (0, 2, 1, 1, 2), (1, 1, {"no_address": 1})),
        ("11:10:01", (0, 3, 1, 2, 2), (1, 1, {"no_address": 1, "re_entry": 1})),
        ("12:00", (0, 3, 1, 2, 2), (1, 1, {"no_address": 1, "re_entry": 1})),
        ("12:00:01", (0, 3, 2, 1, 2), (1, 1, {"no_address": 1, "re_entry": 1})),
    ],
)
def test_nothing_at_the_end_or_after_it_happens(
    tmp_path: Path, end: str, carts: tuple[int, ...], sent: tuple[int, int, dict[str, int]]
) -> None:
    report, _ = replayed(tmp_path, PLAN, EVENTS, end=end)
    assert (segments(report)["carts"], campaign(report)) == (carts, sent)


def test_time_passes_to_an_end_after_the_last_event(tmp_path: Path) -> None:
    assert segments(replayed(tmp_path, PLAN, EVENTS[:2])[0])["carts"] == (0, 0, 0, 0, 0)
    report, _ = replayed(tmp_path, PLAN, EVENTS[:2], end="11:00")
    assert segments(report)["carts"] == (0, 1, 0, 1, 1)
    assert report.last == "2026-01-01T10:59:59.999Z"


def test_a_span_after_all_events_has_members_and_nothing_else(tmp_path: Path) -> None:
    report, _ = replayed(tmp_path, PLAN, EVENTS, start="13:00", end="14:00")
    assert segments(report) == {"carts": (2, 0, 0, 2, 2), "lookers": (0, 0, 0, 0, 0)}


def test_a_span_before_all_events_is_empty(tmp_path: Path) -> None:
    report, _ = replayed(tmp_path, PLAN, EVENTS, end="09:00")
    assert set(segments(report).values()) == {(0, 0, 0, 0, 0)}
    assert (report.last, report.plan.numbers["events"], report.plan.numbers["after_end"]) == (None, 0, 8)
