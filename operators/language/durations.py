"""Durations as they are written ('7d', '1d12h', '-90s') and as they are counted: whole milliseconds.

A day is 24 hours, a week 7 days.
"""

from __future__ import annotations

import re

UNITS: dict[str, int] = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds of each unit, the largest first."""

MAX_MS = 1_000_000 * UNITS["d"]
"""The longest duration that can be written: an instant and such a duration still make a date with a year of four digits."""

PATTERN = r"^-?([0-9]{1,15}(ms|[wdhms]))+$"
"""The form of a duration, as a regular expression that JSON Schema knows too."""

_WHOLE = re.compile(PATTERN[:-1] + r"\Z")
_PART = re.compile(r"([0-9]+)(ms|[wdhms])")
_WRITTEN = ("d", "h", "m", "s", "ms")


def parse_duration(text: str) -> int:
    """The milliseconds of a duration; negative where it begins with a minus.

    Raises `ValueError` with one sentence for the user where the text is no duration, or one of more than 1,000,000 days.

    >>> parse_duration("1d12h"), parse_duration("-90s"), parse_duration("250ms")
    (129600000, -90000, 250)
    """
    if len(text) > 100 or not _WHOLE.match(text):
        raise ValueError(f"a duration must be like '7d', '1d12h' or '90s' (units w d h m s ms); got {shortened(text)}")
    ms = sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if ms > MAX_MS:
        raise ValueError(f"a duration must be at most 1000000d; got {shortened(text)}")
    return -ms if text.startswith("-") else ms


def format_duration(ms: int) -> str:
    """The one canonical text of a duration: days, hours, minutes, seconds, milliseconds, each where it is not 0.

    >>> format_duration(129_600_000), format_duration(-90_000), format_duration(0)
    ('1d12h', '-1m30s', '0s')
    """
    rest = abs(ms)
    parts = []
    for unit in _WRITTEN:
        number, rest = divmod(rest, UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return ("-" if ms < 0 else "") + ("".join(parts) or "0s")


def shortened(text: str, most: int = 40) -> str:
    """The text in quotes for a finding, at most `most` characters of it.

    >>> shortened("7 days"), shortened("x" * 50, most=5)
    ("'7 days'", "'xxxxx...'")
    """
    return repr(text if len(text) <= most else text[:most] + "...")


def ticked(text: str, most: int = 60) -> str:
    """A piece of a rule for a finding, on one line in backquotes, at most `most` characters of it.

    >>> ticked("count('A')")
    "`count('A')`"
    """
    line = " ".join(text.split())
    return f"`{line if len(line) <= most else line[: most - 3] + '...'}`"
