"""SendGrid's Event Webhook: a list of events, signed with ECDSA (P-256, SHA-256) over the stamp and the raw body.

Source: Twilio SendGrid, "Event Webhook Reference" and "Event Webhook Security Features" (as of 2026). A request that is not answered with
2xx comes again for 24 hours. An event can come twice; `sg_event_id` is its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

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
from flows.collect.webhooks.payload import listed
from flows.collect.webhooks.scheme import NO_SIGNATURE, WRONG_SIGNATURE, Arrival, Proved, Scheme, forged, seconds, timely

SIGNATURE, STAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"

EVENTS: dict[str, Name] = {
    "delivered": DELIVERED,
    "open": OPENED,
    "click": CLICKED,
    "bounce": BOUNCED,
    "dropped": BOUNCED,
    "spamreport": COMPLAINED,
    "unsubscribe": UNSUBSCRIBED,
    "group_unsubscribe": UNSUBSCRIBED,
}
"""What each event becomes. `processed` and `deferred` say that a mail is under way; to subscribe again gives no consent."""

DROPPED_FOR_GOOD = frozenset({"bounced address", "invalid"})
"""Reasons for which SendGrid did not even try that are as good as a bounce. Who unsubscribed or complained before has told so then."""


def key_of(value: str) -> EllipticCurvePublicKey:
    """The verification key as the settings page shows it: base64, with or without the lines around it."""
    plain = "".join(line for line in value.replace("\\n", "\n").splitlines() if not line.startswith("-----")).replace(" ", "")
    try:
        key = load_der_public_key(base64.b64decode(plain, validate=True))
    except (ValueError, binascii.Error):
        raise ValueError("a verification key of SendGrid, in base64") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("a verification key of SendGrid, on the curve P-256")  # noqa: TRY004 - the text is wrong, not its type
    return key


def verify(arrival: Arrival, keys: Sequence[EllipticCurvePublicKey]) -> Proved:
    """The events of an authentic request."""
    signature, stamp = arrival.headers.get(SIGNATURE), arrival.headers.get(STAMP)
    if not signature or not stamp:
        forged(NO_SIGNATURE)
    timely(arrival, seconds(stamp))
    try:
        given = base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        forged(WRONG_SIGNATURE)
    if not any(_signed(key, given, stamp.encode() + arrival.body) for key in keys):
        forged(WRONG_SIGNATURE)
    return Proved(listed(arrival.body))


def _signed(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    # The key is public, so nothing can be learned from how long this takes.
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def read(proved: Proved) -> list[Told]:
    """What the events say."""
    return [_told(mapping(event)) for event in proved.payload]


def _told(event: dict[str, Any]) -> Told:
    kind, email = kind_of(event.get("event")), text(event.get("email"))
    name = EVENTS.get(kind)
    reason = text(event.get("reason"), 500)
    if name is None or email is None:
        return Ignored(kind)
    if kind == "dropped" and (reason or "").lower() not in DROPPED_FOR_GOOD:
        return Ignored("dropped")
    group = text(event.get("asm_group_id")) if kind == "group_unsubscribe" else None
    # What a sender gives along stands beside the fields of the event.
    carried = event | mapping(event.get("unique_args")) | mapping(event.get("custom_args"))
    machine = "Apple Mail Privacy Protection" if event.get("sg_machine_open") is True else None
    return MailEvent(
        name,
        _id(event),
        email,
        stamps.of_seconds(event.get("timestamp")),
        _properties(event, reason),
        carried,
        (group,) if group else (),
        machine,
    )


def _id(event: dict[str, Any]) -> str:
    given = text(event.get("sg_event_id"), 200)
    # Events of old accounts have no id.
    return given if given is not None else digest(orjson.dumps(event, option=orjson.OPT_SORT_KEYS).decode())


def _properties(event: dict[str, Any], reason: str | None) -> dict[str, Any]:
    bounce = None
    if event.get("event") in ("bounce", "dropped"):
        # `blocked` is a mail that was refused, not a mailbox that is gone.
        bounce = "hard" if event.get("event") == "dropped" or event.get("type") == "bounce" else "soft"
    return {
        "email_id": text(event.get("sg_message_id")),
        "campaign_id": text(event.get("marketing_campaign_id")) or text(event.get("singlesend_id")),
        "campaign_name": text(event.get("marketing_campaign_name")) or text(event.get("singlesend_name")),
        "template_id": text(event.get("sg_template_id")),
        "tags": texts(event.get("category")),
        "list": text(event.get("asm_group_id")),
        "link_url": text(event.get("url")),
        "user_agent": text(event.get("useragent"), 500),
        "bounce_type": bounce,
        "bounce_reason": reason,
        "status": text(event.get("status"), 50),
        "classification": text(event.get("bounce_classification"), 100),
    }


SCHEME = Scheme("sendgrid", key_of, verify, read, words="the verification key of the signed event webhook")
