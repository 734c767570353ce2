"""Requests that are not those of a mail service, are too old, or come again: none gets into the log, and all that are in earnest do."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flows.collect.refusal import Refusal
from tests.webhook_hooks import WEBHOOKS, Hooks, plan_of
from tests.webhook_payloads import AT, AT_MS, am, bounced, mg, pm, rs, sg
from tests.webhook_peers import (
    CERTIFICATE_URL,
    MAILGUN_KEYS,
    PEERS,
    POSTMARK_KEY,
    RESEND_KEYS,
    TOPIC,
    Sent,
    body_of,
    certificate,
    mailgun,
    postmark,
    resend,
    sendgrid,
    sendgrid_key,
    ses,
    subscription,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
PAYLOADS: dict[str, Any] = {
    "sendgrid": [sg("open"), sg("bounce", type="bounce")],
    "mailgun": mg("opened"),
    "postmark": pm("Open", Recipient="anna@example.com", ReceivedAt=AT),
    "resend": rs("email.opened"),
    "ses": am("Bounce", bounce=bounced("Permanent", "General")),
}
OTHERS: dict[str, Any] = {
    "sendgrid": [sg("click")],
    "mailgun": mg("complained"),
    "resend": rs("email.complained"),
    "ses": am("Bounce", bounce=bounced("Permanent", "NoEmail")),
}
STAMPED = ("sendgrid", "mailgun", "resend", "ses")
PAST = {"sendgrid": 5 * MINUTE, "mailgun": 9 * HOUR, "resend": 5 * MINUTE, "ses": 65 * MINUTE}


def sent(esp: str, at_ms: int = AT_MS) -> Sent:
    return PEERS[esp](PAYLOADS[esp], at_ms)


def refused(hooks: Hooks, name: str, request: Sent) -> int:
    """The status with which a request is refused; the log has nothing of it, and the sentence no secret and no address."""
    before = list(hooks.log.lines)
    with pytest.raises(Refusal) as refusal:
        hooks.take(name, request)
    assert hooks.log.lines == before
    assert not any(each in refusal.value.sentence for each in ("anna", *MAILGUN_KEYS, POSTMARK_KEY, *RESEND_KEYS))
    return refusal.value.status


def flipped(data: bytes, at: int) -> bytes:
    """With one bit of one byte changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def in_body(request: Sent, change: Callable[[dict[str, Any]], Any]) -> Sent:
    """With something of the JSON object changed."""
    payload = json.loads(request.body)
    change(payload)
    return replace(request, body=body_of(payload))


def corrupted(text: str) -> str:
    """Base64 or hexadecimal digits with one of them changed."""
    place = len(text) // 2
    return text[:place] + ("b" if text[place] != "b" else "c") + text[place + 1 :]


SG_SIGNATURE, SG_STAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
MAILGUN_FIELDS = ("timestamp", "token", "signature")


