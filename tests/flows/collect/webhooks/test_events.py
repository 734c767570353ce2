"""What mail services tell becomes the e-mail events of the Segment spec, and suppresses whom it must, through the real engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.collect.webhooks import mailgun, postmark, resend, sendgrid, ses
from flows.collect.webhooks.table import SCHEMES
from operators.consent import acts_of
from operators.decode import decode
from operators.permission import suppression
from schemas.event import Event
from schemas.webhooks import ESPS
from tests.harness import run_engine
from tests.webhook_hooks import Hooks, plan_of
from tests.webhook_payloads import ANNA, AT, AT_MS, CASES, Case, am, bounced, mg, pm, rs, sg
from tests.webhook_peers import PEERS
from tests.webhook_peers import resend as resend_sent
from tests.webhook_peers import sendgrid as sendgrid_sent


def told(case: Case) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The records in the log, and the answer."""
    hooks = Hooks(plan_of())
    answer = hooks.take(case.esp, PEERS[case.esp](case.payload, AT_MS))
    return hooks.log.records, answer


@pytest.mark.parametrize("name", CASES)
def test_what_is_told_becomes_events(name: str) -> None:
    case = CASES[name]
    records, answer = told(case)
    assert [event for event, _ in case.events] == [record["event"] for record in records]
    for record, (_, properties) in zip(records, case.events, strict=True):
        assert properties == {each: record["properties"].get(each) for each in properties}
        assert record["properties"]["email"] == ANNA
        person = record.get("userId") or f"~{record['anonymousId']}"
        assert person == case.person
        assert record["timestamp"][:19] == AT[:19]
        assert record["context"] == {"library": {"name": case.esp}}
        assert isinstance(decode(json.dumps(record).encode()), Event)
    assert sorted(case.ignored) == sorted(kind for kind, number in answer["ignored"].items() for _ in range(number))
    assert (answer["taken"], answer["known"]) == (len(case.events), 0)


def test_the_tables_have_each_service_and_each_event() -> None:
    assert {*SCHEMES, "ses"} == set(ESPS) == set(PEERS)
    for esp in ESPS:
        events = {event for case in CASES.values() if case.esp == esp for event, _ in case.events}
        assert len(events) == 6, esp
    kinds = {
        **{("sendgrid", kind): name for kind, name in sendgrid.EVENTS.items()},
        **{("mailgun", kind): name for kind, name in mailgun.EVENTS.items()},
        **{("postmark", kind): name for kind, name in postmark.RECORDS.items()},
        **{("resend", kind): name for kind, name in resend.EVENTS.items()},
        **{("ses", kind): name for kind, (name, _) in ses.EVENTS.items()},
    }
    for (service, kind), name in kinds.items():
        assert any(case.esp == service and kind in json.dumps(case.payload) and name in dict(case.events) for case in CASES.values()), kind


SUPPRESSED = {"Email Marked as Spam": "complained", "Unsubscribed": "unsubscribed"}


@pytest.mark.parametrize("name", CASES)
def test_only_what_must_suppresses(name: str) -> None:
    records, _ = told(CASES[name])
    for record in records:
        event = decode(json.dumps(record).encode())
        assert isinstance(event, Event)
        acts = list(acts_of(event))
        hard = record["properties"].get("bounce_type") == "hard"
        expected = "bounced" if record["event"] == "Email Bounced" and hard else SUPPRESSED.get(record["event"])
        act = suppression(acts, "news", ANNA)
        assert (act.kind if act else None) == expected
        if expected == "bounced":
            assert suppression(acts, "news", "another@example.com") is None
        if record["properties"].get("topics"):
            assert suppression(acts, "offers", ANNA) is None


SENT: dict[str, tuple[str, Any, str | None]] = {
    "a hard bounce of sendgrid": ("sendgrid", [sg("bounce", type="bounce")], "bounced"),
    "a blocked mail of sendgrid": ("sendgrid", [sg("bounce", type="blocked")], None),
    "a deferral of sendgrid": ("sendgrid", [sg("deferred")], None),
    "spam of mailgun": ("mailgun", mg("complained"), "complained"),
    "a permanent failure of mailgun": ("mailgun", mg("failed", severity="permanent", reason="bounce"), "bounced"),
    "who left a stream of postmark": (
        "postmark",
        pm("SubscriptionChange", Recipient=ANNA, ChangedAt=AT, SuppressSending=True, SuppressionReason="ManualSuppression"),
        "unsubscribed",
    ),
    "a soft bounce of resend": ("resend", rs("email.bounced", bounce={"type": "Transient"}), None),
    "a bounce of ses": ("ses", am("Bounce", bounce=bounced("Permanent", "General")), "bounced"),
    "an opening of ses": ("ses", am("Open", open={"timestamp": AT}), None),
}


