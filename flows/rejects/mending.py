"""`read_mended`: the lines of an editor to records that can be sent again, each at its own time and under one messageId.

A record keeps its stamps where they give the same time wherever it lies in a log. Where they do not (the time was that of its first log, or
was set to it), `timestamp` becomes that time, and the other stamps are left out.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from flows.rejects.records import Refused
from operators.decode import decode
from operators.emit import Emit
from operators.identify import blocked_by, carried
from operators.instants import format_instant
from operators.lane.moves import BLOCKED
from operators.plan.checked import Plan
from operators.tracking.keep import Tracking
from schemas.errors import Finding, FindingsError
from schemas.event import Event
from schemas.output import Reject

STAMPS = ("originalTimestamp", "sentAt", "receivedAt")


Refusal = Callable[[Event, bytes], Reject | None]
"""Why an event, with the record that it came in, is not taken; None where it is."""


class Mended(NamedTuple):
    """A record to be sent: the id of the reject that it mends, its messageId, key (the person's id in it) and event time."""

    mends: str
    message_id: str
    key: str
    t: int
    raw: bytes


class _Line(msgspec.Struct):
    mends: str
    record: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_record = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def mends_of(line: bytes) -> str | None:
    """The id of the reject that a line mends; None where it names none."""
    try:
        return _decode_line(line).mends
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_mended(file: str, lines: Iterable[bytes], plan: Plan, known: Mapping[str, Refused], later_ms: int | None) -> list[Mended]:
    """The records of a file, by time; FindingsError with all that is wrong with it. `known` are the rejects by id; `later_ms` is the time
    that the log will give them, None where it gives none."""
    refusal = _refusals(plan)
    found: dict[str, Mended] = {}
    findings: list[Finding] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                mended = _mended(line, known, refusal, later_ms)
                if mended.mends in found:
                    raise ValueError("a reject must be mended once; got another line for it")
                found[mended.mends] = mended
            except ValueError as error:
                findings.append(Finding(file, number, 1, str(error)))
    if findings:
        raise FindingsError(findings)
    return sorted(found.values(), key=lambda mended: mended.t)


def _mended(text: bytes, known: Mapping[str, Refused], refusal: Refusal, later_ms: int | None) -> Mended:
    """The record of one line; ValueError in words where it has none."""
    try:
        line = _decode_line(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("a line must be a JSON object with `mends` and `record`; got something else") from None
    refused = known.get(line.mends)
    if refused is None:
        raise ValueError("`mends` must be the id of a reject; got one that is not there")
    raw = _raw_of(line)
    event = _event_of(raw, refused.log_ms, refusal)
    record = _decode_record(raw)
    message_id = event.message_id if record.get("messageId") else f"retry-{refused.id}"
    again = decode(raw, later_ms)
    moved = not isinstance(again, Event) or again.t != event.t
    if moved:
        record = {name: value for name, value in record.items() if name not in STAMPS} | {"timestamp": format_instant(event.t)}
    if moved or message_id != event.message_id:
        raw = _encode(record | {"messageId": message_id})
    return Mended(refused.id, message_id, event.user_id or event.anonymous_id or "", event.t, raw)


def _raw_of(line: _Line) -> bytes:
    if line.record is not msgspec.UNSET:
        return bytes(line.record)
    if line.text is not msgspec.UNSET:
        return line.text.encode()
    try:
        return b64decode(line.base64 or "", validate=True)
    except ValueError:
        raise ValueError("`base64` must be that; got something else") from None


def _refusals(plan: Plan) -> Refusal:
    """Why the job of a plan would reject an event that can be read."""
    tracking = Tracking(plan.tracking) if plan.tracking is not None else None
    is_blocked = blocked_by(plan.identity.blocked) if plan.identity is not None else None

    def refusal(event: Event, raw: bytes) -> Reject | None:
        # What is only taken out or flagged is as good as any; it is counted where the job reads it.
        kept = tracking.keep(msgspec.structs.replace(event), raw, Emit("", 1)) if tracking is not None else event
        if isinstance(kept, Reject):
            return kept
        return BLOCKED if is_blocked is not None and not carried(kept, is_blocked) else None

    return refusal


def _event_of(raw: bytes, log_ms: int | None, refusal: Refusal) -> Event:
    event = decode(raw, log_ms)
    refused = event if isinstance(event, Reject) else refusal(event, raw)
    if refused is not None:
        raise ValueError(f"the record must be one that can be used; got one with the reason {refused.reason}: {refused.detail}")
    if b"\n" in raw or b"\r" in raw:
        raise ValueError("the record must stand on one line; got a line break in it")
    assert isinstance(event, Event)
    return event
