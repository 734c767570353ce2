"""Streams of records, made so that things collide: few persons, names and values, times on the grid of the windows of rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dice import Dice

BASE_MS = 1_767_571_200_000
"""2026-01-05T00:00:00Z, the instant that all offsets count from."""

VALUES: tuple[Any, ...] = (
    *(1, 1, 1, 1, 1.0, 1.0, 1.0, 2, 2, 2, "a", "a", "a", "a", True, True, "b", "Ab", None),
    *(False, 0, 3, 0.5, -1, "", "1", [], [1], ["a", 1.0], {}, {"x": 1}, {"x": "a"}),
)
INSTANTS: tuple[Any, ...] = (
    *(BASE_MS + offset for offset in (0, 1000, 3000, 10_000)),
    "2026-01-05T00:00:02Z",
    "2026-01-05T00:00:05.500Z",
    "2026-01-05 01:00:03+01:00",
    "2026-01-05T00:00:07",
    "2026-01-05",
    "2026-01-04",
    "2026-02-30",
    "soon",
    True,
    None,
)
DECIMALS: tuple[Sequence[Any], ...] = ((0.1, 0.2, 0.1), (1 / 128, 3 / 128, -1 / 128), (0.3, True, "1", None, 1), (1.0000004, 1e-7, 2))
"""Numbers that go together: decimals that no float has, halves of a millionth."""

ITEMS: tuple[Any, ...] = (
    *([], [1], ["a", 2], [True], [1, 2, "Ab"], "a", ["a", "a", "b", 1.0], [0.1, 0.2], [0.1, 0.2, 1 / 128], [None, 1], [[1], [2, "a"]]),
    *([{"x": 1}, {"x": 2, "y": 1}], [{"x": 1, "l": [1, 2]}, {"x": "a", "l": ["a"]}], [{"x": True}, 5], [{"o": {"x": 1}}], {"x": [1]}),
)
OBJECTS: tuple[Any, ...] = ({"x": 1}, {"x": "a"}, {}, {"x": None}, 5, {"x": 1, "l": [1]})
NAMES = ("A", "A", "A", "B", "B", "C", "A b")
DAYS: tuple[Any, ...] = (
    *("2026-01-05", "2026-01-06", "2025-01-05", "2020-01-05", "2024-01-06", "2024-02-29", "2026-03-29", "2025-03-08", "2020-11-01"),
    *("2025-01-04t23:59:58z", "2020-01-06 00:30:00+01:00", "2026-04-24", "2025-10-25", "2020-01-04", BASE_MS + 3_600_000),
)
"""Days that begin, end or return near the `STARTS` of streams."""

TIME_ZONES: tuple[Any, ...] = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Cairo", "America/Havana"),
    *("Mars/Olympus", "", 5, None),
)
HOUR_MS = 3_600_000
TURNS = (
    "01-05T05:00",
    "01-05T18:15",
    "01-05T23:00",
    "03-01T00:00",
    "03-08T07:00",
    "03-29T01:00",
    "03-28T23:00",
    "04-23T22:00",
    "10-25T01:00",
    "11-01T06:00",
)
"""When a day begins or clocks change in some of the `TIME_ZONES`."""

STARTS = (*[BASE_MS] * 14, BASE_MS - 3000, *(round(datetime.fromisoformat(f"2026-{at}Z").timestamp() * 1000) - 3000 for at in TURNS))
LEAPS_MS = (HOUR_MS - 3000, HOUR_MS, 5 * HOUR_MS, 24 * HOUR_MS)
PACES = (
    (0, 0, 0, 500, 500, 1000, 1000, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000),
    *[(0, 0, 0, 500, 500, 500, 500, 1000, 1000, 1000, 1500, 2000, 3000)] * 2,
)
"""Times from one record to the next."""

BACK_MS = (500, 1000, 2000, 3000, 5000, 12_000, 30_000)
ADDRESSES: tuple[Any, ...] = ("a@x.example", "a@x.example", "b@x.example", "", None, 5)
BROKEN: tuple[bytes, ...] = (
    *(b"{", b"[]", b'"x"', b"nope", b"\xff{}", b"null", b"", b"  \n", b"{}"),
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "properties": {"x": NaN}}',
    b'{"type": "trick", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "", "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": 5, "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "A"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "yesterday"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "sentAt": "2026-13-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "properties": []}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": 1767571200000}',
)


def stamp(offset_ms: int, form: str = "Z") -> str:
    """An instant in one of the forms that a stamp can have."""
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(milliseconds=offset_ms)
    local = at + timedelta(hours=2) if form == "+02:00" else at
    text = local.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return {"Z": text[:-3] + "Z", "+02:00": text[:-3] + "+02:00", " ": text[:-3].replace("T", " "), "us": text[:-3] + "999Z"}[form]


def stamps(dice: Dice, offset_ms: int) -> dict[str, str]:
    """Stamps of a record that make `offset_ms` its event time, or one set to that of receipt."""
    key = dice.pick(("timestamp",) * 10 + ("originalTimestamp", "receivedAt", "in full", "in part", "future", "none"))
    if key == "none":
        return {}
    if key in ("timestamp", "originalTimestamp", "receivedAt"):
        return {key: stamp(offset_ms, dice.pick(("Z", "Z", "Z", "Z", "+02:00", " ", "us")))}
    away = dice.pick((0, 1000, 300_000, 300_001, -300_000, -300_001))
    if key == "in full":
        return {"originalTimestamp": stamp(away), "sentAt": stamp(away + 700), "receivedAt": stamp(offset_ms + 700), "timestamp": stamp(0)}
    if key == "in part":
        return {"timestamp": stamp(offset_ms), "originalTimestamp": stamp(away), "sentAt": stamp(away)}
    return {"timestamp": stamp(offset_ms - min(away, 0)), "receivedAt": stamp(offset_ms)}


LIKELY = {"x": 6, "y": 6, "n": 6, "d": 3, "o": 2, "l": 3}
"""In how many of ten events each property is."""

ACTS = (
    *("Consent Given", "Consent Given", "Consent Given", "Consent Withdrawn", "Unsubscribed", "Email Marked as Spam"),
    *("Email Bounced", "Email Verified"),
)
TOPICS: tuple[Any, ...] = ("news", "news", "news", "offers", None, "", 5, True, ["news", "offers"], ["news", None], [])
SOURCES = (None, None, "web", "web", "crm", "app")
POLICIES: tuple[Any, ...] = ("recent", "strictest", "strictest", ["crm"], ["crm", "web"], ["app", "none", "web"], ["none"])

SCORES = (0.5, 0.25, 1, 0, 0.75, 1.5, -1, True, "1", None)
PERSONS = (*({"userId": "u1"},) * 5, {"userId": "u2"}, {"userId": "ü"}, {"anonymousId": "a1"}, {"userId": "u1", "anonymousId": "a1"})


@dataclass(frozen=True)
class Palette:
    """What the events of a stream are made of."""

    dice: Dice
    names: Sequence[str]
    persons: Sequence[dict[str, str]]
    values: Mapping[str, Sequence[Any]]
    likely: Mapping[str, int]

    def properties(self) -> dict[str, Any]:
        return {name: self.dice.pick(options) for name, options in self.values.items() if self.dice.chance(self.likely[name])}

    def traits(self) -> dict[str, Any]:
        made = self.properties()
        made |= {"email": self.dice.pick(ADDRESSES)} if self.dice.chance(3) else {}
        made |= {"timezone": self.dice.pick(TIME_ZONES)} if self.dice.chance(3) else {}
        made |= {"vip": self.dice.pick((True, False, 1, None, "no", "subscribed"))} if self.dice.chance(3) else {}
        return made | ({"vip_raw": self.dice.pick((True, "a", None))} if self.dice.chance(2) else {})

    def source(self) -> dict[str, Any]:
        """What a record says of where it comes from."""
        source = self.dice.pick(SOURCES)
        return {} if source is None else {"context": {"library": {"name": source}}}

    def act(self) -> dict[str, Any]:
        """What an event tells of consent, or of what came of a mail."""
        return {
            self.dice.pick(("topic", "topic", "topics")): self.dice.pick(TOPICS),
            "source": self.dice.pick(("web", "web", "crm", None, 1)),
            "text_version": self.dice.pick(("v1", "v1", 2, "", None)),
            "type": self.dice.pick(("hard", "hard", "soft", None)),
            "email": self.dice.pick((*ADDRESSES, *["0@x.example"] * 4)),
            "status": self.dice.pick(("valid", "valid", "invalid")),
        }

    def body(self) -> dict[str, Any]:
        """What a record says, but for who, when and which."""
        if self.dice.chance(1):
            score = {"model": self.dice.pick(("m", "m", "k", 5)), "score": self.dice.pick(SCORES)}
            return {"type": "track", "event": "Scored", "properties": score}
        if self.dice.chance(1):
            return {"type": "track", "event": self.dice.pick(ACTS), "properties": self.act()}
        type_ = self.dice.pick(("track",) * 14 + ("identify",) * 4 + ("page", "page", "screen", "group", "alias"))
        if type_ == "track":
            told = {"properties": None if self.dice.chance(1) else self.properties()}
            return {"type": type_, "event": self.dice.pick(self.names)} | told
        if type_ in ("identify", "group"):
            return {"type": type_, "traits": self.traits(), **self.source()}
        name: dict[str, Any] = self.dice.pick(({}, {"name": "a"}, {"name": "b", "category": "a"}))
        return {"type": type_, "properties": self.properties() | self.dice.pick(({}, {"name": "x"})), **name}

    def record(self) -> dict[str, Any]:
        """A record, but for when and which."""
        return self.body() | self.dice.pick(self.persons)


def survivorship(dice: Dice) -> dict[str, Any]:
    """Which value counts, of some traits."""
    return {name: dice.pick(POLICIES) for name in ("x", "y", "d", "l", "email", "timezone", "vip") if dice.chance(3)}


def palette_of(dice: Dice) -> Palette:
    """All that there is, or a few of each kind, so that they meet more often."""
    whole = dice.chance(4)

    def few(options: Sequence[Any]) -> Sequence[Any]:
        return options if whole else [dice.pick(options) for _ in range(1 + dice.below(3))]

    values = {"x": VALUES, "y": VALUES, "n": dice.pick(DECIMALS), "d": (*INSTANTS, *DAYS), "o": OBJECTS, "l": ITEMS}
    likely = LIKELY if whole else LIKELY | {dice.pick(tuple(LIKELY)): 9, dice.pick(tuple(LIKELY)): 9}
    return Palette(
        dice, NAMES if whole else ("A", "B", *few(NAMES)), few(PERSONS), {name: few(options) for name, options in values.items()}, likely
    )


def lines(dice: Dice, most: int = 40, start: int = BASE_MS, palette: Callable[[Dice], Palette] = palette_of) -> list[bytes]:
    """The lines of a stream that begins at `start`."""
    made: list[bytes] = []
    drawn = palette(dice)
    at, pace = start - BASE_MS, dice.pick(PACES)
    for number in range(1 + dice.below(most)):
        if dice.chance(1) and dice.chance(4):
            made.append(dice.pick(BROKEN))
            continue
        at += dice.pick(LEAPS_MS if dice.chance(1) and dice.chance(1) else pace)
        offset = at + dice.pick((0, 0, 0, 0, 1, -1)) - (dice.pick(BACK_MS) if dice.chance(2) else 0)
        id_ = {} if dice.chance(1) else {"messageId": f"m{dice.below(number + 1) if dice.chance(2) else number}"}
        record = id_ | drawn.record() | stamps(dice, offset)
        made.append(json.dumps(record, ensure_ascii=False).encode())
    return made


def greeting(person: str, number: int, start: int) -> bytes:
    """An identify that makes a person reachable."""
    record = {
        "type": "identify",
        "userId": person,
        "messageId": f"hello{number}",
        "timestamp": stamp(start - BASE_MS),
        "traits": {"email": f"{number}@x.example"},
    }
    return json.dumps(record, ensure_ascii=False).encode()
