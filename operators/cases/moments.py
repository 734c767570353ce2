"""Instants of a case: offsets from its start (`+2h`, `+7d-1ms`), or dates and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from operators.instants import EARLIEST, LATEST, format_instant, instant_of
from operators.language.durations import format_duration, parse_duration, shortened

_PART = re.compile(r"[+-][^+-]+")
_LENGTH = re.compile(r"([0-9]{1,15}(ms|[wdhms]))+")


def parse_moment(text: str, start_ms: int, zone: ZoneInfo) -> int:
    """The instant in ms since 1970; a date is its midnight in the zone. ValueError with one sentence for the user where it is none.

    >>> parse_moment("+7d-1ms", 0, ZoneInfo("UTC")), parse_moment("1970-01-02", 0, ZoneInfo("UTC"))
    (604799999, 86400000)
    """
    if not is_offset(text):
        ms = instant_of(text, zone)
        if ms is None:
            hint = f"; did you mean '+{text}'?" if _LENGTH.fullmatch(text) else ""
            raise ValueError(f"an instant must be like '+2h' or '+7d-1ms', or a date and time; got {shortened(text)}{hint}")
        return ms
    if len(text) > 100 or _PART.sub("", text):
        raise ValueError(f"an offset must be a sum such as '+2h' or '+7d-1ms'; got {shortened(text)}")
    ms = start_ms + sum((-1 if part[0] == "-" else 1) * parse_duration(part[1:]) for part in _PART.findall(text))
    if not EARLIEST <= ms <= LATEST:
        raise ValueError(f"an instant must lie in the years 1 to 9999; got {shortened(text)}")
    return ms


def is_offset(text: str) -> bool:
    """True for what is counted from the start."""
    return text.startswith(("+", "-"))


def format_moment(ms: int, start_ms: int, zone: ZoneInfo, *, dated: bool = False) -> str:
    """The instant as an offset, or as date and time in the zone.

    >>> [format_moment(ms, 0, ZoneInfo("UTC")) for ms in (90_000, 90_001, 89_999, -1)]
    ['+1m30s', '+1m30s1ms', '+1m30s-1ms', '-1ms']
    >>> format_moment(0, 0, ZoneInfo("Europe/Berlin"), dated=True)
    '1970-01-01 01:00:00+01:00'
    """
    if not dated:
        offset = ms - start_ms
        if offset > 0 and offset % 1000 == 999:
            # The last millisecond before something, which is how cases write it.
            return f"+{format_duration(offset + 1)}-1ms"
        return f"{'' if offset < 0 else '+'}{format_duration(offset)}"
    try:
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone)
    except OverflowError:
        return format_instant(ms)
    if (local.utcoffset() or timedelta()) % timedelta(minutes=1):
        return format_instant(ms)  # before zones had whole minutes, which RFC 3339 asks for
    return local.isoformat(" ", "milliseconds" if ms % 1000 else "seconds")
