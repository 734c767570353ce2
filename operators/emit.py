"""`emit`: transitions, triggers, decisions and rejects as CloudEvents, numbered without a gap."""

from __future__ import annotations

from base64 import b64encode
from hashlib import blake2b
from typing import Any

import msgspec

from operators.instants import format_instant
from schemas.counts import Counts
from schemas.event import Event
from schemas.output import STREAMS, CloudEvent, DecisionReason, Output, Reject

_encode = msgspec.json.Encoder().encode
_TRANSITIONS, _TRIGGERS, _DECISIONS, _REJECTS = (STREAMS.index(stream) for stream in ("transitions", "triggers", "decisions", "rejects"))


def _text(value: Any) -> str:
    return _encode(value).decode()


def make_id(*parts: str | int) -> str:
    """The deterministic id of a happening: 32 hex digits over what makes it this one and no other.

    >>> make_id("u1", "busy", 7) == make_id("u1", "busy", 7) != make_id("u1", "busy", "7")
    True
    """
    return blake2b(_encode(parts), digest_size=16).hexdigest()


class Emit:
    """Collects the outputs of a batch; `next` is the sequence number of the next one. `counts` is brought up with each."""

    def __init__(self, plan_name: str, next: int) -> None:
        self.source = f"beckon/{plan_name}"
        self.next = next
        self.outputs: list[Output] = []
        self.counts = Counts()

    def _put(self, stream: int, id: str, type: str, key: str | None, time: int | None, data: dict[str, Any]) -> None:
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
        self.outputs.append(Output(stream, key, _encode(event)))
        self.next += 1

    def transition(self, person: str, segment: str, version: str, entered: bool, now: int, event: Event | None, why: dict[str, Any]) -> str:
        """A person entered or left a segment at `now`, by the event or, where that is None, by time. Gives the record's id."""
        kind = "entered" if entered else "exited"
        if event is not None:
            # One messageId can stand for several events, far enough apart: their own times tell them apart.
            id = make_id(person, segment, kind, now, event.message_id, event.t)
            cause = f'{{"event":{_text(event.message_id)}}}'
        else:
            id = make_id(person, segment, kind, now)
            cause = '{"time":true}'
        # Transitions are most of what comes out: written by hand they cost half of what a struct does. Ids of segments need no escapes.
        value = (
            f'{{"specversion":"1.0","id":"{id}","source":"{self.source}","type":"beckon.segment.{kind}","subject":{_text(person)},'
            f'"time":"{format_instant(now)}","datacontenttype":"application/json","sequence":"{self.next}",'
            f'"data":{{"segment":"{segment}","version":"{version}","cause":{cause},"why":{_text(why)}}}}}'
        )
        self.outputs.append(Output(_TRANSITIONS, person, value.encode()))
        self.next += 1
        self.counts.transitions[segment, kind] += 1
        return id

    def trigger(self, person: str, campaign: str, id: str, now: int, data: dict[str, Any]) -> None:
        """A campaign calls for a message to the person at `now`."""
        self._put(_TRIGGERS, id, "beckon.trigger", person, now, {"campaign": campaign, **data})
        self.counts.triggers[campaign] += 1

    def decision(self, person: str, campaign: str, id: str, now: int, reason: DecisionReason, data: dict[str, Any]) -> None:
        """A campaign called for a message, and it was not sent for the reason."""
        self._put(_DECISIONS, id, "beckon.decision", person, now, {"campaign": campaign, "reason": reason, **data})
        self.counts.decisions[campaign, reason] += 1

    def reject(self, reject: Reject, raw: bytes, partition: int, offset: int, log_ms: int | None) -> None:
        """A record that cannot be used, whole."""
        try:
            record = {"record": raw.decode()}
        except UnicodeDecodeError:
            record = {"record_base64": b64encode(raw).decode()}
        data = {"reason": reject.reason, "detail": reject.detail, "source": {"partition": partition, "offset": offset}, **record}
        self._put(_REJECTS, make_id("reject", partition, offset), "beckon.reject", None, log_ms, data)
        self.counts.rejects[reject.reason] += 1
