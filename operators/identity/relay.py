"""`Relay`: the identify stage on its own: says what is to happen to which person, and leaves it to the lane of that person.

What it says is the stream `resolved`, keyed by person: a lane of persons that reads it does what a lane with both stages would have done,
in the same order for each person. A move names both: the one who leaves gets its own record, the one who is joined gets the events with
the record that moves them, so no lane of persons waits for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import msgspec

from operators.change import Past
from operators.consent import ACTS, take
from operators.emit import Emit
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.consent import Act
from schemas.event import Event
from schemas.person import Person

ENDING = ".identify"
"""Behind the name of a plan: what its identify stage is called on its own."""


class KeptRow(msgspec.Struct, array_like=True):
    """An event of a person that is made anew, as the history has it."""

    n: int
    event: Event
    watermark: int | None = None
    linked: bool = False


class Erased(msgspec.Struct, omit_defaults=True, frozen=True):
    """The keyed hashes of addresses of a person who is erased, in hexadecimal digits, and the id of the key."""

    key: str = ""
    addresses: list[str] = []


class Told(msgspec.Struct, omit_defaults=True):
    """What is to happen to a person, by an event: `apply` it, with the events that it brings; `leave`, to be part of `to`; be made `anew`
    of these events, or be no more where `count`, the number of all its events, is 0; `erase` what there is under the name.
    `acts` are the person's acts of consent, where others have become part of it. `watermark` is that of the identify lane before the
    event."""

    do: Literal["apply", "leave", "anew", "erase"]
    event: Event
    watermark: int
    past: list[Event] = []
    to: str = ""
    rows: list[KeptRow] = []
    count: int = 0
    acts: list[Act] = []
    erased: Erased = Erased()


class ResolvedRecord(msgspec.Struct):
    """A record of the stream `resolved`, as far as a lane of persons looks at it."""

    subject: str
    data: Told


def identify_plan(plan: Plan) -> Plan:
    """The plan as far as the identify stage goes by it, under a name of its own."""
    survivorship = plan.survivorship if plan.duplicate_persons is not None else {}
    return replace(plan, name=plan.name + ENDING, segments=(), campaigns=(), caps=(), profiles=False, survivorship=survivorship)


class Relay(PersonStage):
    """In the place of the person stage: keeps of a person how many events it has, its acts of consent and, where persons are looked for
    that are probably one, its traits; and puts out what is to happen to it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._compares = plan.duplicate_persons is not None

    def apply(self, p: Person, event: Event, watermark: int, emit: Emit, past: Sequence[Past] = (), touched: int = 0) -> None:
        p.count += len(past) + 1
        p.clock = max(p.clock, event.t) if p.count > 1 else event.t
        for each in (*(one.event for one in past), event):
            if each.name in ACTS:
                take(p, each)
            if self._compares and each.kind == "identify":
                self.survive.identify(p, each)
        acts = p.acts if p.ties is not None else []
        self._put(p, Told("apply", event, watermark, [each.event for each in past], acts=acts), emit)

    def meet(self, p: Person, past: Sequence[Past], event: Event, watermark: int, emit: Emit) -> None:
        """Time passes in the lane of the person."""

    def leave(self, p: Person, to: str, event: Event, watermark: int, emit: Emit) -> None:
        self._put(p, Told("leave", event, watermark, to=to), emit)

    def differ(
        self, p: Person, rows: Sequence[Past], watermark: int, before: Mapping[int, int], now: int, event: Event, emit: Emit
    ) -> None:
        kept = [KeptRow(each.n, each.event, each.watermark, each.linked) for each in rows]
        self._put(p, Told("anew", event, watermark, rows=kept, count=p.count, acts=p.acts), emit)

    def erase(self, p: Person, names: Sequence[str], event: Event, watermark: int, told: Erased, emit: Emit) -> None:
        # Nothing of the record but its time and messageId: it names the person.
        bare = Event(event.t, "erase", None, event.message_id, None, None, {})
        for name in names:
            self._put(p, Told("erase", bare, watermark, erased=told), emit, name)

    def _put(self, p: Person, told: Told, emit: Emit, name: str | None = None) -> None:
        data: dict[str, Any] = msgspec.to_builtins(told)
        emit.resolved(name or p.id, [told.do, told.event.message_id, told.event.t, p.count], data)
