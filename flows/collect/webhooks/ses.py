"""Amazon SES: what became of a mail, as SNS brings it. Event publishing and the feedback notifications of an identity are read alike.

Source: Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS" and "Amazon SNS notification contents
for Amazon SES" (as of 2026). A bounce that is told in both ways has one `feedbackId`, and is one event.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    inner,
    kind_of,
    mapping,
    text,
)

NAME = "ses"

EVENTS: dict[str, tuple[Name, str]] = {
    "Delivery": (DELIVERED, "delivery"),
    "Open": (OPENED, "open"),
    "Click": (CLICKED, "click"),
    "Bounce": (BOUNCED, "bounce"),
    "Complaint": (COMPLAINED, "complaint"),
    "Subscription": (UNSUBSCRIBED, "subscription"),
}
"""What each event becomes, and under which name its details stand. `DeliveryDelay` is tried again."""

RECIPIENTS = {"Delivery": "recipients", "Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}
"""Where those stand whom an event is about; that of others is the one to whom the mail was sent."""

NO_BOUNCE = frozenset({"UnsubscribedRecipient"})
"""Subtypes of a permanent bounce that say nothing of the mailbox: who unsubscribed has told so then."""


def read(payload: Any, message_id: str) -> list[Told]:
    """What a message says; one that is no JSON object is only for people."""
    event = mapping(payload)
    kind = kind_of(event.get("eventType") or event.get("notificationType"))
    if kind not in EVENTS:
        return [Ignored(kind)]
    name, place = EVENTS[kind]
    details, mail = mapping(event.get(place)), mapping(event.get("mail"))
    emails = _emails(kind, details, mail)
    refused = _refused(kind, details, emails)
    if refused is not None:
        return [Ignored(refused)]
    stamp = stamps.of_text(details.get("timestamp"))
    carried = {each: _first(values) for each, values in mapping(mail.get("tags")).items()}
    lists = _left(details) if kind == "Subscription" else ()
    return [
        MailEvent(name, _id(kind, details, mail, message_id, email), email, stamp, _properties(kind, details, mail, email), carried, lists)
        for email in emails
    ]


def _emails(kind: str, details: Mapping[str, Any], mail: Mapping[str, Any]) -> list[str]:
    place = RECIPIENTS.get(kind)
    found = details.get(place) if place is not None else mail.get("destination")
    listed = found if isinstance(found, list) else []
    return each_of([each.get("emailAddress") if isinstance(each, dict) else each for each in listed])


def _refused(kind: str, details: Mapping[str, Any], emails: list[str]) -> str | None:
    """Why it becomes no event, in words; None where it does."""
    if not emails:
        return f"{kind}, of nobody"
    if kind not in RECIPIENTS and len(emails) > 1:
        return f"{kind}, of one of several"
    if kind == "Complaint" and details.get("complaintFeedbackType") == "not-spam":
        return "Complaint not-spam"
    if kind == "Bounce" and (sub := kind_of(details.get("bounceSubType"))) in NO_BOUNCE:
        return f"Bounce {sub}"
    if kind == "Subscription" and _left(details) is None:
        return "Subscription, to nothing less"
    return None


def _left(details: Mapping[str, Any]) -> Any:
    """The lists that somebody left, none of them where it is all; None where it left nothing."""
    new, old = mapping(details.get("newTopicPreferences")), mapping(details.get("oldTopicPreferences"))
    if new.get("unsubscribeAll") is True:
        return ()
    left = [name for name, status in _statuses(new).items() if status == "OptOut" and _statuses(old).get(name) != "OptOut"]
    return tuple(left) or None


def _statuses(preferences: Mapping[str, Any]) -> dict[str, Any]:
    """Whether somebody gets each list. The name of the field differs between pages of the guide."""
    found = preferences.get("topicSubscriptionStatus") or preferences.get("topicDefaultSubscriptionStatus")
    each = [mapping(one) for one in found] if isinstance(found, list) else []
    return {name: one.get("subscriptionStatus") for one in each if (name := text(one.get("topicName"))) is not None}


def _id(kind: str, details: Mapping[str, Any], mail: Mapping[str, Any], message_id: str, email: str) -> str:
    feedback, sent = text(details.get("feedbackId"), 200), text(mail.get("messageId"), 200)
    if kind in ("Bounce", "Complaint") and feedback is not None:
        return f"{feedback}-{digest(email.lower())}"
    if kind == "Delivery" and sent is not None:
        return f"{sent}-{digest(kind, email.lower())}"
    return f"{message_id}-{digest(email.lower())}"


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else values


def _properties(kind: str, details: Mapping[str, Any], mail: Mapping[str, Any], email: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "email_id": text(mail.get("messageId")),
        "email_subject": text(inner(mail.get("commonHeaders"), "subject")),
        "link_url": text(details.get("link")),
        "user_agent": text(details.get("userAgent"), 500) if kind in ("Open", "Click") else None,
    }
    if kind == "Bounce":
        own = mapping(next((each for each in details["bouncedRecipients"] if mapping(each).get("emailAddress") == email), None))
        told |= {
            "bounce_type": "hard" if details.get("bounceType") == "Permanent" else "soft",
            "bounce_reason": text(own.get("diagnosticCode"), 500),
            "status": text(own.get("status"), 50),
            "classification": text(details.get("bounceSubType"), 100),
        }
    if kind == "Complaint":
        told["classification"] = text(details.get("complaintFeedbackType"), 100) or text(details.get("complaintSubType"), 100)
    return told