def _signature(field: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda payload: payload["signature"].update({field: value})


FORGED: dict[str, tuple[str, Callable[[], Sent], int]] = {
    "sendgrid: one byte of the body": ("sendgrid", lambda: replace(sent("sendgrid"), body=flipped(sent("sendgrid").body, 40)), 401),
    "sendgrid: a byte more": ("sendgrid", lambda: replace(sent("sendgrid"), body=sent("sendgrid").body + b" "), 401),
    "sendgrid: another stamp": ("sendgrid", lambda: sent("sendgrid").with_header(SG_STAMP, str(AT_MS // 1000 + 1)), 401),
    "sendgrid: no stamp": ("sendgrid", lambda: sent("sendgrid").with_header(SG_STAMP, None), 401),
    "sendgrid: a stamp in words": ("sendgrid", lambda: sent("sendgrid").with_header(SG_STAMP, "now"), 401),
    "sendgrid: no signature": ("sendgrid", lambda: sent("sendgrid").with_header(SG_SIGNATURE, None), 401),
    "sendgrid: an empty signature": ("sendgrid", lambda: sent("sendgrid").with_header(SG_SIGNATURE, ""), 401),
    "sendgrid: no base64": ("sendgrid", lambda: sent("sendgrid").with_header(SG_SIGNATURE, "%%%"), 401),
    "sendgrid: no DER": ("sendgrid", lambda: sent("sendgrid").with_header(SG_SIGNATURE, base64.b64encode(b"x" * 70).decode()), 401),
    "sendgrid: another signature": (
        "sendgrid",
        lambda: sent("sendgrid").with_header(SG_SIGNATURE, sent_later().headers[SG_SIGNATURE]),
        401,
    ),
    "sendgrid: another key": ("sendgrid", lambda: sendgrid(PAYLOADS["sendgrid"], AT_MS, key=7), 401),
    "mailgun: another stamp": ("mailgun", lambda: in_body(sent("mailgun"), _signature("timestamp", str(AT_MS // 1000 + 1))), 401),
    "mailgun: another token": ("mailgun", lambda: in_body(sent("mailgun"), _signature("token", "a" * 50)), 401),
    "mailgun: another signature": ("mailgun", lambda: in_body(sent("mailgun"), _signature("signature", "0" * 64)), 401),
    "mailgun: a number": ("mailgun", lambda: in_body(sent("mailgun"), _signature("signature", 12)), 401),
    "mailgun: no signature": ("mailgun", lambda: in_body(sent("mailgun"), lambda payload: payload.pop("signature")), 401),
    "mailgun: another key": (
        "mailgun",
        lambda: in_body(mailgun(PAYLOADS["mailgun"], AT_MS, key=1), lambda p: p["signature"].pop("parent-signature")),
        401,
    ),
    "mailgun: no JSON": ("mailgun", lambda: Sent({}, b"token=1&signature=2"), 400),
    "mailgun: a list": ("mailgun", lambda: Sent({}, b"[]"), 400),
    "postmark: no password": ("postmark", lambda: sent("postmark").with_header("authorization", None), 401),
    "postmark: another password": ("postmark", lambda: postmark(PAYLOADS["postmark"], key="beckon:correct horse batterz"), 401),
    "postmark: a shorter one": ("postmark", lambda: postmark(PAYLOADS["postmark"], key=POSTMARK_KEY[:-1]), 401),
    "postmark: another user": ("postmark", lambda: postmark(PAYLOADS["postmark"], key="x" + POSTMARK_KEY), 401),
    "postmark: another scheme": ("postmark", lambda: sent("postmark").with_header("authorization", "Bearer " + POSTMARK_KEY), 401),
    "postmark: no base64": ("postmark", lambda: sent("postmark").with_header("authorization", "Basic ###"), 401),
    "postmark: no JSON": ("postmark", lambda: replace(sent("postmark"), body=b"{"), 400),
    "resend: one byte of the body": ("resend", lambda: replace(sent("resend"), body=flipped(sent("resend").body, 30)), 401),
    "resend: another stamp": ("resend", lambda: sent("resend").with_header("svix-timestamp", str(AT_MS // 1000 + 1)), 401),
    "resend: another id": ("resend", lambda: sent("resend").with_header("svix-id", "msg_other"), 401),
    **{
        f"resend: no {name}": ("resend", lambda name=name: sent("resend").with_header(f"svix-{name}", None), 401)  # type: ignore[misc]
        for name in ("id", "timestamp", "signature")
    },
    "resend: a changed signature": (
        "resend",
        lambda: sent("resend").with_header("svix-signature", corrupted(sent("resend").headers["svix-signature"].rpartition(" ")[2])),
        401,
    ),
    "resend: of another version": (
        "resend",
        lambda: sent("resend").with_header("svix-signature", sent("resend").headers["svix-signature"].replace("v1,", "v2,")),
        401,
    ),
    "resend: empty signatures": ("resend", lambda: sent("resend").with_header("svix-signature", "v1, v1, v1"), 401),
    "resend: the right one behind too many": (
        "resend",
        lambda: sent("resend").with_header("svix-signature", "v1,x " * 50 + sent("resend").headers["svix-signature"]),
        401,
    ),
    "resend: other names of headers": (
        "resend",
        lambda: Sent({name.replace("svix", "webhook"): value for name, value in sent("resend").headers.items()}, sent("resend").body),
        401,
    ),
    "ses: one byte of the message": (
        "ses",
        lambda: in_body(sent("ses"), lambda p: p.update(Message=p["Message"].replace("Permanent", "Transient"))),
        401,
    ),
    "ses: another subject": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Subject="Another")), 401),
    "ses: no subject": ("ses", lambda: in_body(sent("ses"), lambda p: p.pop("Subject")), 401),
    "ses: another id": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(MessageId="another")), 401),
    "ses: another stamp": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Timestamp="2026-02-27T13:46:41.000Z")), 401),
    "ses: a stamp in words": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Timestamp="now")), 401),
    "ses: a changed signature": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Signature=corrupted(p["Signature"]))), 401),
    "ses: no signature": ("ses", lambda: in_body(sent("ses"), lambda p: p.pop("Signature")), 401),
    "ses: no base64": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Signature="%")), 401),
    "ses: a number": ("ses", lambda: in_body(sent("ses"), lambda p: p.update(Signature=7)), 401),
    "ses: another key": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, key=1), 401),
    "ses: version 1 said to be 2": (
        "ses",
        lambda: in_body(ses(PAYLOADS["ses"], AT_MS, version="1"), lambda p: p.update(SignatureVersion="2")),
        401,
    ),
    "ses: an unknown version": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, version="3"), 401),
    "ses: another topic": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, TopicArn=TOPIC + "2"), 403),
    "ses: no topic": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, TopicArn=None), 401),
    "ses: an unknown type": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, Type="Other"), 401),
    "ses: raw delivery": ("ses", lambda: Sent({}, body_of(PAYLOADS["ses"])), 401),
    "ses: a list of fields": ("ses", lambda: ses(PAYLOADS["ses"], AT_MS, MessageId=["a"]), 401),
    "ses: no JSON": ("ses", lambda: Sent({}, b"x"), 400),
    **{
        f"ses: the certificate at {url}": ("ses", lambda url=url: ses(PAYLOADS["ses"], AT_MS, SigningCertURL=url), 401)  # type: ignore[misc]
        for url in (
            CERTIFICATE_URL.replace("https:", "http:"),
            CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com.evil.example"),
            CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com@evil.example"),
            CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "sns.eu-west-1.amazonaws.com:8443"),
            CERTIFICATE_URL.replace("sns.eu-west-1.amazonaws.com", "evil.example#.sns.eu-west-1.amazonaws.com"),
            CERTIFICATE_URL.replace("sns.eu-west-1", "sns.us-east-1"),
            CERTIFICATE_URL.replace("sns.eu-west-1", "mybucket.s3.eu-west-1"),
            CERTIFICATE_URL.replace("amazonaws.com", "amazonaws.com.cn"),
            CERTIFICATE_URL.replace("sns.eu-west-1", "snsXeu-west-1"),
            CERTIFICATE_URL.replace("/Simple", "/../Simple"),
            CERTIFICATE_URL + "?a=b",
            CERTIFICATE_URL + "\n",
            " " + CERTIFICATE_URL,
            "file:///etc/passwd",
            "",
            None,
        )
    },
}


