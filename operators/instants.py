"""Instants: RFC 3339 text to whole milliseconds since 1970 (UTC) and back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_SHAPE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
EARLIEST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
LATEST = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - _EPOCH) // _MILLISECOND
"""The first and the last instant that has a form in RFC 3339."""

# Stamps repeat their minutes and their seconds: two look-ups cost a fifth of a parse. Cleared when full.
_CACHE_SIZE = 65_536
_minutes: dict[str, int] = {}
_rests: dict[str, int] = {}


def parse_instant(text: str) -> int:
    """Milliseconds since 1970, cut downwards; UTC where no offset is given (RFC 3339, 5.6). ValueError where it is none.

    >>> parse_instant("2026-01-05T00:00:00.0019Z") - parse_instant("2026-01-05 01:00:00+01:00")
    1
    """
    try:
        return _minutes[text[:16]] + _rests[text[16:]]
    except KeyError:
        return _parse(text)


def _parse(text: str) -> int:
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError("no RFC 3339 date and time")
    day, minute, rest, second, fraction, offset = shape.groups()
    start = datetime.fromisoformat(f"{day}T{minute}+00:00") - _EPOCH
    if int(second) > 59:
        raise ValueError("a minute has 60 seconds")
    rest_ms = int(second) * 1000 + int(((fraction or "") + "000")[:3]) - _offset_ms(offset)
    ms = start // _MILLISECOND + rest_ms
    if not EARLIEST <= ms <= LATEST:
        raise ValueError("outside the years 1 to 9999")
    if len(_minutes) >= _CACHE_SIZE:
        _minutes.clear()
    if len(_rests) >= _CACHE_SIZE:
        _rests.clear()
    _minutes[text[:16]] = start // _MILLISECOND
    _rests[rest] = rest_ms
    return ms


def _offset_ms(offset: str | None) -> int:
    if offset is None or offset in "Zz":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    return (-1 if offset[0] == "-" else 1) * (hours * 60 + minutes) * 60_000


def instant_of(value: object, zone: ZoneInfo) -> int | None:
    """The instant that a trait or property holds: RFC 3339 text, a date (its midnight in `zone`), or ms since 1970; None where it is no instant.

    >>> instant_of("2026-01-05", ZoneInfo("Europe/Berlin")) == parse_instant("2026-01-04T23:00:00Z")
    True
    """
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                midnight = datetime.combine(date.fromisoformat(value), datetime.min.time(), tzinfo=zone)
                return (midnight - _EPOCH) // _MILLISECOND
            return parse_instant(value)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and EARLIEST <= value <= LATEST:
        return int(value // 1)
    return None


_shown: dict[int, str] = {}


def format_instant(ms: int) -> str:
    """RFC 3339 with milliseconds and `Z`.

    >>> format_instant(1767571200001)
    '2026-01-05T00:00:00.001Z'
    """
    minute, rest = divmod(ms, 60_000)
    start = _shown.get(minute)
    if start is None:
        if len(_shown) >= _CACHE_SIZE:
            _shown.clear()
        start = _shown[minute] = (_EPOCH + timedelta(minutes=minute)).isoformat()[:17]
    second, milli = divmod(rest, 1000)
    return f"{start}{second:02d}.{milli:03d}Z"
