"""What is decided of two persons that are probably one, as records of the input log: so a lane stays a function of its log."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from operators.duplicates.rows import Candidate
from operators.duplicates.score import chance_of
from operators.instants import format_instant
from schemas.event import Event

REFUSED = "Duplicate Refused"
"""The track event by which somebody says that two persons are two: of the one, with the other in the property `other`."""


def accepted(candidate: Candidate, person: str, now: int, *, is_user: bool) -> dict[str, Any]:
    """An alias that makes the two one, named `person`, with the evidence. It names the person by a `userId` only where that is one."""
    other = candidate.other if person == candidate.person else candidate.person
    named = {"userId" if is_user else "anonymousId": person, "previousId": other}
    return _record("alias", candidate, now) | named | {"properties": reasons(candidate)}


def merging(candidate: Candidate, *, is_user: bool) -> Event:
    """The alias by which a lane makes the two of a candidate one, with the event that made it a candidate."""
    c = candidate
    user, anonymous = (c.person, None) if is_user else (None, c.person)
    id = _id("merge", c.person, c.other, c.message_id)
    return Event(c.t, "alias", None, id, user, anonymous, reasons(c), previous_id=c.other)


def reasons(candidate: Candidate) -> dict[str, Any]:
    """The properties of an alias of a duplicate found."""
    evidence = [{"field": e.field, "level": e.level, "similarity": e.similarity, "weight": e.weight} for e in candidate.evidence]
    return {"kind": "duplicate", "chance": round(chance_of(candidate.bits), 4), "bits": candidate.bits, "evidence": evidence}


def refused(candidate: Candidate, now: int) -> dict[str, Any]:
    """A track event that says that the two are two. The person is its `anonymousId`, which leads to it whatever it is named by.

    >>> record = refused(Candidate("anna", "anne", 1.0, [], "m", 0), 0)
    >>> record["anonymousId"], record["event"], record["properties"]
    ('anna', 'Duplicate Refused', {'other': 'anne'})
    """
    person, other = candidate.person, candidate.other
    return _record("track", candidate, now) | {"anonymousId": person, "event": REFUSED, "properties": {"other": other}}


def _record(type: str, candidate: Candidate, now: int) -> dict[str, Any]:
    """The envelope; the same decision on what was found once is one event, however often it is sent."""
    id = _id(type, *sorted((candidate.person, candidate.other)), candidate.message_id)
    return {"type": type, "messageId": id, "timestamp": format_instant(now)}


def _id(*parts: str) -> str:
    return f"duplicate-{blake2b(chr(0).join(parts).encode(), digest_size=12).hexdigest()}"
