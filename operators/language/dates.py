"""Days and hours where a person is: the boundaries of the calendar as instants, through changes of the clock.

A local time that does not exist is the first that does, one that exists twice the first (`semantics.md`, 6).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from operators.instants import EARLIEST, LATEST, instant_of
from schemas.person import Person

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_EARLIEST, _LATEST = EARLIEST + 366 * _DAY_MS, LATEST - 366 * _DAY_MS


def zone_of(p: Person, default: ZoneInfo) -> ZoneInfo:
    """The person's time zone: the trait `timezone` where it names one, else the default."""
    kept = p.traits.get("timezone")
    return (_zone(kept[1]) or default) if kept is not None and type(kept[1]) is str else default


@lru_cache(1000)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def local(now: int, zone: ZoneInfo) -> datetime:
    """The date and time of day at an instant, in a zone; at the ends of time that of a year before them.

    >>> local(1_767_571_200_000, ZoneInfo("Europe/Berlin")).hour
    1
    """
    return (_EPOCH + min(max(now, _EARLIEST), _LATEST) * _MILLISECOND).astimezone(zone)


def day_of(value: Any, zone: ZoneInfo) -> date | None:
    """The day that a date names, or that holds an instant; None of what is neither, and at the ends of time.

    >>> day_of("1990-05-17", ZoneInfo("UTC")), day_of("2026-01-05T23:30:00Z", ZoneInfo("Europe/Berlin"))
    (datetime.date(1990, 5, 17), datetime.date(2026, 1, 6))
    """
    if instant_of(value, UTC) is None:
        return None
    day = date.fromisoformat(value) if type(value) is str and len(value) == 10 else local(instant_of(value, zone) or 0, zone).date()
    return day if 1 < day.year < 9999 else None


def start_of(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    start = (midnight - _EPOCH) // _MILLISECOND
    if local(start, zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return start
    return _first(start - _DAY_MS, start + _DAY_MS, lambda now: local(now, zone).date() >= day)


def next_day(now: int, zone: ZoneInfo) -> int:
    """The first instant of the day after the one that holds `now`."""
    return start_of(local(now, zone).date() + timedelta(days=1), zone)


def next_hour(now: int, zone: ZoneInfo) -> int:
    """The next instant after `now` at which the local hour may change: the next full one, or a change of the clock before it."""
    offset = _offset(now, zone)
    full = ((now + offset) // _HOUR_MS + 1) * _HOUR_MS - offset
    if _offset(full, zone) == offset:
        return full
    return _first(now, full, lambda at: _offset(at, zone) != offset)


PERIODS = {"day": 1, "week": 7, "month": 31, "year": 366}
"""Periods of the calendar, and how many days each has at most."""


def longest(period: str) -> int:
    """The ms that a period lasts at most, also where clocks are changed in it."""
    return (PERIODS[period] + 1) * _DAY_MS


def first_day(day: date, period: str) -> date:
    """The first day of the period that holds a day; a week begins on Monday (ISO 8601).

    >>> first_day(date(2026, 1, 4), "week"), first_day(date(2026, 2, 4), "month")
    (datetime.date(2025, 12, 29), datetime.date(2026, 2, 1))
    """
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day if period == "day" else day.replace(day=1) if period == "month" else day.replace(month=1, day=1)


def start_of_period(now: int, period: str, zone: ZoneInfo) -> int:
    """The first instant of the period that holds `now`."""
    return start_of(first_day(local(now, zone).date(), period), zone)


def next_period(now: int, period: str, zone: ZoneInfo) -> int:
    """The first instant of the period after the one that holds `now`."""
    # No period is shorter than four fifths of the longest of its kind, and none so long as that and it together.
    later = first_day(local(now, zone).date(), period) + timedelta(days=PERIODS[period])
    return start_of(first_day(later, period), zone)


def _offset(now: int, zone: ZoneInfo) -> int:
    return (local(now, zone).utcoffset() or timedelta()) // _MILLISECOND


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first instant after `low`, and up to `high`, from which on something holds."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def return_of(day: date, year: int) -> date:
    """The return of a day in a year; of 29 February, where there is none, the day after 28 February.

    >>> return_of(date(2024, 2, 29), 2026)
    datetime.date(2026, 3, 1)
    """
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def anniversary(day: date, within: int, now: int, zone: ZoneInfo) -> tuple[bool, int | None]:
    """Whether a later year's return of a day is on, from `within` ms before it to its end, and the next instant at which that may change
    (None: none)."""
    # The window of one may be longer than a year: those of the years around are looked at one by one, the nearest first.
    year = max(local(now, zone).year, day.year + 1)
    edges: list[int] = []
    for each in range(year, min(year + within // (365 * _DAY_MS) + 2, 9999)):
        back = return_of(day, each)
        begin, end = start_of(back, zone) - within, start_of(back + timedelta(days=1), zone)
        if begin <= now < end:
            return True, end
        edges += [edge for edge in (begin, end) if edge > now]
    return False, min(edges, default=None)
