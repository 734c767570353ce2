"""What mail services tell, as their documentation shows it, and the e-mail events that it becomes."""

from __future__ import annotations

from typing import Any, NamedTuple

ANNA = "anna.berg@example.com"
AT_S = 1_772_200_000
AT_MS = AT_S * 1000
AT = "2026-02-27T13:46:40.000Z"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


class Case(NamedTuple):
    """A service, what it tells, and what that becomes: names of events with some of their properties, or the kinds that are ignored.
    `person` is the userId, or the anonymousId behind a `~`."""

    esp: str
    payload: Any
    events: list[tuple[str, dict[str, Any]]]
    ignored: tuple[str, ...] = ()
    person: str = f"~{ANNA}"


def sg(event: str, **fields: Any) -> dict[str, Any]:
    """An event of SendGrid."""
    told = {"email": ANNA, "timestamp": AT_S, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>", "event": event}
    return told | {"category": ["cat facts"], "sg_event_id": f"id-{event}", "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001"} | fields


def mg(event: str, **fields: Any) -> dict[str, Any]:
    """An event of Mailgun."""
    headers = {"message-id": "20260203192638.000be97f99f8cea1@sample.mailgun.example", "subject": "A cart", "to": ANNA}
    told = {"event": event, "id": "CPgfbmQMTCKtHW6uIWtuVe", "timestamp": AT_S + 0.501324, "recipient": ANNA, "tags": ["cart"]}
    return told | {"log-level": "info", "message": {"headers": headers, "size": 341}, "user-variables": {}} | fields


def pm(record: str, **fields: Any) -> dict[str, Any]:
    """An event of Postmark."""
    told = {"RecordType": record, "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483", "ServerID": 23, "MessageStream": "outbound"}
    return told | {"Tag": "welcome", "Metadata": {}} | fields


def rs(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of Resend."""
    data = {"email_id": "56761188-7520-42d8-8898-ff6fc54ce618", "from": "Acme <no-reply@acme.example>", "to": [ANNA], "subject": "A cart"}
    return {"type": kind, "created_at": AT, "data": data | {"created_at": "2026-02-27T13:40:00Z"} | fields}


def am(kind: str, field: str = "eventType", mail: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """An event of Amazon SES."""
    told: dict[str, Any] = {
        "timestamp": "2026-02-27T13:40:00.012Z",
        "source": "Acme <no-reply@acme.example>",
        "messageId": "EXAMPLE7c191be45-e9aedb9a",
    }
    told |= {"destination": [ANNA], "tags": {"ses:configuration-set": ["shop"]}, "commonHeaders": {"subject": "A cart"}}
    return {field: kind, "mail": told | (mail or {}), **fields}


def bounced(kind: str, sub: str, *emails: str) -> dict[str, Any]:
    """The details of a bounce of Amazon SES."""
    each = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    recipients = [{"emailAddress": email, **each} for email in emails or (ANNA,)]
    return {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": recipients, "timestamp": AT, "feedbackId": "0100-61b59c11"}


UNKNOWN_USER = "550 5.1.1 The email account that you tried to reach does not exist"
HARD = {"email": ANNA, "bounce_type": "hard"}
SOFT = {"email": ANNA, "bounce_type": "soft"}

CASES: dict[str, Case] = {
    "sendgrid: delivered": Case("sendgrid", [sg("delivered", response="250 OK")], [("Email Delivered", {"tags": ["cat facts"]})]),
    "sendgrid: several": Case(
        "sendgrid",
        [sg("processed"), sg("deferred", response="400 try again later"), sg("delivered"), sg("open", useragent=CHROME)],
        [("Email Delivered", {}), ("Email Opened", {"user_agent": CHROME, "machine": None})],
        ("processed", "deferred"),
    ),
    "sendgrid: a machine opens": Case(
        "sendgrid",
        [sg("open", sg_machine_open=True, useragent=CHROME)],
        [("Email Opened", {"machine": True, "agent": "Apple Mail Privacy Protection"})],
    ),
    "sendgrid: a bot clicks": Case(
        "sendgrid",
        [sg("click", url="https://shop.example.com/cart", useragent="Barracuda Sentinel (EE)")],
        [("Email Link Clicked", {"link_url": "https://shop.example.com/cart", "machine": True, "agent": "Barracuda"})],
    ),
    "sendgrid: a hard bounce": Case(
        "sendgrid",
        [sg("bounce", type="bounce", reason=UNKNOWN_USER, status="5.1.1", bounce_classification="Invalid Address")],
        [("Email Bounced", HARD | {"bounce_reason": UNKNOWN_USER, "status": "5.1.1", "classification": "Invalid Address"})],
    ),
    "sendgrid: blocked": Case("sendgrid", [sg("bounce", type="blocked", reason="spam")], [("Email Bounced", SOFT)]),
    "sendgrid: dropped for a bounce": Case("sendgrid", [sg("dropped", reason="Bounced Address")], [("Email Bounced", HARD)]),
    "sendgrid: dropped for who left": Case("sendgrid", [sg("dropped", reason="Unsubscribed Address")], [], ("dropped",)),
    "sendgrid: spam": Case("sendgrid", [sg("spamreport")], [("Email Marked as Spam", {"email": ANNA})]),
    "sendgrid: all mail left": Case("sendgrid", [sg("unsubscribe")], [("Unsubscribed", {"topics": None})]),
    "sendgrid: a group left": Case(
        "sendgrid", [sg("group_unsubscribe", asm_group_id=10)], [("Unsubscribed", {"topics": ["news"], "list": "10"})]
    ),
    "sendgrid: an unknown group left": Case("sendgrid", [sg("group_unsubscribe", asm_group_id=11)], [("Unsubscribed", {"topics": None})]),
    "sendgrid: a group joined again": Case("sendgrid", [sg("group_resubscribe", asm_group_id=10)], [], ("group_resubscribe",)),
    "sendgrid: whom and why": Case(
        "sendgrid",
        [sg("delivered", beckon_person="anna", user_id="77", beckon_campaign="cart", beckon_template="cart_1", beckon_trigger="c9407f")],
        [("Email Delivered", {"campaign_id": "cart", "template_id": "cart_1", "trigger_id": "c9407f"})],
        person="77",
    ),
    "sendgrid: an id that is nobody's": Case("sendgrid", [sg("delivered", user_id="null")], [("Email Delivered", {})]),
    "sendgrid: no event": Case("sendgrid", [7, {"event": "delivered"}, {"event": ["open"]}], [], ("other", "delivered", "other")),
    "mailgun: delivered": Case("mailgun", mg("delivered"), [("Email Delivered", {"email_subject": "A cart", "tags": ["cart"]})]),
    "mailgun: opened": Case(
        "mailgun", mg("opened", **{"client-info": {"user-agent": CHROME}}), [("Email Opened", {"user_agent": CHROME, "machine": None})]
    ),
    "mailgun: a bot opens": Case(
        "mailgun",
        mg("opened", **{"client-info": {"user-agent": CHROME, "bot": "apple"}}),
        [("Email Opened", {"machine": True, "agent": "apple"})],
    ),
    "mailgun: clicked": Case(
        "mailgun", mg("clicked", url="https://shop.example.com/"), [("Email Link Clicked", {"link_url": "https://shop.example.com/"})]
    ),
    "mailgun: a hard bounce": Case(
        "mailgun",
        mg("failed", severity="permanent", reason="bounce", **{"delivery-status": {"code": 550, "message": UNKNOWN_USER}}),
        [("Email Bounced", HARD | {"bounce_reason": UNKNOWN_USER, "status": "550", "classification": "bounce"})],
    ),
    "mailgun: given up": Case("mailgun", mg("failed", severity="permanent", reason="old"), [("Email Bounced", SOFT)]),
    "mailgun: a soft bounce for good": Case(
        "mailgun",
        mg("failed", severity="permanent", reason="generic", **{"delivery-status": {"bounce-type": "soft"}}),
        [("Email Bounced", SOFT)],
    ),
    "mailgun: bounced before": Case("mailgun", mg("failed", severity="permanent", reason="suppress-bounce"), [("Email Bounced", HARD)]),
    "mailgun: left before": Case(
        "mailgun", mg("failed", severity="permanent", reason="suppress-unsubscribe"), [], ("failed, told before",)
    ),
    "mailgun: tries again": Case("mailgun", mg("failed", severity="temporary", reason="generic"), [], ("failed, temporary",)),
    "mailgun: spam": Case("mailgun", mg("complained"), [("Email Marked as Spam", {})]),
    "mailgun: left": Case("mailgun", mg("unsubscribed"), [("Unsubscribed", {"topics": None})]),
    "mailgun: whom": Case(
        "mailgun",
        mg("delivered", **{"user-variables": {"user_id": 43, "campaign": "cart"}}),
        [("Email Delivered", {"campaign_id": "cart"})],
        person="43",
    ),
    "mailgun: accepted": Case("mailgun", mg("accepted"), [], ("accepted",)),
    "postmark: delivered": Case(
        "postmark", pm("Delivery", Recipient=ANNA, DeliveredAt=AT, Details="250 OK"), [("Email Delivered", {"tags": ["welcome"]})]
    ),
    "postmark: opened": Case(
        "postmark",
        pm("Open", Recipient=ANNA, ReceivedAt=AT, FirstOpen=True, UserAgent=CHROME),
        [("Email Opened", {"user_agent": CHROME, "list": "outbound"})],
    ),
    "postmark: clicked": Case(
        "postmark",
        pm("Click", Recipient=ANNA, ReceivedAt=AT, OriginalLink="https://shop.example.com/", ClickLocation="HTML"),
        [("Email Link Clicked", {"link_url": "https://shop.example.com/"})],
    ),
    "postmark: a hard bounce": Case(
        "postmark",
        pm("Bounce", ID=42, Type="HardBounce", TypeCode=1, Email=ANNA, BouncedAt="2026-02-27T08:46:40.0000000-05:00", Details="unknown"),
        [("Email Bounced", HARD | {"bounce_reason": "unknown", "classification": "HardBounce"})],
    ),
    "postmark: a soft bounce": Case(
        "postmark", pm("Bounce", ID=43, Type="SoftBounce", Email=ANNA, BouncedAt=AT), [("Email Bounced", SOFT)]
    ),
    "postmark: blocked": Case("postmark", pm("Bounce", ID=44, Type="Blocked", Email=ANNA, BouncedAt=AT), [("Email Bounced", SOFT)]),
    "postmark: tries again": Case("postmark", pm("Bounce", ID=45, Type="Transient", Email=ANNA), [], ("Bounce Transient",)),
    "postmark: out of office": Case("postmark", pm("Bounce", ID=46, Type="AutoResponder", Email=ANNA), [], ("Bounce AutoResponder",)),
    "postmark: spam": Case(
        "postmark", pm("SpamComplaint", ID=47, Type="SpamComplaint", Email=ANNA, BouncedAt=AT), [("Email Marked as Spam", {})]
    ),
    "postmark: left a stream": Case(
        "postmark",
        pm(
            "SubscriptionChange",
            MessageStream="broadcast",
            Recipient=ANNA,
            ChangedAt=AT,
            Origin="Recipient",
            SuppressSending=True,
            SuppressionReason="ManualSuppression",
        ),
        [("Unsubscribed", {"topics": ["news"], "list": "broadcast"})],
    ),
    "postmark: a bounce suppressed": Case(
        "postmark",
        pm("SubscriptionChange", Recipient=ANNA, ChangedAt=AT, SuppressSending=True, SuppressionReason="HardBounce"),
        [("Email Bounced", HARD)],
    ),
    "postmark: reactivated": Case(
        "postmark",
        pm("SubscriptionChange", Recipient=ANNA, ChangedAt=AT, SuppressSending=False, SuppressionReason=None),
        [],
        ("SubscriptionChange, reactivated",),
    ),
    "postmark: whom": Case(
        "postmark",
        pm("Delivery", Recipient=ANNA, DeliveredAt=AT, Metadata={"userId": "anna", "template": "hi"}),
        [("Email Delivered", {"template_id": "hi"})],
        person="anna",
    ),
    "postmark: inbound": Case("postmark", pm("Inbound", From=ANNA), [], ("Inbound",)),
    "resend: delivered": Case("resend", rs("email.delivered"), [("Email Delivered", {"email_subject": "A cart"})]),
    "resend: sent": Case("resend", rs("email.sent"), [], ("email.sent",)),
    "resend: clicked": Case(
        "resend",
        rs(
            "email.clicked", click={"link": "https://shop.example.com/", "timestamp": AT, "userAgent": CHROME, "ipAddress": "122.115.53.11"}
        ),
        [("Email Link Clicked", {"link_url": "https://shop.example.com/", "user_agent": CHROME})],
    ),
    "resend: opened": Case("resend", rs("email.opened"), [("Email Opened", {"machine": None})]),
    "resend: a hard bounce": Case(
        "resend",
        rs("email.bounced", bounce={"type": "Permanent", "subType": "General", "message": "It does not exist."}),
        [("Email Bounced", HARD | {"bounce_reason": "It does not exist.", "classification": "General"})],
    ),
    "resend: a soft bounce": Case(
        "resend", rs("email.bounced", bounce={"type": "Transient", "subType": "MailboxFull"}), [("Email Bounced", SOFT)]
    ),
    "resend: bounced before": Case("resend", rs("email.suppressed"), [("Email Bounced", HARD)]),
    "resend: tries again": Case("resend", rs("email.delivery_delayed"), [], ("email.delivery_delayed",)),
    "resend: failed": Case("resend", rs("email.failed", failed={"reason": "reached_daily_quota"}), [], ("email.failed",)),
    "resend: spam": Case("resend", rs("email.complained"), [("Email Marked as Spam", {})]),
    "resend: left": Case(
        "resend",
        {"type": "contact.updated", "created_at": AT, "data": {"id": "e169aa45", "email": ANNA, "unsubscribed": True}},
        [("Unsubscribed", {"topics": None})],
    ),
    "resend: joined": Case(
        "resend",
        {"type": "contact.updated", "created_at": AT, "data": {"id": "e169aa45", "email": ANNA, "unsubscribed": False}},
        [],
        ("contact.updated",),
    ),
    "resend: whom": Case(
        "resend",
        rs("email.delivered", broadcast_id="8b146471", tags=[{"name": "beckon_person", "value": "anna"}]),
        [("Email Delivered", {"campaign_id": "8b146471"})],
        person="~anna",
    ),
    "resend: whom, as an object": Case("resend", rs("email.delivered", tags={"user_id": "anna"}), [("Email Delivered", {})], person="anna"),
    "resend: opened by one of two": Case(
        "resend", rs("email.opened", to=[ANNA, "ben@example.com"]), [], ("email.opened, of one of several",)
    ),
    "ses: delivered": Case(
        "ses",
        am("Delivery", delivery={"timestamp": AT, "recipients": [ANNA], "smtpResponse": "250 ok"}),
        [("Email Delivered", {"email_subject": "A cart"})],
    ),
    "ses: opened": Case("ses", am("Open", open={"timestamp": AT, "userAgent": CHROME}), [("Email Opened", {"user_agent": CHROME})]),
    "ses: a machine opens": Case(
        "ses",
        am("Open", open={"timestamp": AT, "userAgent": "Mozilla/5.0"}),
        [("Email Opened", {"machine": True, "agent": "Apple Mail Privacy Protection"})],
    ),
    "ses: clicked": Case(
        "ses",
        am("Click", click={"timestamp": AT, "userAgent": CHROME, "link": "https://shop.example.com/"}),
        [("Email Link Clicked", {"link_url": "https://shop.example.com/"})],
    ),
    "ses: a hard bounce": Case(
        "ses",
        am("Bounce", bounce=bounced("Permanent", "General")),
        [("Email Bounced", HARD | {"status": "5.1.1", "classification": "General", "bounce_reason": "smtp; 550 5.1.1 user unknown"})],
    ),
    "ses: told as a notification": Case(
        "ses", am("Bounce", "notificationType", bounce=bounced("Permanent", "NoEmail")), [("Email Bounced", HARD)]
    ),
    "ses: a name before the address": Case(
        "ses", am("Bounce", bounce=bounced("Permanent", "General", f"Anna Berg <{ANNA}>")), [("Email Bounced", HARD)]
    ),
    "ses: a soft bounce": Case("ses", am("Bounce", bounce=bounced("Transient", "MailboxFull")), [("Email Bounced", SOFT)]),
    "ses: nobody knows": Case("ses", am("Bounce", bounce=bounced("Undetermined", "Undetermined")), [("Email Bounced", SOFT)]),
    "ses: bounced before": Case("ses", am("Bounce", bounce=bounced("Permanent", "OnAccountSuppressionList")), [("Email Bounced", HARD)]),
    "ses: left before": Case(
        "ses", am("Bounce", bounce=bounced("Permanent", "UnsubscribedRecipient")), [], ("Bounce UnsubscribedRecipient",)
    ),
    "ses: spam": Case(
        "ses",
        am("Complaint", complaint={"complainedRecipients": [{"emailAddress": ANNA}], "timestamp": AT, "complaintFeedbackType": "abuse"}),
        [("Email Marked as Spam", {"classification": "abuse"})],
    ),
    "ses: no spam": Case(
        "ses",
        am("Complaint", complaint={"complainedRecipients": [{"emailAddress": ANNA}], "complaintFeedbackType": "not-spam"}),
        [],
        ("Complaint not-spam",),
    ),
    "ses: left a topic": Case(
        "ses",
        am(
            "Subscription",
            subscription={
                "timestamp": AT,
                "source": "UnsubscribeHeader",
                "newTopicPreferences": {
                    "unsubscribeAll": False,
                    "topicSubscriptionStatus": [
                        {"topicName": "offers", "subscriptionStatus": "OptOut"},
                        {"topicName": "news", "subscriptionStatus": "OptOut"},
                    ],
                },
                "oldTopicPreferences": {
                    "unsubscribeAll": False,
                    "topicSubscriptionStatus": [
                        {"topicName": "offers", "subscriptionStatus": "OptOut"},
                        {"topicName": "news", "subscriptionStatus": "OptIn"},
                    ],
                },
            },
        ),
        [("Unsubscribed", {"topics": ["news"]})],
    ),
    "ses: left all": Case(
        "ses",
        am("Subscription", subscription={"timestamp": AT, "newTopicPreferences": {"unsubscribeAll": True}}),
        [("Unsubscribed", {"topics": None})],
    ),
    "ses: joined": Case(
        "ses",
        am("Subscription", subscription={"timestamp": AT, "newTopicPreferences": {"unsubscribeAll": False}}),
        [],
        ("Subscription, to nothing less",),
    ),
    "ses: tries again": Case("ses", am("DeliveryDelay", deliveryDelay={"delayType": "MailboxFull"}), [], ("DeliveryDelay",)),
    "ses: two words": Case("ses", am("Rendering Failure", failure={"templateName": "x"}), [], ("Rendering Failure",)),
    "ses: plain words": Case("ses", "Successfully validated SNS topic for Amazon SES event publishing.", [], ("a text",)),
    "ses: whom": Case(
        "ses",
        am("Delivery", mail={"tags": {"user_id": ["anna"], "campaign": ["cart"]}}, delivery={"timestamp": AT, "recipients": [ANNA]}),
        [("Email Delivered", {"campaign_id": "cart"})],
        person="anna",
    ),
    "ses: opened by one of two": Case(
        "ses", am("Open", mail={"destination": [ANNA, "ben@example.com"]}, open={"timestamp": AT}), [], ("Open, of one of several",)
    ),
}
