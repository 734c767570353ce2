"""Resend's webhooks, which Svix sends: one event, signed with HMAC-SHA256 over id, stamp and raw body; of several signatures one must hold.

Source: Resend, "Verify Webhooks Requests" and "Event Types"; Svix, "Verifying Webhooks Manually"; the Standard Webhooks specification
(as of 2026). A request that comes again has its id, and a new stamp.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
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
    each_of,
    kind_of,
    mapping,
    text,
)
from flows.collect.webhooks.payload import objected
from flows.collect.webhooks.scheme import NO_SIGNATURE, WRONG_SIGNATURE, Arrival, Proved, Scheme, forged, same, seconds, timely

ID, STAMP, SIGNATURE = "svix-id", "svix-timestamp", "svix-signature"
MOST_SIGNATURES = 20

EVENTS: dict[str, Name] = {
    "email.delivered": DELIVERED,
    "email.opened": OPENED,
    "email.clicked": CLICKED,
    "email.bounced": BOUNCED,
    "email.suppressed": BOUNCED,
    "email.complained": COMPLAINED,
}
"""What each event becomes. `email.delivery_delayed` is tried again; `email.failed` says nothing of the address."""


def key_of(value: str) -> bytes:
    """The signing secret: `whsec_` and base64."""
    if value.startswith("whsec_"):
        try:
            key = base64.b64decode(value[len("whsec_") :], validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if len(key) >= 16:
            return key
    raise ValueError("a signing secret of Resend, such as whsec_...")


def verify(arrival: Arrival, keys: Sequence[bytes]) -> Proved:
    """The event of an authentic request, and its id."""
    id_, stamp, signatures = (arrival.headers.get(name) for name in (ID, STAMP, SIGNATURE))
    if not id_ or not stamp or not signatures:
        forged(NO_SIGNATURE)
    timely(arrival, seconds(stamp))
    signed = f"{id_}.{stamp}.".encode() + arrival.body
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    given = [each[3:].encode() for each in signatures.split(" ")[:MOST_SIGNATURES] if each.startswith("v1,")]
    # Each is compared with each, whichever was right before.
    if not any([same(each, *expected) for each in given]):  # noqa: C419
        forged(WRONG_SIGNATURE)
    return Proved(objected(arrival.body), id_)


def read(proved: Proved) -> list[Told]:
    """What the event says."""
    event, data = proved.payload, mapping(proved.payload.get("data"))
    kind = kind_of(event.get("type"))
    if kind == "contact.updated":
        return [_contact(proved.id, event, data)]
    name, to = EVENTS.get(kind), data.get("to")
    emails = each_of(to if isinstance(to, list) else [to])
    if name is None or not emails:
        return [Ignored(kind)]
    if name in (OPENED, CLICKED) and len(emails) > 1:
        return [Ignored(f"{kind}, of one of several")]
    stamp = stamps.of_text(_done(kind, data).get("timestamp"))
    stamp = stamps.of_text(event.get("created_at")) if stamp is None else stamp
    properties, carried = _properties(kind, data), _carried(data.get("tags"))
    ids = [proved.id if len(emails) == 1 else f"{proved.id}-{digest(each)}" for each in emails]
    return [MailEvent(name, id_, each, stamp, properties, carried) for id_, each in zip(ids, emails, strict=True)]


def _contact(id_: str, event: dict[str, Any], data: Mapping[str, Any]) -> Told:
    """Who unsubscribes from broadcasts is told as a contact that was changed."""
    email = text(data.get("email"))
    if data.get("unsubscribed") is not True or email is None:
        return Ignored("contact.updated")
    stamp = stamps.of_text(event.get("created_at"))
    return MailEvent(UNSUBSCRIBED, id_, email, stamp, {"list": text(data.get("audience_id"))})


def _carried(tags: Any) -> dict[str, Any]:
    """The tags of a mail: an object, or a list of names and values."""
    if isinstance(tags, list):
        return {name: tag.get("value") for tag in tags if isinstance(tag, dict) and (name := text(tag.get("name"))) is not None}
    return dict(mapping(tags))


def _done(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is told of a click or an opening."""
    return mapping(data.get({"email.clicked": "click", "email.opened": "open"}.get(kind, "")))


def _properties(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    bounce, told = None, mapping(data.get("bounce") if kind == "email.bounced" else data.get("suppressed"))
    if EVENTS[kind] == BOUNCED:
        # Who is on Resend's own list has bounced, or complained, before.
        bounce = "hard" if kind == "email.suppressed" or told.get("type") == "Permanent" else "soft"
    what = _done(kind, data)
    return {
        "email_id": text(data.get("email_id")),
        "email_subject": text(data.get("subject")),
        "campaign_id": text(data.get("broadcast_id")),
        "template_id": text(data.get("template_id")),
        "link_url": text(what.get("link")),
        "user_agent": text(what.get("userAgent"), 500),
        "bounce_type": bounce,
        "bounce_reason": text(told.get("message"), 500),
        "classification": text(told.get("subType"), 100) or text(told.get("type"), 100),
    }


SCHEME = Scheme("resend", key_of, verify, read, words="the signing secret of the webhook, such as whsec_...")
