"""Two plans over one day, with all that differs worked out by hand.

The day ends at 12:00 with the last event. The old plan reminds of a cart after 30 minutes, the new one after 45, and no more than once in
six hours; who looks around is known for one hour in the old plan, for two in the new one; the old plan has `early`, the new one `buyers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from flows.replay.comparison import settings
from flows.replay.differences import CampaignDifference, Difference, SegmentDifference
from flows.replay.report import Report
from tests.flows.replay.replays import identify, replayed, stamp, track
from tests.harness import make_plan

REMIND = {"on": "enters carts", "re_enter": "always", "steps": [{"send": "cart"}]}
OLD = make_plan(
    {
        "carts": "since('Added') >= '30m' and not did('Ordered', after='Added')",
        "lookers": "did('Viewed', within='1h')",
        "early": "did('Viewed')",
        "same": "did('Ordered')",
    },
    {"remind": REMIND, "thank": {"on": "event Ordered", "steps": [{"send": "thanks"}]}},
)
NEW = make_plan(
    {
        "carts": "since('Added') >= '45m' and not did('Ordered', after='Added')",
        "lookers": "did('Viewed', within='2h')",
        "buyers": "did('Ordered')",
        "same": "did('Ordered')",
    },
    {"remind": REMIND, "thank": {"on": "event Ordered", "steps": [{"send": "thanks"}]}},
    caps=[{"most": 1, "within": "6h"}],
)

EVENTS = [
    # Waits for both reminders.
    identify("anna", "10:00"),
    track("anna", "10:05", "Added"),
    # Orders between the two.
    identify("bert", "10:00"),
    track("bert", "10:05", "Added"),
    track("bert", "10:40", "Ordered"),
    # Looks once, and has no address.
    track("carl", "10:00", "Viewed"),
    # Looks again after one hour and before two.
    track("dora", "10:00", "Viewed"),
    track("dora", "11:30", "Viewed"),
    # Leaves two carts behind.
    identify("emil", "10:00"),
    track("emil", "10:05", "Added"),
    track("emil", "11:00", "Added"),
    # Does nothing that the plans see otherwise.
    track("fred", "11:00", "Other"),
    track("fred", "12:00", "Other"),
]

Row = tuple[str, str, str, str, str, str]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, list[Difference]]:
    return replayed(tmp_path_factory.mktemp("day"), NEW, EVENTS, old=OLD)


def rows(differences: list[Difference]) -> list[Row]:
    """Person, time, place, what, new, old; times of the day without seconds."""
    return [(each.person, clock(each.time), place(each), each.difference, side(each.new), side(each.old)) for each in differences]


def place(each: Difference) -> str:
    assert (each.segment is UNSET) != (each.campaign is UNSET)
    return each.segment or str(each.campaign)


def side(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    if "outcome" in record:
        return f"{clock(record['time'])} {record['outcome']}"
    return f"{clock(record['entered']['time'])}-{clock(record['exited']['time']) if record['exited'] else ''}"


def clock(time: str) -> str:
    assert stamp(time[11:16]) == time
    return time[11:16]


def test_each_difference_of_each_person(compared: tuple[Report, list[Difference]]) -> None:
    assert rows(compared[1]) == [
        ("anna", "10:35", "carts", "moved", "10:50-", "10:35-"),
        ("anna", "10:35", "remind", "moved", "10:50 trigger", "10:35 trigger"),
        ("bert", "10:35", "carts", "only_old", "", "10:35-10:40"),
        ("bert", "10:35", "remind", "only_old", "", "10:35 trigger"),
        ("bert", "10:40", "buyers", "only_new", "10:40-", ""),
        ("carl", "10:00", "early", "only_old", "", "10:00-"),
        ("carl", "11:00", "lookers", "exit", "10:00-12:00", "10:00-11:00"),
        ("dora", "10:00", "early", "only_old", "", "10:00-"),
        ("dora", "11:00", "lookers", "exit", "10:00-", "10:00-11:00"),
        ("dora", "11:30", "lookers", "only_old", "", "11:30-"),
        ("emil", "10:35", "carts", "moved", "10:50-11:00", "10:35-11:00"),
        ("emil", "10:35", "remind", "moved", "10:50 trigger", "10:35 trigger"),
        ("emil", "11:30", "carts", "moved", "11:45-", "11:30-"),
        ("emil", "11:30", "remind", "moved", "11:45 cap", "11:30 trigger"),
    ]


def test_the_sums_by_segment(compared: tuple[Report, list[Difference]]) -> None:
    sums = compared[0].differences
    assert sums is not None
    quarter = 15 * 60_000
    assert sums.segments == [
        SegmentDifference("buyers", "", "new", changed=False, members_only_new=1, entries_only_new=1),
        SegmentDifference("carts", "", "both", changed=True, entries_only_old=1, moved=3, moved_ms=3 * quarter),
        SegmentDifference("early", "", "old", changed=False, members_only_old=2, entries_only_old=2),
        SegmentDifference("lookers", "", "both", changed=True, entries_only_old=1, exits=2),
        SegmentDifference("same", "", "both", changed=False),
    ]
    assert sums.campaigns == [
        CampaignDifference("remind", "", "both", changed=False, triggers_only_old=2, moved=2, moved_ms=2 * quarter),
        CampaignDifference("thank", "", "both", changed=False),
    ]
    assert (sums.settings, sums.persons, sums.differences) == (["caps"], 5, 14)


def test_the_why_of_both_is_told(compared: tuple[Report, list[Difference]]) -> None:
    stay, trigger = compared[1][:2]
    assert stay.new is not None
    assert stay.old is not None
    calls = "since('Added')", "did('Ordered', after='Added')"
    assert stay.new["entered"]["why"] == dict(zip(calls, ("45m", False), strict=True))
    assert stay.old["entered"]["why"] == dict(zip(calls, ("30m", False), strict=True))
    assert stay.new["entered"]["cause"] == {"time": True}
    assert trigger.new is not None
    assert trigger.old is not None
    assert trigger.new["why"]["transition"]["id"] == stay.new["entered"]["id"]
    assert trigger.old["why"]["transition"]["id"] == stay.old["entered"]["id"]


def test_the_figures_of_both_plans_stand_beside_each_other(compared: tuple[Report, list[Difference]]) -> None:
    report = compared[0]
    assert report.against is not None
    figures = [{each.id: (each.entered, each.exited, each.members) for each in side.segments} for side in (report.plan, report.against)]
    assert figures[0] == {"buyers": (1, 0, 1), "carts": (3, 1, 2), "lookers": (2, 1, 1), "same": (1, 0, 1)}
    assert figures[1] == {"carts": (4, 2, 2), "early": (2, 0, 2), "lookers": (3, 2, 1), "same": (1, 0, 1)}
    assert [(each.triggers, each.decisions) for each in report.plan.campaigns] == [(2, {"cap": 1}), (1, {})]
    assert [(each.triggers, each.decisions) for each in report.against.campaigns] == [(4, {}), (1, {})]


def test_a_plan_against_itself_has_no_difference(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, NEW, EVENTS, old=NEW)
    assert differences == []
    assert report.plan == report.against
    assert report.differences is not None
    assert not any(each.matters for each in report.differences.segments)
    assert not any(each.matters for each in report.differences.campaigns)


def test_only_what_differs_in_the_span_is_told(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, NEW, EVENTS, old=OLD, start="11:00", end="11:45")
    assert rows(differences) == [
        # Both carts were left before the span, and no one has ordered: both stays reach into it.
        ("anna", "10:35", "carts", "moved", "10:50-", "10:35-"),
        ("bert", "10:40", "buyers", "only_new", "10:40-", ""),
        ("carl", "10:00", "early", "only_old", "", "10:00-"),
        ("carl", "11:00", "lookers", "exit", "10:00-", "10:00-11:00"),
        ("dora", "10:00", "early", "only_old", "", "10:00-"),
        ("dora", "11:00", "lookers", "exit", "10:00-", "10:00-11:00"),
        ("dora", "11:30", "lookers", "only_old", "", "11:30-"),
        ("emil", "10:35", "carts", "moved", "10:50-11:00", "10:35-11:00"),
        # The reminder of the new plan comes at 11:45, after the end.
        ("emil", "11:30", "carts", "only_old", "", "11:30-"),
        ("emil", "11:30", "remind", "only_old", "", "11:30 trigger"),
    ]
    sums = report.differences
    assert sums is not None
    # Entries before the span are history: they are told where they matter in it, and not counted.
    assert sums.segments == [
        SegmentDifference("buyers", "", "new", changed=False, members_only_new=1),
        SegmentDifference("carts", "", "both", changed=True, members_only_old=1, entries_only_old=1),
        SegmentDifference("early", "", "old", changed=False, members_only_old=2),
        SegmentDifference("lookers", "", "both", changed=True, members_only_new=1, entries_only_old=1, exits=2),
        SegmentDifference("same", "", "both", changed=False),
    ]


def test_refusals_that_differ_are_told_and_counted(tmp_path: Path) -> None:
    mail = {"on": "event Ordered", "steps": [{"send": "thanks"}]}
    new = make_plan({"all": "everyone"}, {"thank": mail}, holdout=1.0)
    old = make_plan({"all": "everyone"}, {"thank": mail | {"state": "draft"}})
    events = [identify("anna", "10:00"), track("anna", "10:05", "Ordered"), track("bert", "10:06", "Ordered")]
    report, differences = replayed(tmp_path, new, events, old=old)
    assert rows(differences) == [
        ("anna", "10:05", "thank", "only_new", "10:05 holdout", ""),
        ("bert", "10:06", "thank", "only_new", "10:06 no_address", ""),
    ]
    assert report.differences is not None
    assert report.differences.campaigns == [CampaignDifference("thank", "", "both", changed=True, refusals=2)]
    report, differences = replayed(tmp_path, new, events, old=make_plan({"all": "everyone"}, {"thank": mail}))
    assert rows(differences) == [("anna", "10:05", "thank", "outcome", "10:05 holdout", "10:05 trigger")]


def test_settings_that_differ_are_named_as_plan_yaml_has_them() -> None:
    assert settings(NEW, OLD) == ["caps"]
    assert settings(make_plan({}, name="a", lateness="1s", duplicates="off"), make_plan({}, name="b")) == ["lateness", "duplicates"]
    assert settings(make_plan({"a": "everyone"}), make_plan({"b": "everyone"})) == []
