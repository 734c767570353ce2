"""Webhooks of a running edge, over real sockets: what is in earnest is in the log once, also after a restart; what is not is sent away."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.collect.door import OPEN_BURST
from flows.collect.webhooks.routes import MOST_BODY
from tests.command import beckon
from tests.edge import BACKEND, Answer, RunningEdge
from tests.webhook_hooks import WEBHOOKS
from tests.webhook_payloads import ANNA, mg, pm, rs, sg
from tests.webhook_peers import MAILGUN_KEYS, POSTMARK_KEY, RESEND_KEYS, Sent, body_of, mailgun, postmark, resend, sendgrid, sendgrid_key

KEYS = {
    "BECKON_SENDGRID_WEBHOOK_KEY": sendgrid_key(),
    "BECKON_MAILGUN_WEBHOOK_KEY": ",".join(MAILGUN_KEYS),
    "BECKON_POSTMARK_WEBHOOK_KEY": POSTMARK_KEY,
    "BECKON_RESEND_WEBHOOK_KEY": RESEND_KEYS[0],
}


def now_ms() -> int:
    """The wall clock, as the edge has it."""
    return time.time_ns() // 1_000_000


def plan_folder(folder: Path) -> Path:
    """A plan with all webhooks."""
    folder.mkdir(parents=True)
    files: dict[str, Any] = {
        "plan.yaml": {"name": "shop", "topics": {"news": {}}},
        "segments.yaml": {"segments": {"readers": "count('Email Opened', where=not machine) >= 1"}},
        "collect.yaml": {"keys": {"backend": {"kind": "server"}}, "webhooks": WEBHOOKS},
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[RunningEdge]:
    """An edge with all webhooks, which says no more than it should."""
    with RunningEdge(plan_folder(tmp_path / "plan"), tmp_path, env=KEYS) as running:
        yield running
        assert running.stop() == 0, running.said
    said = running.said
    assert "Traceback" not in said
    assert not any(each in said for each in ("anna", POSTMARK_KEY, *MAILGUN_KEYS, *RESEND_KEYS))


def post(edge: RunningEdge, name: str, sent: Sent) -> Answer:
    """The answer to a request of a mail service."""
    return edge.ask("POST", f"/v1/webhooks/{name}", sent.body, sent.headers)


def test_each_service_is_heard_once_also_after_a_restart(edge: RunningEdge, tmp_path: Path) -> None:
    at = now_ms()
    opened = {
        "sendgrid": sendgrid([sg("open")], at),
        "mailgun": mailgun(mg("opened"), at),
        "postmark": postmark(pm("Open", Recipient=ANNA, ReceivedAt="2026-02-27T13:46:40Z")),
        "resend": resend(rs("email.opened"), at),
    }
    for name, sent in opened.items():
        answers = [post(edge, name, sent) for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        assert [answer.json["taken"] for answer in answers] == [1, 0, 0]
    assert len(edge.lines()) == len(opened)
    edge.kill()
    edge.start()
    for name, sent in opened.items():
        assert post(edge, name, sent).json["taken"] == 1
    # The memory is gone, and the log has each twice; the job applies one.
    run = beckon("run", "--plan", edge.plan, "--input", edge.log, "--output", tmp_path / "out", "--json", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["events"], told["duplicates"], told["persons"]) == (len(opened), len(opened), 1)


def test_a_large_list_of_sendgrid_is_taken_and_a_larger_one_is_not(edge: RunningEdge) -> None:
    each = [sg("open", sg_event_id=f"id-{number}", note="n" * 480) for number in range(1050)]
    sent = sendgrid(each, now_ms())
    assert 700_000 < len(sent.body) < 768 * 1024
    assert post(edge, "sendgrid", sent).json["taken"] == len(each)
    assert len(edge.lines()) == len(each)
    assert post(edge, "sendgrid", Sent({}, b"x" * (MOST_BODY + 1))).status == 413


def test_what_is_not_in_earnest_is_sent_away_in_words(edge: RunningEdge) -> None:
    sent = sendgrid([sg("open")], now_ms())
    cases = {
        401: post(edge, "sendgrid", Sent(sent.headers, sent.body + b" ")),
        400: post(edge, "postmark", Sent(postmark({}).headers, b"no JSON")),
        404: post(edge, "other", sent),
        405: edge.ask("GET", "/v1/webhooks/sendgrid"),
    }
    for status, answer in cases.items():
        assert answer.status == status
        assert answer.json["success"] is False
    assert edge.lines() == []


def test_who_forges_too_often_is_sent_away_and_a_service_is_never_held_up(edge: RunningEdge) -> None:
    forged = Sent({}, body_of([sg("open")]))
    # On a slow machine the bucket fills a little in between.
    statuses = iter(lambda: post(edge, "sendgrid", forged).status, 429)
    before = list(itertools.islice(statuses, 20 * OPEN_BURST))
    assert {401} == set(before)
    assert OPEN_BURST <= len(before) < 20 * OPEN_BURST
    for number in range(20):
        assert post(edge, "postmark", postmark(pm("Open", Recipient=ANNA, ReceivedAt=f"2026-02-27T13:46:{number:02}Z"))).status == 200
    assert len(edge.lines()) == 20


# --- without a key --------------------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no key": ({"BECKON_SENDGRID_WEBHOOK_KEY": ""}, "the webhook sendgrid must have a key: set BECKON_SENDGRID_WEBHOOK_KEY to"),
    "no keys": ({"BECKON_MAILGUN_WEBHOOK_KEY": " , "}, "BECKON_MAILGUN_WEBHOOK_KEY must have 1 to 10 keys; got 0"),
    "another key": ({"BECKON_SENDGRID_WEBHOOK_KEY": "c2VjcmV0"}, "BECKON_SENDGRID_WEBHOOK_KEY must be a verification key of SendGrid"),
    "no base64": ({"BECKON_SENDGRID_WEBHOOK_KEY": "§"}, "BECKON_SENDGRID_WEBHOOK_KEY must be a verification key of SendGrid"),
    "a short key": ({"BECKON_MAILGUN_WEBHOOK_KEY": "short-one"}, "BECKON_MAILGUN_WEBHOOK_KEY must be a webhook signing key of Mailgun"),
    "a short password": ({"BECKON_POSTMARK_WEBHOOK_KEY": "beckon:short-one"}, "BECKON_POSTMARK_WEBHOOK_KEY must be user:password"),
    "no whsec": ({"BECKON_RESEND_WEBHOOK_KEY": "re_short-one"}, "BECKON_RESEND_WEBHOOK_KEY must be a signing secret of Resend"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_edge_without_a_key_that_its_plan_needs_does_not_start(name: str, tmp_path: Path) -> None:
    env, sentence = WRONG[name]
    plan, variables = plan_folder(tmp_path / "plan"), {"BECKON_WRITE_KEYS": f"backend={BACKEND}", **KEYS, **env}
    run = beckon("collect", "--plan", plan, "--output", tmp_path / "log", "--port", "0", cwd=tmp_path, stdin=b"", **variables)
    assert run.returncode == 2, run.stderr
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert not any(each in run.stderr for each in ("c2VjcmV0", "short-one"))