def sent_later() -> Sent:
    return sent("sendgrid", AT_MS + 1000)


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_refused(name: str) -> None:
    esp, request, status = FORGED[name]
    hooks = Hooks(plan_of())
    assert refused(hooks, esp, request()) == status
    if "certificate at" in name or status == 403:
        assert hooks.aws.asked == []
    # The service itself is heard all the same.
    assert hooks.take(esp, sent(esp))["taken"] == len(hooks.log.lines) > 0


@pytest.mark.parametrize("name", WEBHOOKS)
def test_a_request_of_another_service_is_refused(name: str) -> None:
    hooks = Hooks(plan_of())
    for esp in WEBHOOKS:
        if esp != name:
            assert refused(hooks, name, sent(esp)) in (400, 401)


def test_an_unknown_webhook_is_not_there() -> None:
    assert refused(Hooks(plan_of()), "other", sent("sendgrid")) == 404


@pytest.mark.parametrize("esp", STAMPED)
def test_only_fresh_stamps_are_taken(esp: str) -> None:
    hooks = Hooks(plan_of())
    for away_ms in (-PAST[esp] - 1000, 5 * MINUTE + 1000, -25 * HOUR, 25 * HOUR):
        hooks.clock.now_ms = AT_MS - away_ms
        assert refused(hooks, esp, sent(esp)) == 401
    for away_ms in (-PAST[esp], 5 * MINUTE):
        hooks = Hooks(plan_of())
        hooks.clock.now_ms = AT_MS - away_ms
        assert hooks.take(esp, sent(esp))["taken"] > 0


