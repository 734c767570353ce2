"""Mailgun's webhooks: one event, and in the body beside it a signature, HMAC-SHA256 over stamp and token. That of a sub-account has the
signature of its parent account too (`parent-signature`).

Source: Mailgun, "Securing Webhooks", "Webhook Payloads", "Webhook Retries" and "Event Structure" (as of 2026). The signature does not cover
the event, so who sees a request could put another event beside its signature: a token counts once, with the body that it came with. What is
not answered with 200 or 406 comes again after 10, 10, 15 and 30 minutes, 1, 2 and 4 hours. The id of an event is its own for a day.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
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
    inner,
    kind_of,
    mapping,
    text,
    texts,
)
from flows.collect.webhooks.payload import objected
from flows.collect.webhooks.scheme import NO_SIGNATURE, WRONG_SIGNATURE, Arrival, Proved, Scheme, forged, same, seconds, timely

EVENTS: dict[str, Name] = {
    "delivered": DELIVERED,
    "opened": OPENED,
    "clicked": CLICKED,
    "failed": BOUNCED,
    "complained": COMPLAINED,
    "unsubscribed": UNSUBSCRIBED,
}
"""What each event becomes. A failure that is not permanent is none yet: Mailgun tries again."""

WINDOW_MS = 9 * 60 * 60_000
"""As long as Mailgun tries again, which is 8 hours and 5 minutes, and some more: it does not say that it signs anew what it sends again."""
TOLD_BEFORE = frozenset({"suppress-unsubscribe", "suppress-complaint"})
"""Reasons for which Mailgun did not even try, and of which it told when they came up."""
NOT_THE_MAILBOX = frozenset({"old", "espblock", "generic-soft"})
"""Reasons of permanent failures that say nothing against the mailbox: Mailgun gave up, or the receiver refused this mail."""


def key_of(value: str) -> bytes:
    """The HTTP webhook signing key."""
    if len(value) < 16:
        raise ValueError("a webhook signing key of Mailgun, at least 16 characters")
    return value.encode()


def verify(arrival: Arrival, keys: Sequence[bytes]) -> Proved:
    """The event of an authentic request, and its token."""
    payload = objected(arrival.body)
    signature = mapping(payload.get("signature"))
    stamp, token = text(signature.get("timestamp"), 20), text(signature.get("token"), 200)
    if stamp is None or token is None:
        forged(NO_SIGNATURE)
    timely(arrival, seconds(stamp))
    given = [each for name in ("signature", "parent-signature") if (each := text(signature.get(name), 100)) is not None]
    expected = [hmac.new(key, f"{stamp}{token}".encode(), "sha256").hexdigest().encode() for key in keys]
    # Each is compared with each, whichever was right before.
    if not any([same(each.encode(), *expected) for each in given]):  # noqa: C419
        forged(WRONG_SIGNATURE)
    return Proved(mapping(payload.get("event-data")), token=token)


def read(proved: Proved) -> list[Told]:
    """What the event says."""
    event = proved.payload
    kind, email = kind_of(event.get("event")), text(event.get("recipient"))
    name, reason = EVENTS.get(kind), kind_of(event.get("reason"))
    if name is None or email is None:
        return [Ignored(kind)]
    if name == BOUNCED and (event.get("severity") != "permanent" or reason in TOLD_BEFORE):
        return [Ignored("failed, temporary" if event.get("severity") != "permanent" else "failed, told before")]
    stamp = stamps.of_seconds(event.get("timestamp"))
    bot = text(inner(event, "client-info", "bot"), 50)
    return [MailEvent(name, _id(event, proved.token), email, stamp, _properties(event), mapping(event.get("user-variables")), machine=bot)]


def _id(event: dict[str, Any], token: str | None) -> str:
    given = text(event.get("id"), 200)
    return f"{given}-{text(str(event.get('timestamp')), 30)}" if given is not None else f"{token}"


def _properties(event: dict[str, Any]) -> dict[str, Any]:
    status, campaign = mapping(event.get("delivery-status")), event.get("campaigns")
    first = mapping(campaign[0]) if isinstance(campaign, list) and campaign else {}
    template = event.get("template")
    return {
        "email_id": text(inner(event, "message", "headers", "message-id")),
        "email_subject": text(inner(event, "message", "headers", "subject")),
        "campaign_id": text(first.get("id")),
        "campaign_name": text(first.get("name")),
        "template_id": text(template.get("name")) if isinstance(template, dict) else text(template),
        "tags": texts(event.get("tags")),
        "list": text(inner(event, "mailing-list", "address")),
        "link_url": text(event.get("url")),
        "user_agent": text(inner(event, "client-info", "user-agent"), 500),
        "bounce_type": _bounce_type(event, status) if event.get("event") == "failed" else None,
        "bounce_reason": text(status.get("message"), 500) or text(status.get("description"), 500) or text(event.get("reason"), 500),
        "status": text(status.get("enhanced-code"), 50) or text(status.get("code"), 50),
        "classification": text(event.get("reason"), 100),
    }


def _bounce_type(event: dict[str, Any], status: dict[str, Any]) -> str:
    told = status.get("bounce-type")
    return "soft" if told == "soft" or (told != "hard" and kind_of(event.get("reason")) in NOT_THE_MAILBOX) else "hard"


SCHEME = Scheme("mailgun", key_of, verify, read, window_ms=WINDOW_MS, words="the HTTP webhook signing key")
