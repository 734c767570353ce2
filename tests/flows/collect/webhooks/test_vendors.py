"""The vendors' own libraries say the same of our requests as we do, and what vendors have signed themselves is taken."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from flows.collect.refusal import Refusal
from flows.collect.webhooks import resend as resend_scheme
from flows.collect.webhooks import sendgrid as sendgrid_scheme
from flows.collect.webhooks.scheme import Arrival
from tests.command import ROOT
from tests.webhook_hooks import Hooks, plan_of
from tests.webhook_payloads import AT_MS, CASES
from tests.webhook_peers import RESEND_KEYS, Sent, certificate, resend, sendgrid, sendgrid_key, ses, subscription

MODULES = ROOT / ".cache" / "npm" / "node_modules"


def by_vendors(esp: str, requests: list[Sent], **fields: str) -> list[bool]:
    """What the vendor's library for Node says of each."""
    assert (MODULES / "sns-validator").exists(), "the packages of npm are not there: run 'make npm'"
    told = [{"esp": esp, "headers": dict(each.headers), "body": each.body.decode(), **fields} for each in requests]
    done = subprocess.run(
        ["node", Path(__file__).with_name("verify.cjs")],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: list[bool] = json.loads(done.stdout)
    return said


def by_us(esp: str, requests: list[Sent]) -> list[bool]:
    """What we say of each, with one that begins anew for each."""

    def takes(sent: Sent) -> bool:
        try:
            Hooks(plan_of()).take(esp, sent)
        except Refusal:
            return False
        return True

    return [takes(each) for each in requests]


def test_sendgrids_library_says_the_same() -> None:
    payloads = [case.payload for case in CASES.values() if case.esp == "sendgrid"]
    right = [sendgrid(each, AT_MS) for each in payloads]
    wrong = [Sent(each.headers, each.body + b" ") for each in right[:3]] + [sendgrid(payloads[0], AT_MS, key=7)]
    expected = [True] * len(right) + [False] * len(wrong)
    assert by_vendors("sendgrid", right + wrong, key=sendgrid_key()) == expected
    assert by_us("sendgrid", right + wrong) == expected


def test_the_library_of_sns_says_the_same() -> None:
    payloads = [case.payload for case in CASES.values() if case.esp == "ses"]
    right = [ses(each, AT_MS, version=version) for each in payloads for version in ("1", "2")]
    right += [ses(payloads[0], AT_MS, Subject=None), subscription(AT_MS)]
    wrong = [Sent({}, each.body.replace(b"EXAMPLE7c", b"EXAMPLE7d")) for each in right[:3]] + [ses(payloads[0], AT_MS, key=1)]
    wrong += [ses(payloads[0], AT_MS, SigningCertURL="https://evil.example/a.pem")]
    expected = [True] * len(right) + [False] * len(wrong)
    assert by_vendors("ses", right + wrong, certificate=certificate(0).decode()) == expected
    assert by_us("ses", right + wrong) == expected


def test_what_sendgrid_has_signed_is_taken() -> None:
    """The request that SendGrid's libraries are tested with: of 2020-09-14."""
    key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
    signature = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
    stamp = 1600112502
    sent = "LRzXl_NHStOGhQ4kofSm_A"
    event = {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": f"{sent}.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": f"<{sent}@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
    body = json.dumps([event], separators=(",", ":")).encode() + b"\r\n"
    headers = {sendgrid_scheme.SIGNATURE: signature, sendgrid_scheme.STAMP: str(stamp)}
    proved = sendgrid_scheme.verify(Arrival(headers, body, stamp * 1000), [sendgrid_scheme.key_of(key)])
    assert proved.payload == [event]
    with pytest.raises(Refusal):
        sendgrid_scheme.verify(Arrival(headers, body.strip(), stamp * 1000), [sendgrid_scheme.key_of(key)])


def test_what_svix_shows_in_its_documentation_is_taken() -> None:
    """The example of "Verifying Webhooks Manually"."""
    key, id_, stamp, body = RESEND_KEYS[0], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    headers = {"svix-id": id_, "svix-timestamp": str(stamp), "svix-signature": signature}
    proved = resend_scheme.verify(Arrival(headers, body, stamp * 1000), [resend_scheme.key_of(key)])
    assert (proved.payload, proved.id) == ({"test": 2432232314}, id_)


def test_standardwebhooks_takes_what_we_take() -> None:
    """It knows no clock but that of the machine, so the request is one of now."""
    now = int(datetime.now(UTC).timestamp())
    payload: Any = CASES["resend: delivered"].payload
    sent = resend(payload, now * 1000)
    headers = {name.replace("svix", "webhook"): value for name, value in sent.headers.items()}
    assert Webhook(RESEND_KEYS[0]).verify(sent.body, headers) == payload
    proved = resend_scheme.verify(Arrival(sent.headers, sent.body, now * 1000), [resend_scheme.key_of(RESEND_KEYS[0])])
    assert proved.payload == payload
