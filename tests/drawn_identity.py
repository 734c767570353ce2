"""Streams whose records tell who is one person: few ids that meet often, aliases, un-merges, values that are blocked.

`shuffled` are streams in which no limit is broken and nothing is repeated, so that their links may come in any order.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from operators.language.nodes import Call
from operators.language.parse import rule
from tests.dice import Dice
from tests.drawn_rules import rules, segments
from tests.drawn_streams import ACTS, BASE_MS, Palette, lines, palette_of, stamp, survivorship
from tests.oracle_calls import parts
from tests.strategies import Scenario

USERS, VISITORS = ("u1", "u1", "u1", "u2", "u2", "ü"), ("a1", "a1", "a1", "a2", "a2", "a3")
EMAILS = ("a@x.example", "a@X.Example", " a@x.example", "b@x.example", "c@x.example")
ODD: tuple[dict[str, str], ...] = (
    *({"userId": "null", "anonymousId": "a1"}, {"userId": "u1", "anonymousId": "0-0"}, {"userId": "-1"}, {"anonymousId": "Guest"}),
    *({"userId": "a1"}, {"anonymousId": "u1"}, {"userId": "u2", "anonymousId": "u2"}, {"userId": "", "anonymousId": "a2"}),
)
IDENTITIES: tuple[dict[str, Any], ...] = (*[{}] * 5, {"limits": {"anonymous_id": 1}}, {"limits": {"email": 1, "anonymous_id": 2}})


@dataclass(frozen=True)
class Crowd(Palette):
    """Makes records of people who meet; `merged` are the ids of the aliases so far, `numbers` those of identifies and acts."""

    users: Sequence[str] = USERS
    visitors: Sequence[str] = VISITORS
    merging: int = 1
    merged: list[dict[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def who(self) -> dict[str, str]:
        user, visitor = {"userId": self.dice.pick(self.users)}, {"anonymousId": self.dice.pick(self.visitors)}
        # What an alias itself links stays when it is undone, which the oracle does not know: it names no visitor as a user.
        odd = [each for each in ODD if not self.merging or each.get("anonymousId") not in self.users]
        return self.dice.pick((user, user, visitor, visitor, user | visitor, user | visitor, self.dice.pick(odd)))

    def record(self) -> dict[str, Any]:
        if self.dice.chance(self.merging) and self.merged:
            return {"type": "unmerge"} | self.dice.pick(self.merged[-2:])
        if self.dice.chance(self.merging):
            self.merged.append(
                {"userId": self.dice.pick(self.users), "previousId": self.dice.pick((*self.users, *self.visitors, *EMAILS[:1]))}
            )
            return {"type": "alias"} | self.merged[-1]
        told = (
            {"type": "identify", "traits": self.traits() | {"email": self.dice.pick(EMAILS)}, **self.source()}
            if self.dice.chance(2)
            else self.body()
        )
        # A repeat brings the acts that it brought: those of one that is dropped when it moves are there already.
        own = told.get("event") in ACTS
        return told | self.who() | ({"messageId": f"i{next(self.numbers)}"} if own else {})


def crowd_of(dice: Dice, merging: Sequence[int]) -> Crowd:
    """Many people, or a few who meet more often."""
    drawn = palette_of(dice)
    users, visitors = (
        ((dice.pick(USERS), dice.pick(USERS)), (dice.pick(VISITORS), dice.pick(VISITORS))) if dice.chance(5) else (USERS, VISITORS)
    )
    return Crowd(dice, drawn.names, (), drawn.values, drawn.likely, users, visitors, dice.pick(merging))


def met(dice: Dice, merging: Sequence[int] = (0, 0, 1, 1, 2)) -> Scenario:
    """A plan with a stream of people who meet, some of so many in ten records by alias or unmerge; all history is kept, since what is no
    longer kept cannot move."""
    (made, computed), start = rules(dice, 6), BASE_MS
    told = {
        "lateness": dice.pick(("10s", "1s", "0s")),
        "duplicates": dice.pick(("7d", "7d", "5s", "off")),
        "identity": dice.pick(IDENTITIES),
        "clean": "off",
        "survivorship": survivorship(dice),
    }
    until = start + 500 * (dice.below(105) - 4) if dice.chance(2) else None
    logged = dice.pick((None, None, None, None, None, None, start + 5000, start - 290_000))
    return Scenario(
        made, lines(dice, 40, start, lambda dice: crowd_of(dice, merging)), until, logged, told, computed=computed, start_ms=start
    )


PAST = {"held", "in_segment_for", "segment", "bucket"}
"""Calls whose value is not of the events alone, whoever's they were when."""