def test_a_plan_can_take_older_stamps() -> None:
    hooks = Hooks(plan_of({"mailgun": {"window": "12h"}}))
    hooks.clock.now_ms = AT_MS + 12 * HOUR
    assert hooks.take("mailgun", sent("mailgun"))["taken"] == 1
    hooks.clock.now_ms += 1000
    assert refused(hooks, "mailgun", mailgun(PAYLOADS["mailgun"], AT_MS, token="b" * 50)) == 401


# --- keys that are changed ------------------------------------------------------------------------------------------------------------

CHANGED: dict[str, tuple[Callable[[int], Sent], Callable[[int], str]]] = {
    "sendgrid": (lambda key: sendgrid(PAYLOADS["sendgrid"], AT_MS, key), sendgrid_key),
    "mailgun": (lambda key: mailgun(PAYLOADS["mailgun"], AT_MS, key), lambda key: MAILGUN_KEYS[key]),
    "postmark": (lambda key: postmark(PAYLOADS["postmark"], key=f"user:{key}-long-enough"), lambda key: f"user:{key}-long-enough"),
    "resend": (lambda key: resend(PAYLOADS["resend"], AT_MS, key), lambda key: RESEND_KEYS[key]),
}


@pytest.mark.parametrize("esp", CHANGED)
def test_several_keys_are_taken_while_one_is_changed(esp: str) -> None:
    signed, key = CHANGED[esp]
    setting = f"{esp}_webhook_key"
    for keys, takes in (((0,), (0,)), ((1,), (1,)), ((0, 1), (0, 1)), ((1, 0), (0, 1))):
        for number in (0, 1):
            hooks = Hooks(plan_of(), **{setting: ",".join(map(key, keys))})
            # While Resend changes a key, it signs with both.
            if number in takes or (esp == "resend" and number == 1):
                assert hooks.take(esp, signed(number))["taken"] > 0
            else:
                assert refused(hooks, esp, signed(number)) == 401


def test_a_header_can_be_the_proof_of_postmark() -> None:
    hooks = Hooks(plan_of({"postmark": {"header": "X-Webhook-Token"}}), postmark_webhook_key="s3cret-s3cret-s3cret")
    plain = Sent({}, body_of(PAYLOADS["postmark"]))
    assert refused(hooks, "postmark", plain) == 401
    assert refused(hooks, "postmark", plain.with_header("x-webhook-token", "s3cret-s3cret-s3creT")) == 401
    assert refused(hooks, "postmark", postmark(PAYLOADS["postmark"], key="s3cret-s3cret-s3cret")) == 401
    assert hooks.take("postmark", plain.with_header("x-webhook-token", "s3cret-s3cret-s3cret"))["taken"] == 1


# --- what comes again -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("esp", WEBHOOKS)
def test_what_comes_again_is_answered_and_counts_nothing(esp: str) -> None:
    hooks = Hooks(plan_of())
    first = hooks.take(esp, sent(esp))
    for _ in range(3):
        hooks.clock.now_ms += MINUTE
        again = hooks.take(esp, sent(esp))
        assert (again["taken"], again["known"]) == (0, first["taken"])
    assert len(hooks.log.lines) == first["taken"]


