"""Instants of cases: what is written is what is read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.cases.moments import format_moment, parse_moment
from operators.instants import EARLIEST, LATEST, parse_instant

BERLIN = ZoneInfo("Europe/Berlin")
START = parse_instant("2026-03-28T23:00:00Z")
DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "instant"),
    {
        "+0s": "2026-03-28T23:00:00Z",
        "-2h": "2026-03-28T21:00:00Z",
        "+1d12h": "2026-03-30T11:00:00Z",
        "+7d-1ms": "2026-04-04T22:59:59.999Z",
        "-1h+30m+30m": "2026-03-28T23:00:00Z",
        "2026-03-30": "2026-03-29T22:00:00Z",
        "2026-03-30T10:00:00": "2026-03-30T10:00:00Z",
        "2026-03-30 10:00:00.5+02:00": "2026-03-30T08:00:00.500Z",
    }.items(),
)
def test_an_instant(text: str, instant: str) -> None:
    assert parse_moment(text, START, BERLIN) == parse_instant(instant)


@pytest.mark.parametrize(
    "text", ["", "+", "-", "+-1h", "++1h", "+1h-", "+1", "+1x", "+1 h", "1h", "tomorrow", "2026-02-30", "+1000001d", "+" + "1h" * 60]
)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(an instant|an offset|a duration) must be .*; got '"):
        parse_moment(text, START, BERLIN)


def test_an_instant_lies_in_the_years_that_have_four_digits() -> None:
    with pytest.raises(ValueError, match="an instant must lie in the years 1 to 9999; got '-1ms'"):
        parse_moment("-1ms", EARLIEST, BERLIN)
    with pytest.raises(ValueError, match="years 1 to 9999"):
        parse_moment("+1ms", LATEST, BERLIN)


around = st.builds(lambda days, ms: days * DAY + ms, st.integers(0, 99), st.integers(-2, 2))
offsets = st.one_of(st.integers(-1000 * DAY, 1000 * DAY), around)


@given(offsets)
def test_an_offset_that_is_shown_can_be_written(offset: int) -> None:
    assert START + offset == parse_moment(format_moment(START + offset, START, BERLIN), START, BERLIN)


@given(st.integers(EARLIEST, LATEST))
def test_a_date_that_is_shown_can_be_written(ms: int) -> None:
    assert ms == parse_moment(format_moment(ms, START, BERLIN, dated=True), START, BERLIN)