def of_events(made: dict[str, str]) -> dict[str, str]:
    """The rules, without those that look at more than the events."""
    kept = {
        id_: text for id_, text in made.items() if not any(isinstance(node, Call) and node.name in PAST for node in parts(rule(text, made)))
    }
    return kept or {"a": "did('A')"}


def people(dice: Dice) -> list[dict[str, Any]]:
    """Records of persons with a user, devices and addresses of their own; each at an instant of its own."""
    palette, made = palette_of(dice), []
    known = [
        {"userId": f"u{i}", "devices": [f"a{i}", f"b{i}"], "emails": [f"{x}{i}@x.example" for x in "xyz"]} for i in range(1 + dice.below(3))
    ]
    for number in range(2 + dice.below(25)):
        one = dice.pick(known)
        user, device = {"userId": one["userId"]}, {"anonymousId": dice.pick(one["devices"])}
        record = palette.body() | dice.pick((user, device, device, user | device))
        if record["type"] == "identify":
            record["traits"] = dict(record["traits"], email=dice.pick((*one["emails"], None, None)))
        made.append(record | {"messageId": f"m{number}", "timestamp": stamp(dice.below(41) * 500 + number)})
    return made


def settled(dice: Dice) -> dict[str, Any]:
    return {"lateness": dice.pick(("10s", "0s", "60s")), "survivorship": survivorship(dice)}


def scenario_of(made: dict[str, str], records: Sequence[dict[str, Any]], told: dict[str, Any]) -> Scenario:
    written = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    return Scenario(made, written, BASE_MS + 30_000, settings=told)


def shuffled(dice: Dice) -> list[Scenario]:
    """A plan, and the same records in three orders; no limit is broken and nothing comes twice."""
    made, records, told = of_events(segments(dice, 6)), people(dice), settled(dice)
    orders = (sorted(records, key=lambda record: str(record["timestamp"])), records, dice.shuffled(records))
    return [scenario_of(made, order, told) for order in orders]


def merged_in_vain(dice: Dice) -> tuple[Scenario, Scenario]:
    """A stream in which two are merged and parted again, and the same stream in which they never were; both go on for a while."""
    made, records, told = segments(dice, 6), people(dice), settled(dice)
    records = sorted(records, key=lambda record: str(record["timestamp"])) if dice.chance(5) else records
    ids = [record.get("userId") or record["anonymousId"] for record in records]
    pair, place, latest = (
        {"userId": "u0", "previousId": dice.pick(["u1", *(id_ for id_ in ids if not id_.endswith("0"))])},
        dice.below(len(records)),
        max(record["timestamp"] for record in records),
    )
    alias = {"type": "alias", "messageId": "alias", "timestamp": records[place]["timestamp"]}
    unmerge = {"type": "unmerge", "messageId": "unmerge", "timestamp": latest}
    after = [
        record | {"messageId": f"after{i}", "timestamp": stamp(21_000 + 500 * i)} for i, record in enumerate(dice.shuffled(records)[:5])
    ]
    merged = [*records[:place], alias | pair, *records[place:], unmerge | pair, *after]
    return scenario_of(made, merged, told), scenario_of(made, [*records, *after], told)
