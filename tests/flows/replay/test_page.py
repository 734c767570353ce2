"""The page of a replay: it holds what the report says, loads nothing, and lets nothing of the data become markup."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flows.replay.charts import Axis, apart, chart, spark
from flows.replay.page import SHOWN, page_of
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from tests.flows.replay.replays import identify, replayed, track
from tests.harness import make_plan

HOSTILE = "</title><script>alert('x')</script>&\"'"


def plan(window: str) -> Plan:
    """A plan with a title that is no markup, too."""
    rule = {"when": f"did('Viewed', within='{window}')", "title": HOSTILE}
    campaign = {"on": "enters lookers", "title": HOSTILE, "re_enter": "always", "steps": [{"send": "look"}]}
    texts: dict[str, Any] = {
        "plan.yaml": {"name": "test"},
        "segments.yaml": {"segments": {"lookers": rule}},
        "campaigns/look.yaml": campaign,
    }
    return read_plan({name: json.dumps(text) for name, text in texts.items()})


EVENTS = [identify(HOSTILE, "10:00"), track(HOSTILE, "10:01", "Viewed"), track("bert", "10:30", "Viewed"), track("bert", "12:00", "Other")]


class Tags(HTMLParser):
    """The tags of a page, and which are open at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> str:
    """The page, once it is known to be whole and to load nothing."""
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe", "object"}
    assert re.findall(r"(?:src|href)=|url\(|@import|https?:", page) == []
    return page


def test_the_page_of_one_plan(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, plan("1h"), EVENTS)
    page = checked(page_of(report, differences))
    assert "Entries per day" in page
    assert "What differs" not in page
    assert "&lt;script&gt;" in page
    assert "Before" not in page
    assert ">Before<" in page_of(replayed(tmp_path, plan("1h"), EVENTS, start="10:15")[0], [])


def test_the_page_of_two_plans_tells_the_persons(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, plan("1h"), EVENTS, old=plan("30m"))
    page = checked(page_of(report, differences))
    assert "What differs" in page
    assert "2 of 2 persons (100%) have differences" in page
    assert "All differences." in page
    assert "2026-01-01 10:01:00 to 2026-01-01 11:01:00" in page


def test_of_many_differences_the_first_are_told(tmp_path: Path) -> None:
    events = [track(f"p{n:03}", "10:00", "Viewed") for n in range(SHOWN + 1)] + [track("p", "12:00", "Other")]
    report, differences = replayed(tmp_path, plan("1h"), events, old=plan("30m"))
    page = page_of(report, differences)
    assert f"The first {SHOWN} of {len(differences)} differences" in page
    assert f"<h3>p{SHOWN - 1:03}</h3>" in page
    assert f"<h3>p{SHOWN:03}</h3>" not in page


def test_the_page_of_nothing(tmp_path: Path) -> None:
    report, differences = replayed(tmp_path, make_plan({}), [], old=make_plan({"a": "everyone"}))
    checked(page_of(report, differences))


def test_a_log_over_all_of_time_has_few_bars(tmp_path: Path) -> None:
    events = [dict(track("anna", "10:00", "Viewed"), messageId=year, timestamp=f"{year}-06-01T00:00:00Z") for year in ("0001", "9999")]
    page = checked(page_of(*replayed(tmp_path, plan("1h"), events)))
    assert "0001-06-01" in page
    assert len(page) < 100_000


@pytest.mark.parametrize(("days", "bars"), [(2, 2), (120, 120), (121, 61), (date.max.toordinal(), 120)])
def test_an_axis_holds_its_days_in_at_most_120_bars(days: int, bars: int) -> None:
    first, last = date.min.isoformat(), date.fromordinal(days).isoformat()
    axis = Axis.over([last, first])
    assert axis is not None
    assert axis.bars == bars
    sums = axis.sums({first: (1, 0), last: (2, 5)}, 0)
    assert (sums[0], sum(sums), sums[-1]) == (1, 3, 2)
    assert axis.ends[0] == first
    assert axis.ends[1] >= last


def test_without_days_there_is_no_axis() -> None:
    assert Axis.over([]) is None


def test_pictures_say_what_they_show() -> None:
    axis = Axis.over(["2024-01-01", "2024-01-03"])
    assert axis is not None
    assert "Entries per day, 2024-01-01 to 2024-01-03: 7, 6 with the old plan" in chart("Entries", axis, [3, 0, 4], [1, 2, 3])
    assert "Entries: 0" in spark("Entries", [0, 0])
    drawn = apart(1, 4, 4)
    assert "1 only with the old plan, 4 only with the new one" in drawn
    assert 'x="54" y="2" width="54"' in drawn
    assert 'x="40.5" y="2" width="13.5"' in drawn