@pytest.mark.parametrize("name", SENT)
def test_a_person_of_whom_only_the_address_is_told_is_sent_nothing_more(name: str) -> None:
    esp, payload, act = SENT[name]
    plan = plan_of()
    hooks = Hooks(plan)
    hooks.take(esp, PEERS[esp](payload, AT_MS))

    def said(kind: str, at: str, **fields: Any) -> bytes:
        return json.dumps({"type": kind, "userId": "anna", "messageId": at, "timestamp": at} | fields).encode()

    lines = [
        # The spelling is another one than that of the mail service.
        said("identify", "2026-02-27T10:00:00Z", traits={"email": "Anna.Berg@Example.COM"}),
        said("track", "2026-02-27T10:00:01Z", event="Consent Given", properties={"topic": "news", "text_version": "1"}),
        *hooks.log.lines,
        said("track", "2026-02-27T15:00:00Z", event="Cart Left"),
    ]
    run = run_engine(plan, lines)
    decisions = [record["data"] for record in run.records if record["type"] == "beckon.decision"]
    triggers = [record["data"]["to"]["address"] for record in run.records if record["type"] == "beckon.trigger"]
    assert [(each["reason"], each["proof"]["act"], each["proof"]["source"]) for each in decisions] == (
        [("suppressed", act, esp)] if act else []
    )
    assert triggers == ([] if act else ["Anna.Berg@example.com"])
    assert run.counts["linked"] == 0


@pytest.mark.parametrize("person", ["anna.berg@example.com", "visitor-1", "anna"])
def test_a_person_that_a_trigger_names_stays_one_person(person: str) -> None:
    plan = plan_of()
    hooks = Hooks(plan)
    hooks.take("sendgrid", PEERS["sendgrid"]([sg("delivered", beckon_person=person)], AT_MS))

    def said(at: str, **fields: Any) -> bytes:
        return json.dumps({"type": "identify", "anonymousId": "visitor-1", "messageId": at, "timestamp": at} | fields).encode()

    lines = [
        said("2026-02-27T10:00:00Z", traits={"email": "anna.berg@example.com"}),
        *hooks.log.lines,
        said("2026-02-27T15:00:00Z", userId="anna", traits={"email": "anna.berg@example.com"}),
    ]
    assert run_engine(plan, lines).counts == {"events": 3, "linked": 1}


def test_a_bounce_that_two_webhooks_of_postmark_tell_is_one_event() -> None:
    hooks = Hooks(plan_of())
    for name in ("postmark: a hard bounce", "postmark: a bounce suppressed"):
        hooks.take("postmark", PEERS["postmark"](CASES[name].payload, AT_MS))
    assert len(hooks.log.records) == 1


def test_ids_are_the_same_in_another_process_and_differ_between_events() -> None:
    first = {name: [record["messageId"] for record in told(case)[0]] for name, case in CASES.items()}
    again = {name: [record["messageId"] for record in told(case)[0]] for name, case in CASES.items()}
    assert first == again
    for name, ids in first.items():
        assert all(each.startswith(f"{CASES[name].esp}-") for each in ids)
    two = [sg("open"), sg("open", sg_event_id="another"), *([{**sg("open"), "sg_event_id": None, "n": n} for n in range(2)])]
    hooks = Hooks(plan_of())
    hooks.take("sendgrid", sendgrid_sent(two, AT_MS))
    hooks.take("resend", resend_sent(rs("email.bounced", to=[ANNA, "ben@example.com"]), AT_MS))
    assert len({record["messageId"] for record in hooks.log.records}) == 6


def test_a_machine_that_is_told_is_no_person_and_its_event_is_kept() -> None:
    records, _ = told(CASES["ses: a machine opens"])
    assert records[0]["properties"]["machine"] is True


def test_an_address_that_is_none_bounces_no_other() -> None:
    hooks = Hooks(plan_of())
    hooks.take("mailgun", PEERS["mailgun"](mg("failed", severity="permanent", reason="bounce", recipient="Anna Berg"), AT_MS))
    (record,) = hooks.log.records
    assert record["anonymousId"] == "anna berg"
    assert "email_id" not in record["properties"]