@pytest.mark.parametrize("esp", WEBHOOKS)
def test_the_same_events_under_a_new_signature_count_nothing(esp: str) -> None:
    hooks = Hooks(plan_of())
    first = hooks.take(esp, sent(esp))
    hooks.clock.now_ms += MINUTE
    assert hooks.take(esp, sent(esp, AT_MS + MINUTE))["taken"] == 0
    assert len(hooks.log.lines) == first["taken"]


@pytest.mark.parametrize("esp", WEBHOOKS)
@pytest.mark.parametrize("trouble", ["is_full", "fails"])
def test_what_the_log_did_not_take_may_come_again_much_later(esp: str, trouble: str) -> None:
    hooks = Hooks(plan_of())
    setattr(hooks.log, trouble, True)
    for _ in range(2):
        assert refused(hooks, esp, sent(esp)) == 503
    setattr(hooks.log, trouble, False)
    hooks.clock.now_ms += 23 * HOUR
    if esp in STAMPED:
        # Nothing else gets in by that.
        assert refused(hooks, esp, PEERS[esp](OTHERS[esp], AT_MS)) == 401
    taken = hooks.take(esp, sent(esp))["taken"]
    assert taken == len(hooks.log.lines) > 0
    assert hooks.take(esp, sent(esp, hooks.clock.now_ms))["taken"] == 0


@pytest.mark.parametrize("esp", STAMPED)
def test_what_was_refused_as_forged_is_not_owed(esp: str) -> None:
    hooks = Hooks(plan_of())
    hooks.log.is_full = True
    hooks.clock.now_ms = AT_MS + PAST[esp] + HOUR
    assert refused(hooks, esp, sent(esp)) == 401
    hooks.log.is_full = False
    assert refused(hooks, esp, sent(esp)) == 401


def test_a_token_of_mailgun_counts_once_whatever_comes_with_it() -> None:
    hooks = Hooks(plan_of())
    hooks.take("mailgun", sent("mailgun"))
    other = in_body(sent("mailgun"), lambda payload: payload.update({"event-data": mg("complained", id="forged")}))
    assert refused(hooks, "mailgun", other) == 406
    hooks.clock.now_ms += PAST["mailgun"] - 2_000
    assert refused(hooks, "mailgun", other) == 406
    hooks.clock.now_ms += 1_000
    assert refused(hooks, "mailgun", other) == 401


def test_a_token_of_mailgun_counts_also_where_it_brings_nothing() -> None:
    hooks = Hooks(plan_of())
    assert hooks.take("mailgun", mailgun(mg("accepted"), AT_MS))["taken"] == 0
    assert refused(hooks, "mailgun", mailgun(mg("complained"), AT_MS)) == 406


@pytest.mark.parametrize("esp", WEBHOOKS)
def test_two_at_one_time_are_one(esp: str) -> None:
    hooks = Hooks(plan_of())
    hooks.log.holds = True

    async def both() -> tuple[Any, Any]:
        first = asyncio.create_task(hooks.taken(esp, sent(esp)))
        while not hooks.log.lines:
            await asyncio.sleep(0)
        came = len(hooks.log.lines)
        second = asyncio.create_task(hooks.taken(esp, sent(esp)))
        while not second.done() and len(hooks.log.lines) == came:
            await asyncio.sleep(0)
        hooks.log.release()
        return await first, (await asyncio.gather(second, return_exceptions=True))[0]

    answer, refusal = asyncio.run(both())
    assert isinstance(refusal, Refusal)
    assert refusal.status == 503
    assert answer["taken"] == len(hooks.log.lines)
    hooks.log.holds = False
    assert hooks.take(esp, sent(esp))["taken"] == 0


def test_part_of_what_comes_may_be_known() -> None:
    hooks = Hooks(plan_of())
    hooks.take("sendgrid", sendgrid([sg("open")], AT_MS))
    answer = hooks.take("sendgrid", sendgrid([sg("open"), sg("click"), sg("click"), sg("processed")], AT_MS))
    assert (answer["taken"], answer["known"], answer["ignored"]) == (1, 1, {"processed": 1})
    assert [record["event"] for record in hooks.log.records] == ["Email Opened", "Email Link Clicked"]


