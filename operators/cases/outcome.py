"""What the engine made of a case: its output records, as far as checks look at them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from operators.instants import parse_instant
from schemas.output import ERASED, DecisionReason


@dataclass(frozen=True, slots=True)
class Change:
    """A person entered or left a segment. `cause` is the messageId of the event that made it so, None for the passing of time; `why` the
    calls of the rule with their values."""

    person: str
    segment: str
    entered: bool
    at_ms: int
    cause: str | None
    why: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sending:
    """A trigger, or with `reason` a decision against one. `cause` is what started it: the change of a segment, else an event's
    messageId."""

    person: str
    campaign: str
    template: str
    at_ms: int
    reason: DecisionReason | None
    cause: Change | str


@dataclass(slots=True)
class Outcome:
    """All that came out up to the instant of a check, each in the order in which it did."""

    changes: list[Change] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)

    def members(self, person: str) -> dict[str, Change]:
        """The segments that a person is in, each with its last entry."""
        inside: dict[str, Change] = {}
        for change in self.changes:
            if change.person == person:
                inside.pop(change.segment, None)
                if change.entered:
                    inside[change.segment] = change
        return inside


def outcome_of(records: Iterable[bytes], told: Mapping[str, str]) -> Outcome:
    """The outcome that records say, which are CloudEvents of transitions, triggers and decisions. `told` gives the persons whom a case
    tells of by another name than the engine."""
    outcome = Outcome()
    for raw in records:
        record = msgspec.json.decode(raw)
        if record["type"] == ERASED:
            # Nobody is in a segment any more, and none was left.
            outcome.changes = [change for change in outcome.changes if change.person != told.get(record["subject"], record["subject"])]
            continue
        person, at_ms, data = told.get(record["subject"], record["subject"]), parse_instant(record["time"]), record["data"]
        if record["type"].startswith("beckon.segment."):
            entered = record["type"] == "beckon.segment.entered"
            outcome.changes.append(Change(person, data["segment"], entered, at_ms, data["cause"].get("event"), data["why"]))
        else:
            cause = _cause(person, at_ms, data["why"])
            outcome.sendings.append(Sending(person, data["campaign"], data["template"], at_ms, data.get("reason"), cause))
    return outcome


def _cause(person: str, at_ms: int, why: dict[str, Any]) -> Change | str:
    if "transition" not in why:
        return str(why["event"])
    change = why["transition"]
    return Change(person, change["segment"], change["kind"] == "entered", at_ms, change["cause"].get("event"), why["rule"])
