"""Instants: every form of RFC 3339 to exact milliseconds, what is none, and back; the same at the first look and from the caches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators import instants
from operators.instants import EARLIEST, LATEST, format_instant, instant_of, parse_instant

BASE = 1_767_571_200_000
"""2026-01-05T00:00:00Z."""
DAY = 86_400_000

FORMS = {
    "2026-01-05T00:00:00Z": 0,
    "2026-01-05T00:00:00z": 0,
    "2026-01-05t00:00:00Z": 0,
    "2026-01-05t00:00:00z": 0,
    "2026-01-05 00:00:00Z": 0,
    "2026-01-05 00:00:00": 0,
    "2026-01-05T00:00:00": 0,
    "2026-01-05T00:00:00.5": 500,
    "2026-01-05T00:00:00.1Z": 100,
    "2026-01-05T00:00:00.12Z": 120,
    "2026-01-05T00:00:00.123Z": 123,
    "2026-01-05T00:00:00.1239Z": 123,
    "2026-01-05T00:00:00.12399Z": 123,
    "2026-01-05T00:00:00.123999Z": 123,
    "2026-01-05T00:00:00.1239999Z": 123,
    "2026-01-05T00:00:00.12399999Z": 123,
    "2026-01-05T00:00:00.999999999Z": 999,
    "2026-01-05T00:00:00.0009Z": 0,
    "2026-01-05T00:00:00." + "9" * 300 + "Z": 999,
    "2026-01-05T01:00:00+01:00": 0,
    "2026-01-04T19:00:00-05:00": 0,
    "2026-01-05T05:45:00.001+05:45": 1,
    "2026-01-05T23:59:00+23:59": 0,
    "2026-01-04T00:01:00-23:59": 0,
    "2026-01-05T00:00:00-00:00": 0,
    "2026-01-05T23:59:59.999Z": DAY - 1,
    "2024-02-29T00:00:00Z": -676 * DAY,
    "1970-01-01T00:00:00Z": -BASE,
    "1969-12-31T23:59:59.9999Z": -BASE - 1,
    "0001-01-01T00:00:00Z": EARLIEST - BASE,
    "9999-12-31T23:59:59.999999Z": LATEST - BASE,
    "9999-12-31T23:59:59.999+00:01": LATEST - BASE - 60_000,
    "0001-01-01T00:00:00-00:01": EARLIEST - BASE + 60_000,
}

NO_INSTANTS = [
    *("", " ", "now", "1767571200000", "1767571200", "2026", "2026-01", "2026-01-05", "2026-01-05T", "2026-01-05T00", "2026-01-05T00:00"),
    *("2026-01-05T00:00Z", "2026-01-05T00:00:00.Z", "2026-01-05T00:00:00.", "2026-01-05T00:00:00,5Z", "2026-01-05T00:00:00 Z"),
    *("2026-01-05T24:00:00Z", "2026-01-05T25:00:00Z", "2026-01-05T00:60:00Z", "2026-01-05T00:00:60Z", "2026-01-05T23:59:60Z"),
    *("2026-01-05T00:00:60.5Z", "2026-01-05T00:00:61", "2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z"),
    *("2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
    *("-2026-01-05T00:00:00Z", "+2026-01-05T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999-00:01"),
    *("2026-01-05T00:00:00+0100", "2026-01-05T00:00:00+01", "2026-01-05T00:00:00+24:00", "2026-01-05T00:00:00+01:60"),
    *("2026-01-05T00:00:00 +01:00", "2026-01-05T00:00:00ZZ", "2026-01-05T00:00:00UTC", "2026-01-05T00:00:00Z\n", " 2026-01-05T00:00:00Z"),
    *("2026-1-5T0:0:0Z", "20260105T000000Z", "2026-W02-1T00:00:00Z", "2026-005T00:00:00Z", "05.01.2026 00:00:00", "2026-01-05_00:00:00Z"),
    *("٢٠٢٦-01-05T00:00:00Z", "2026-01-05T00:00:00.١Z", "2026-01-05T00:00:0٠Z", "2026-01-05T00:00:00\u22121:00", "2026-01-05T00:00:00Z\0"),
]


@pytest.fixture(autouse=True)
def no_cache() -> None:
    """Each test begins with nothing met."""
    instants.minutes.clear()
    instants.rests.clear()


@pytest.mark.parametrize(("text", "expected"), FORMS.items(), ids=range(len(FORMS)))
def test_every_form_to_the_millisecond(text: str, expected: int) -> None:
    assert [expected] * 3 == [parse_instant(text) - BASE for _ in range(3)]


@pytest.mark.parametrize("text", NO_INSTANTS, ids=range(len(NO_INSTANTS)))
def test_what_is_no_instant_is_refused(text: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r".+"):
            parse_instant(text)
    assert instant_of(text, ZoneInfo("UTC")) is None or text == "2026-01-05"


def test_the_caches_change_no_outcome() -> None:
    """All forms warm the caches, in one order and the other, and every other text is still refused."""
    for texts in (list(FORMS), list(reversed(FORMS))):
        assert [FORMS[text] for text in texts] == [parse_instant(text) - BASE for text in texts]
        for text in NO_INSTANTS:
            with pytest.raises(ValueError, match=r".+"):
                parse_instant(text)


def test_parts_that_were_met_do_not_make_an_instant_beyond_the_ends_of_time() -> None:
    for met in ("2026-01-05T00:00:00.999-00:01", "2026-01-05T00:00:00.999+00:01", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.999Z"):
        parse_instant(met)
    for text in ("9999-12-31T23:59:59.999-00:01", "0001-01-01T00:00:00.999+00:01"):
        with pytest.raises(ValueError, match="outside the years"):
            parse_instant(text)


@given(
    day=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - Hypothesis wants its bounds without a zone
    digits=st.text("0123456789", max_size=9),
    offset=st.none() | st.just("Z") | st.integers(-1439, 1439),
    between=st.sampled_from("Tt "),
)
def test_parsing_is_what_datetime_says(day: datetime, digits: str, offset: int | str | None, between: str) -> None:
    zone = timezone(timedelta(minutes=offset)) if isinstance(offset, int) else UTC
    whole = day.replace(microsecond=0, tzinfo=zone)
    sign = "" if not isinstance(offset, int) else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    tail = sign if isinstance(offset, int) else offset or ""
    text = f"{whole:%H:%M:%S}{'.' + digits if digits else ''}{tail}"
    text = f"{whole.year:04d}-{whole.month:02d}-{whole.day:02d}{between}{text}"
    expected = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) + int((digits + "000")[:3])
    assert expected == parse_instant(text) == parse_instant(text)


@given(st.integers(EARLIEST, LATEST) | st.integers(-5000, 5000))
def test_there_and_back(ms: int) -> None:
    text = format_instant(ms)
    assert len(text) == 24
    assert (ms, text) == (parse_instant(text), format_instant(ms))


def test_full_caches_are_emptied_and_nothing_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instants, "_CACHE_SIZE", 3)
    texts = [f"2026-01-05T00:{minute:02d}:01.{minute:03d}Z" for minute in range(20)]
    assert [minute * 60_001 + 1000 for minute in range(20)] == [parse_instant(text) - BASE for text in texts]
    assert texts == [format_instant(parse_instant(text)) for text in texts]
    assert max(len(instants.minutes), len(instants.rests)) <= 3


BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")
HELD: list[tuple[object, ZoneInfo, int | None]] = [
    ("2026-01-05T00:00:00Z", BERLIN, BASE),
    ("2026-01-05T00:00:00", BERLIN, BASE),
    ("2026-01-05", ZoneInfo("UTC"), BASE),
    ("2026-01-05", BERLIN, BASE - 3_600_000),
    ("2026-07-05", BERLIN, BASE + 181 * DAY - 7_200_000),
    ("2026-03-29", BERLIN, BASE + 83 * DAY - 3_600_000),
    ("2011-12-30", APIA, 1_325_239_200_000),
    ("2026-02-30", BERLIN, None),
    ("0001-01-01", BERLIN, EARLIEST - 3_208_000),
    ("0000-01-01", BERLIN, None),
    ("2026-1-5", BERLIN, None),
    ("2026-01-05\n", BERLIN, None),
    ("", BERLIN, None),
    ("soon", BERLIN, None),
    (0, BERLIN, 0),
    (-1, BERLIN, -1),
    (1.9, BERLIN, 1),
    (-0.5, BERLIN, -1),
    (EARLIEST, BERLIN, EARLIEST),
    (LATEST, BERLIN, LATEST),
    (LATEST + 1, BERLIN, None),
    (EARLIEST - 1, BERLIN, None),
    (1e300, BERLIN, None),
    (float("inf"), BERLIN, None),
    (float("nan"), BERLIN, None),
    (10**400, BERLIN, None),
    (True, BERLIN, None),
    (None, BERLIN, None),
    ([], BERLIN, None),
    ({}, BERLIN, None),
]


@pytest.mark.parametrize(("value", "zone", "expected"), HELD, ids=range(len(HELD)))
def test_the_instant_that_a_value_holds(value: object, zone: ZoneInfo, expected: int | None) -> None:
    assert expected == instant_of(value, zone)
