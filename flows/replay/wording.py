"""Differences of persons in words, for table and page."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from flows.replay.differences import WHATS, Difference, Record


class SideTold(NamedTuple):
    """What one plan has: when and what, and the values that its rule had then; `why` is empty where there is nothing to tell."""

    what: str
    why: str


class Told(NamedTuple):
    """A difference: the person, the segment or campaign, how the plans differ, and what each has."""

    person: str
    place: str
    what: str
    new: SideTold
    old: SideTold


def told(difference: Difference) -> Told:
    """The difference in words."""
    place = difference.segment or f"{difference.campaign} (campaign)"
    return Told(difference.person, place, WHATS[difference.difference], _side(difference.new), _side(difference.old))


def _side(record: Record | None) -> SideTold:
    if record is None:
        return SideTold("nothing", "")
    if "entered" in record:
        entered, exited = record["entered"], record["exited"]
        since = moment(entered["time"])
        return SideTold(f"{since} to {moment(exited['time'])}" if exited else f"since {since}", values(entered["why"]))
    outcome = record["outcome"] if record["outcome"] == "trigger" else f"not sent: {record['outcome']}"
    why = record["why"]
    return SideTold(f"{moment(record['time'])} {outcome}", values(why["rule"]) if "rule" in why else f"event {why['event']}")


def moment(time: str) -> str:
    """An instant of a record for people: to the second, or to the millisecond where it has some.

    >>> moment("2025-03-03T10:35:00.000Z"), moment("2025-03-03T10:35:00.001Z")
    ('2025-03-03 10:35:00', '2025-03-03 10:35:00.001')
    """
    return time.replace("T", " ").removesuffix("Z").removesuffix(".000")


def span_of(start: str | None, end: str | None, last: str | None) -> str:
    """The span of a report in words; `last` is the instant at which time ended.

    >>> span_of(None, "2024-07-01T00:00:00.000Z", None)
    'from the beginning to before 2024-07-01 00:00:00'
    """
    to = f"before {moment(end)}" if end is not None else "the end" if last is None else moment(last)
    return f"from {'the beginning' if start is None else moment(start)} to {to}"


def values(why: dict[str, Any]) -> str:
    """The values of a rule's calls.

    >>> values({"since('A')": "30m", "did('B')": False})
    "since('A') = 30m, did('B') = false"
    """
    return ", ".join(f"{call} = {value if isinstance(value, str) else msgspec.json.encode(value).decode()}" for call, value in why.items())


def shift(ms: int, number: int) -> str:
    """By how much so many moved things come later on the average.

    >>> shift(2 * 900_000, 2), shift(-90_061_000, 1), shift(0, 0), shift(500, 1)
    ('15m later', '1d1h earlier', '', '500ms later')
    """
    if not number:
        return ""
    mean = round(ms / number)
    return "at the same time" if not mean else f"{span(abs(mean))} {'later' if mean > 0 else 'earlier'}"


def span(ms: int) -> str:
    """A duration in its two largest units.

    >>> span(90_061_000), span(59_999), span(1)
    ('1d1h', '59s999ms', '1ms')
    """
    found: list[str] = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        number, ms = divmod(ms, size)
        if number or found:
            found.append(f"{number}{unit}" if number else "")
    return "".join(found[:2])
