"""`Verdict`: whether mail arrives at an address, and why; `email_verified`, the event that tells it.

The reason says the status: `REASONS` is the closed list of both. Their names are those of the services that verify addresses, where these
agree on one.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from operators.instants import format_instant
from schemas.person import USER_ID

EMAIL_VERIFIED = "Email Verified"
"""The track event by which a verdict comes into the input."""
SENDER = "beckon-verify"
"""The `context.library.name` of that event."""

Status = Literal["deliverable", "undeliverable", "risky", "unknown"]
Reason = Literal[
    "accepted_email",
    "invalid_email",
    "invalid_domain",
    "null_mx",
    "rejected_email",
    "mailbox_full",
    "catch_all",
    "disposable",
    "role",
    "spam_trap",
    "complainer",
    "low_quality",
    "mx_found",
    "not_determined",
    "no_answer",
    "dns_failure",
]
REASONS: dict[Reason, tuple[Status, str]] = {
    "accepted_email": ("deliverable", "a service says that the mailbox takes mail"),
    "invalid_email": ("undeliverable", "it is no address"),
    "invalid_domain": ("undeliverable", "the domain is not there, or has neither MX nor address"),
    "null_mx": ("undeliverable", "the domain says that it takes no mail (RFC 7505)"),
    "rejected_email": ("undeliverable", "a service says that there is no such mailbox, or that it takes no mail"),
    "mailbox_full": ("undeliverable", "a service says that the mailbox is full"),
    "catch_all": ("risky", "the domain takes mail for any mailbox, so nobody knows whether this one is there"),
    "disposable": ("risky", "a mailbox that is thrown away"),
    "role": ("risky", "a service says that it is nobody's own, such as info@"),
    "spam_trap": ("risky", "a service takes it for a trap for senders of spam"),
    "complainer": ("risky", "a service knows that mail there is marked as spam"),
    "low_quality": ("risky", "a service advises against it for another cause"),
    "mx_found": ("unknown", "the domain takes mail; no service was asked for the mailbox"),
    "not_determined": ("unknown", "a service was asked and could not find out"),
    "no_answer": ("unknown", "a service was asked, and its answer did not come"),
    "dns_failure": ("unknown", "the name servers of the domain did not answer, again and again"),
}
"""Reason -> the status that it means, and what it says."""

assert set(REASONS) == set(get_args(Reason))


class Verdict(msgspec.Struct, frozen=True):
    """What was found of an address at `checked_ms` by `service`: syntax, mx, or a service that verifies addresses, whose own words are the
    `detail`. `mx` says whether the domain takes mail, None where nobody looked."""

    reason: Reason
    service: str
    checked_ms: int
    mx: bool | None = None
    detail: str = ""

    @property
    def status(self) -> Status:
        """Whether mail arrives."""
        return REASONS[self.reason][0]


class Telling(NamedTuple):
    """To whom a verdict is told: the person and the rank of its name, and the trait that has the address; the time of the event."""

    person: str
    rank: int
    trait: str
    address: str
    told_ms: int


def email_verified(telling: Telling, mailbox: bytes, verdict: Verdict) -> dict[str, Any]:
    """The record that tells it; the same telling of the same look-up is the same record, with the same messageId.

    >>> record = email_verified(Telling("anna", 3, "email", "anna@example.com", 1000), b"m", Verdict("null_mx", "mx", 0, mx=False))
    >>> record["userId"], record["event"], record["timestamp"], record["properties"]["status"]
    ('anna', 'Email Verified', '1970-01-01T00:00:01.000Z', 'undeliverable')
    """
    properties: dict[str, Any] = {"email": telling.address, "trait": telling.trait, "status": verdict.status, "reason": verdict.reason}
    properties |= {} if verdict.mx is None else {"mx": verdict.mx}
    properties |= {"service": verdict.service, "checked_at": format_instant(verdict.checked_ms)}
    properties |= {"detail": verdict.detail} if verdict.detail else {}
    parts = (mailbox.hex(), telling.trait, verdict.service, str(verdict.checked_ms), str(telling.told_ms))
    return {
        "type": "track",
        "messageId": f"verify-{blake2b(chr(0).join(parts).encode(), digest_size=12).hexdigest()}",
        # A name leads to its person as an anonymousId too, whatever it is.
        "userId" if telling.rank == USER_ID else "anonymousId": telling.person,
        "event": EMAIL_VERIFIED,
        "timestamp": format_instant(telling.told_ms),
        "context": {"library": {"name": SENDER}},
        "properties": properties,
    }
