"""Plans with their streams, made so that things collide, and the strategies that give them to Hypothesis.

A `Scenario` is texts alone (rules, campaign files, settings, lines); its `str` is what a person needs to follow a failure by hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.dice import Dice, drawn
from tests.drawn_rules import SPANS, Rules, rules
from tests.drawn_rules import segments as segments_of
from tests.drawn_streams import BASE_MS, STARTS, greeting, stamp, survivorship
from tests.drawn_streams import lines as lines_of

__all__ = ["BASE_MS", "Scenario", "batch_sizes", "lines", "readable", "scenario", "scenarios", "segments", "sizes", "stamp"]


@dataclass(frozen=True)
class Scenario:
    """A plan as its author writes it and the lines of a stream, which begins near `start_ms`.

    `until_ms` is the end of time, `log_ms` the log's time of all lines. `computed` are named values by name.
    """

    segments: dict[str, str]
    lines: list[bytes]
    until_ms: int | None = None
    log_ms: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    campaigns: dict[str, dict[str, Any]] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    start_ms: int = BASE_MS

    def __str__(self) -> str:
        head = [f"{name}: {value}" for name, value in (*self.settings.items(), *self.campaigns.items())]
        rules = [f"segment {name}: {rule}" for name, rule in self.segments.items()]
        rules = [f"computed {name}: {rule}" for name, rule in self.computed.items()] + rules
        ends = (("until", self.until_ms), ("logged at", self.log_ms))
        until = [f"{name} {at - BASE_MS:+d}ms" for name, at in ends if at is not None]
        return "\n".join([*head, *rules, *(f"{number}: {readable(line)}" for number, line in enumerate(self.lines)), *until])


def readable(line: bytes) -> str:
    """A line, its stamps as offsets where they can be read."""
    try:
        record = json.loads(line)
        stamps = {key: value for key, value in record.items() if key in ("timestamp", "originalTimestamp", "sentAt", "receivedAt")}
        record |= {
            key: f"{(datetime.fromisoformat(value).timestamp() * 1000 - BASE_MS):+g}ms {value[19:]}" for key, value in stamps.items()
        }
    except (ValueError, TypeError, AttributeError):
        return repr(line)
    return json.dumps(record)


def plan_settings(dice: Dice) -> dict[str, Any]:
    told: dict[str, Any] = {
        "lateness": dice.pick(("10s", "1s", "0s", "10s")),
        "duplicates": dice.pick(("7d", "5s", "off")),
        "history": dice.pick(("400d", "10s", "none")),
        "timezone": dice.pick(("UTC", "UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo")),
        "survivorship": survivorship(dice),
    }
    return told | ({} if told["history"] == "400d" else {"identity": "off"})  # what is no longer kept cannot move


def campaigns(dice: Dice, ids: Sequence[str], topics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Campaign files by id, on the segments `ids` and on events, about one of the topics where there are some."""
    named = ("c1", "c2", "a3")[: 1 + dice.below(3)]
    return {name: campaign(dice, ids) | ({"topic": dice.pick(topics)} if topics else {}) for name in named}


def campaign(dice: Dice, ids: Sequence[str]) -> dict[str, Any]:
    on = dice.pick(
        (f"enters {dice.pick(ids)}", f"enters {dice.pick(ids)}", f"exits {dice.pick(ids)}", "event A", "event B", "event Page Viewed"),
    )
    made: dict[str, Any] = {"on": on, "steps": [{"send": dice.pick(("hello", "bye"))}]}
    if on.startswith("event"):
        made |= {"where": Rules(dice).checked_where()} if dice.chance(3) else {}
        made |= {"key": dice.pick(("y", "o.x", "x"))} if dice.chance(5) else {}
    made["re_enter"] = dice.pick(("always", "never", "after 1s", "after 3s"))
    return made | ({"holdout": "50%"} if dice.chance(1) else {}) | ({"state": "draft"} if dice.chance(1) else {})


def sending_rules(dice: Dice) -> dict[str, Any]:
    """Settings of plan.yaml that hold for all campaigns."""
    caps = [{"most": dice.pick((1, 1, 2)), "within": dice.pick((*SPANS, "1m"))} for _ in range(dice.pick((0, 1, 1, 2)))]
    topics = {"news": {"consent": dice.pick(("required", "required", "none"))}, "offers": {"consent": "none"}} if dice.chance(5) else {}
    return {"caps": caps, "holdout": dice.pick((0, 0, 0, 0, 0, 0, 0, "40%")), "topics": topics}


def scenario(dice: Dice, *, sending: bool = False) -> Scenario:
    """A plan with its stream; `sending` adds campaigns, and makes most persons reachable."""
    (made, computed), told, start = rules(dice, 3 if sending else 8), plan_settings(dice), dice.pick(STARTS)
    stream = lines_of(dice, 25 if sending else 40, start)
    until = start + 500 * (dice.below(105) - 4) if dice.chance(2) else None
    logged = dice.pick((None, None, None, None, None, None, start + 5000, start - 290_000))
    if not sending:
        return Scenario(made, stream, until, logged, told, computed=computed, start_ms=start)
    reachable = [greeting(person, number, start) for number, person in enumerate(("u1", "u2", "ü")) if not dice.chance(1)]
    told |= sending_rules(dice)
    return Scenario(made, reachable + stream, until, logged, told, campaigns(dice, list(made), list(told["topics"])), computed, start)


def sizes(dice: Dice) -> list[int]:
    """Sizes of batches that are taken in turn: from one by one to all at once."""
    return dice.pick(([1], [2], [3, 1], [1000], [7], [1 + dice.below(12) for _ in range(1 + dice.below(4))]))


# For Hypothesis ---------------------------------------------------------------------------------------------------------------------------


def scenarios(*, sending: bool = False) -> st.SearchStrategy[Scenario]:
    """Plans with their streams."""
    return drawn(lambda dice: scenario(dice, sending=sending))


def segments(most: int = 6) -> st.SearchStrategy[dict[str, str]]:
    """Rules by id."""
    return drawn(lambda dice: segments_of(dice, most))


def lines(most: int = 40) -> st.SearchStrategy[list[bytes]]:
    """The lines of a stream."""
    return drawn(lambda dice: lines_of(dice, most))


def batch_sizes() -> st.SearchStrategy[list[int]]:
    """Sizes of batches."""
    return drawn(sizes)
