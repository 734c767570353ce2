"""What is decided of two persons that are probably one, as records of the input log: so a lane stays a function of its log."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from operators.duplicates.rows import Candidate
from operators.duplicates.watch import REFUSED
from operators.instants import format_instant


def accepted(candidate: Candidate, person: str, chance: float, now: int) -> dict[str, Any]:
    """An alias that makes the two one, named `person`, with the evidence."""
    other = candidate.other if person == candidate.person else candidate.person
    evidence = [{"field": e.field, "level": e.level, "similarity": e.similarity, "weight": e.weight} for e in candidate.evidence]
    properties = {"kind": "duplicate", "chance": round(chance, 4), "bits": candidate.bits, "evidence": evidence}
    return _record("alias", person, other, now) | {"userId": person, "previousId": other, "properties": properties}


def refused(candidate: Candidate, now: int) -> dict[str, Any]:
    """A track event that says that the two are two. The person is its `anonymousId`, which leads to it whatever it is named by.

    >>> record = refused(Candidate("anna", "anne", 1.0, [], "m", 0), 0)
    >>> record["anonymousId"], record["event"], record["properties"]
    ('anna', 'Duplicate Refused', {'other': 'anne'})
    """
    person, other = candidate.person, candidate.other
    return _record("track", person, other, now) | {"anonymousId": person, "event": REFUSED, "properties": {"other": other}}


def _record(type: str, person: str, other: str, now: int) -> dict[str, Any]:
    """The envelope; the same decision at the same instant is one event."""
    made = blake2b("\0".join([type, *sorted((person, other)), str(now)]).encode(), digest_size=12).hexdigest()
    return {"type": type, "messageId": f"duplicate-{made}", "timestamp": format_instant(now)}
