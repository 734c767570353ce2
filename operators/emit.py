"""`emit`: transitions, triggers, decisions and rejects as CloudEvents, numbered without a gap."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from operators.instants import EARLIEST, LATEST, format_instant
from operators.tally import TRIGGERED, Tallies
from schemas.counts import Counts, Quality
from schemas.event import Event
from schemas.output import ALL_STREAMS, ERASED, CloudEvent, DecisionReason, Output, Reject

_encode = msgspec.json.Encoder().encode
_TRANSITIONS, _TRIGGERS, _DECISIONS, _REJECTS, _RESOLVED, _PROFILES = range(len(ALL_STREAMS))


def _text(value: Any) -> str:
    return _encode(value).decode()


def make_id(*parts: str | int) -> str:
    """The deterministic id of a happening: 32 hex digits over what makes it this one and no other.

    >>> make_id("u1", "busy", 7) == make_id("u1", "busy", 7) != make_id("u1", "busy", "7")
    True
    """
    return blake2b(_encode(parts), digest_size=16).hexdigest()


class Occasion(NamedTuple):
    """One evaluation of one person: `key` tells it from all others, the last three are JSON."""

    person: str
    now: int
    key: str
    subject: str
    time: str
    cause: str


class Emit:
    """Collects the outputs of a batch; `next` is the sequence number of the next one. `counts` is brought up with each. `once` says that
    the plan checks for duplicates. `tallies` counts by day. `moved` is set by each transition, and taken back by who looks at it."""

    def __init__(self, plan_name: str, next: int, *, once: bool = True) -> None:
        self.once = once
        self.source = f"beckon/{plan_name}"
        self.next = next
        self.outputs: list[Output] = []
        self.counts = Counts()
        self.tallies = Tallies()
        self.moved = False

    def _put(self, stream: int, id: str, type: str, key: str | None, time: int | None, data: dict[str, Any] | None) -> None:
        event = CloudEvent(
            "1.0",
            id,
            self.source,
            type,
            key if key is not None else msgspec.UNSET,
            format_instant(time) if time is not None else msgspec.UNSET,
            "application/json",
            str(self.next),
            data,
        )
        self.outputs.append(Output(stream, key, _encode(event), data is None))
        self.next += 1

    def occasion(self, person: str, now: int, event: Event | None, n: int = 0, plan: str | None = None) -> Occasion:
        """What all that happens to a person in one evaluation shares: by the event, the person's `n`-th, or, where that is
        None, by the changed plan of this version, the `n`-th change, or by time."""
        subject, time = _text(person), format_instant(now)
        if plan is not None:
            return Occasion(person, now, f'[{subject},{now},"plan","{plan}",{n}]', subject, time, f'{{"plan":"{plan}"}}')
        if event is None:
            return Occasion(person, now, f"[{subject},{now}]", subject, time, '{"time":true}')
        return Occasion(person, now, self.key(person, now, event, n), subject, time, f'{{"event":{_text(event.message_id)}}}')

    def key(self, person: str, now: int, event: Event, n: int) -> str:
        """What tells an event of a person from all others. One messageId can stand for several: at different times or, where the plan does
        not check for duplicates, of different number."""
        parts = [person, now, event.message_id, event.t]
        return _text(parts if self.once else [*parts, n])

    def transition(self, occasion: Occasion, segment: str, version: str, entered: bool, why: dict[str, Any]) -> str:
        """The person of the occasion entered or left a segment. Gives the record's id."""
        kind = "entered" if entered else "exited"
        id = blake2b(f"{occasion.key}{segment} {kind}".encode(), digest_size=16).hexdigest()
        # Transitions are most of what comes out: written by hand they cost half of what a struct does. Ids of segments need no escapes.
        value = (
            f'{{"specversion":"1.0","id":"{id}","source":"{self.source}","type":"beckon.segment.{kind}","subject":{occasion.subject},'
            f'"time":"{occasion.time}","datacontenttype":"application/json","sequence":"{self.next}",'
            f'"data":{{"segment":"{segment}","version":"{version}","cause":{occasion.cause},"why":{_text(why)}}}}}'
        )
        self.outputs.append(Output(_TRANSITIONS, occasion.person, value.encode()))
        self.next += 1
        self.counts.transitions[segment, kind] += 1
        self.moved = True
        return id

    def erased(self, person: str, event: Event, now: int) -> None:
        """A person was erased; whoever holds something of it is to forget it too."""
        self._put(_TRANSITIONS, make_id("erased", person, event.message_id, event.t), ERASED, person, now, {})

    def trigger(self, person: str, campaign: str, id: str, now: int, data: dict[str, Any]) -> None:
        """A campaign calls for a message to the person at `now`."""
        self._put(_TRIGGERS, id, "beckon.trigger", person, now, {"campaign": campaign, **data})
        self.counts.triggers[campaign] += 1
        self.tallies.sending(now, campaign, TRIGGERED)

    def decision(self, person: str, campaign: str, id: str, now: int, reason: DecisionReason, data: dict[str, Any]) -> None:
        """A campaign called for a message, and it was not sent for the reason."""
        self._put(_DECISIONS, id, "beckon.decision", person, now, {"campaign": campaign, "reason": reason, **data})
        self.counts.decisions[campaign, reason] += 1
        self.tallies.sending(now, campaign, reason)

    def quality(self, t: int, found: Quality) -> None:
        """Something was found in the data of an event of the time `t`."""
        self.counts.quality[found] += 1
        self.tallies.found(t, found)

    def profile(self, person: str, now: int, key: Sequence[str | int], data: dict[str, Any]) -> None:
        """The person's profile as it stands at `now`; `key` tells what changed it from all else that does."""
        self._put(_PROFILES, make_id("profile", person, now, *key), "beckon.profile", person, now, data)

    def gone(self, person: str, now: int, key: Sequence[str | int]) -> None:
        """There is no such person any more."""
        self._put(_PROFILES, make_id("gone", person, now, *key), "beckon.profile", person, now, None)

    def resolved(self, person: str, key: Sequence[str | int], data: dict[str, Any]) -> None:
        """What is to happen to a person; `key` tells it from all else that does."""
        self._put(_RESOLVED, make_id("resolved", person, *key), "beckon.resolved", person, None, data)

    def reject(self, reject: Reject, raw: bytes, partition: int, offset: int, log_ms: int | None) -> None:
        """A record that cannot be used, whole."""
        try:
            record = {"record": raw.decode()}
        except UnicodeDecodeError:
            record = {"record_base64": b64encode(raw).decode()}
        data = {"reason": reject.reason, "detail": reject.detail, "source": {"partition": partition, "offset": offset}, **record}
        time = log_ms if log_ms is not None and EARLIEST <= log_ms <= LATEST else None
        self._put(_REJECTS, make_id("reject", partition, offset), "beckon.reject", None, time, data)
        self.counts.rejects[reject.reason] += 1