def test_who_goes_away_in_the_middle_may_come_again() -> None:
    hooks = Hooks(plan_of())
    hooks.log.holds = True

    async def gone() -> None:
        task = asyncio.create_task(hooks.taken("resend", sent("resend")))
        while not hooks.log.lines:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(gone())
    hooks.log.holds = False
    hooks.clock.now_ms += HOUR
    assert hooks.take("resend", sent("resend"))["taken"] == 1
    # The first may be in the log too: the job applies one, since both have one id.
    assert len({record["messageId"] for record in hooks.log.records}) == 1


# --- Amazon SNS -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_sns_signatures_are_taken(version: str) -> None:
    assert Hooks(plan_of()).take("ses", ses(PAYLOADS["ses"], AT_MS, version=version))["taken"] == 1


def test_a_message_without_a_subject_and_with_lines_is_taken() -> None:
    payload = am("Bounce", bounce=bounced("Permanent", "General"), note="one\ntwo")
    assert Hooks(plan_of()).take("ses", ses(payload, AT_MS, Subject=None))["taken"] == 1


def test_a_subscription_to_a_topic_of_the_plan_is_confirmed() -> None:
    hooks = Hooks(plan_of())
    assert hooks.take("ses", subscription(AT_MS))["ignored"] == {"SubscriptionConfirmation": 1}
    assert hooks.aws.confirmed == [f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"]
    assert hooks.take("ses", subscription(AT_MS, Type="UnsubscribeConfirmation"))["ignored"] == {"UnsubscribeConfirmation": 1}
    assert len(hooks.aws.confirmed) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&TopicArn=1",
        "https://sns.eu-west-1.amazonaws.com/other?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com@evil.example/?Action=ConfirmSubscription",
        "http://169.254.169.254/?Action=ConfirmSubscription",
    ],
)
def test_nothing_else_is_asked_for_a_subscription(url: str) -> None:
    hooks = Hooks(plan_of())
    assert refused(hooks, "ses", subscription(AT_MS, SubscribeURL=url)) == 401
    assert hooks.aws.confirmed == []


def test_a_forged_subscription_is_not_confirmed() -> None:
    hooks = Hooks(plan_of())
    assert refused(hooks, "ses", in_body(subscription(AT_MS), lambda payload: payload.update(MessageId="x"))) == 401
    assert refused(hooks, "ses", subscription(AT_MS, TopicArn=TOPIC + "2")) == 403
    assert hooks.aws.confirmed == []


PEMS: dict[str, Callable[[], bytes | None]] = {
    "of the past": lambda: certificate(0, 2020, 2021),
    "of the future": lambda: certificate(0, 2030, 2031),
    "of another key": lambda: certificate(1),
    "broken": lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "a page": lambda: b"<html>",
    "none": lambda: None,
}


@pytest.mark.parametrize("name", PEMS)
def test_a_certificate_must_be_valid_now(name: str) -> None:
    hooks, pem = Hooks(plan_of()), PEMS[name]()
    hooks.aws.certificates = {} if pem is None else {CERTIFICATE_URL: pem}
    assert refused(hooks, "ses", sent("ses")) == 401


def test_a_certificate_must_have_a_key_that_nobody_can_break() -> None:
    hooks = Hooks(plan_of())
    hooks.aws.certificates = {CERTIFICATE_URL: certificate(0, bits=1024)}
    assert refused(hooks, "ses", ses(PAYLOADS["ses"], AT_MS, bits=1024)) == 401


def test_a_message_whose_certificate_cannot_be_had_comes_again() -> None:
    hooks = Hooks(plan_of())
    hooks.aws.is_away = True
    assert refused(hooks, "ses", sent("ses")) == 503
    hooks.aws.is_away = False
    assert hooks.take("ses", sent("ses"))["taken"] == 1
