"""Postmark's webhooks: one event. They are not signed: the ESP gives a user name and a password (HTTP basic authentication), or a header
that the plan names, and its secret is the whole proof. There is no stamp, so no clock window.

Source: Postmark, "Webhooks overview", "Bounce webhook", "Bounce types", "Spam complaint webhook", "Subscription change webhook", "Open
tracking webhook", "Click webhook" and "Delivery webhook" (as of 2026). What is answered with 403 does not come again; anything else but 200
does, a bounce for 10 hours.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from flows.collect.webhooks import stamps
from flows.collect.webhooks.mail_event import (
    BOUNCED,
    CLICKED,
    COMPLAINED,
    DELIVERED,
    OPENED,
    UNSUBSCRIBED,
    Ignored,
    MailEvent,
    Name,
    Told,
    digest,
    kind_of,
    mapping,
    text,
    texts,
)
from flows.collect.webhooks.payload import objected
from flows.collect.webhooks.scheme import NO_SIGNATURE, WRONG_SIGNATURE, Arrival, Proved, Scheme, forged, same

RECORDS: dict[str, Name] = {
    "Delivery": DELIVERED,
    "Open": OPENED,
    "Click": CLICKED,
    "SpamComplaint": COMPLAINED,
}
"""What each `RecordType` becomes that says it all by itself."""

BOUNCES: dict[str, tuple[Name, str | None]] = {
    "HardBounce": (BOUNCED, "hard"),
    "BadEmailAddress": (BOUNCED, "hard"),
    "SoftBounce": (BOUNCED, "soft"),
    "DnsError": (BOUNCED, "soft"),
    "Blocked": (BOUNCED, "soft"),
    "SpamNotification": (BOUNCED, "soft"),
    "VirusNotification": (BOUNCED, "soft"),
    "DMARCPolicy": (BOUNCED, "soft"),
    "OpenRelayTest": (BOUNCED, "soft"),
    "Unknown": (BOUNCED, "soft"),
    "SpamComplaint": (COMPLAINED, None),
    "Unsubscribe": (UNSUBSCRIBED, None),
}
"""What each `Type` of a bounce becomes. `Transient` is tried again; answers of machines and faults of Postmark itself are no bounces."""

SUPPRESSIONS: dict[str, tuple[Name, str | None]] = {
    "HardBounce": (BOUNCED, "hard"),
    "SpamComplaint": (COMPLAINED, None),
    "ManualSuppression": (UNSUBSCRIBED, None),
}
"""Why an address came onto the suppression list of a stream. A bounce or complaint is told by two webhooks then, and is one event."""

STAMPS = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")


def key_of(value: str) -> bytes:
    """`user:password`, or the value of the header that the plan names."""
    if len(value.rpartition(":")[2]) < 12:
        raise ValueError("user:password, or the value of the header, with a secret of at least 12 characters")
    return value.encode()


def verify(arrival: Arrival, keys: Sequence[bytes]) -> Proved:
    """The event of a request that has the user name and password."""
    scheme, _, given = arrival.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not given:
        forged(NO_SIGNATURE)
    try:
        plain = base64.b64decode(given.strip(), validate=True)
    except (ValueError, binascii.Error):
        forged(WRONG_SIGNATURE)
    if not same(plain, *keys):
        forged(WRONG_SIGNATURE)
    return Proved(objected(arrival.body))


def by_header(name: str) -> Callable[[Arrival, Sequence[bytes]], Proved]:
    """The same by a header of that name in the place of user name and password."""

    def verify(arrival: Arrival, keys: Sequence[bytes]) -> Proved:
        given = arrival.headers.get(name.lower())
        if not given:
            forged(NO_SIGNATURE)
        if not same(given.encode(), *keys):
            forged(WRONG_SIGNATURE)
        return Proved(objected(arrival.body))

    return verify


def read(proved: Proved) -> list[Told]:
    """What the event says."""
    event = proved.payload
    name, bounce, kind = _what(event)
    email = text(event.get("Email")) or text(event.get("Recipient"))
    if name is None or email is None:
        return [Ignored(kind)]
    stamp = next((found for each in STAMPS if (found := stamps.of_text(event.get(each))) is not None), None)
    stream = text(event.get("MessageStream"))
    lists = (stream,) if name == UNSUBSCRIBED and stream is not None else ()
    return [
        MailEvent(name, _id(event, name, bounce, email), email, stamp, _properties(event, bounce), mapping(event.get("Metadata")), lists)
    ]


def _what(event: dict[str, Any]) -> tuple[Name | None, str | None, str]:
    """What an event becomes, what a bounce it is, and its kind in Postmark's words."""
    record = kind_of(event.get("RecordType"))
    if record == "Bounce":
        kind = kind_of(event.get("Type"))
        return *BOUNCES.get(kind, (None, None)), f"Bounce {kind}"
    if record == "SubscriptionChange":
        kind = kind_of(event.get("SuppressionReason"))
        if event.get("SuppressSending") is not True:
            # To be mailed again is no consent.
            return None, None, "SubscriptionChange, reactivated"
        return *SUPPRESSIONS.get(kind, (None, None)), f"SubscriptionChange {kind}"
    return RECORDS.get(record), None, record


def _id(event: dict[str, Any], name: Name, bounce: str | None, email: str) -> str:
    mail = text(event.get("MessageID"), 100)
    parts = [mail or "", name, bounce or "", email.lower()]
    if name in (OPENED, CLICKED) or mail is None:
        # One mail is opened often, and is not delivered twice.
        parts += [text(event.get(each), 200) or "" for each in (*STAMPS, "OriginalLink", "ClickLocation", "ID")]
    return f"{mail or 'none'}-{digest(*parts)}"


def _properties(event: dict[str, Any], bounce: str | None) -> dict[str, Any]:
    return {
        "email_id": text(event.get("MessageID")),
        "email_subject": text(event.get("Subject")),
        "tags": texts(event.get("Tag")),
        "list": text(event.get("MessageStream")),
        "link_url": text(event.get("OriginalLink")),
        "user_agent": text(event.get("UserAgent"), 500),
        "bounce_type": bounce,
        "bounce_reason": text(event.get("Details"), 500) or text(event.get("Description"), 500),
        "classification": text(event.get("SuppressionReason"), 100) or text(event.get("Type"), 100),
    }


SCHEME = Scheme("postmark", key_of, verify, read, words="user:password")
