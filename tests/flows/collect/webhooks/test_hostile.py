"""Payloads that are authentic and make no sense: each becomes records that the job takes, or is ignored or refused in words."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.collect.refusal import Refusal
from flows.collect.webhooks import mailgun, postmark, resend, sendgrid, ses
from flows.collect.webhooks.mail_event import Ignored, MailEvent, Rules, Told, record_of
from flows.collect.webhooks.payload import parsed
from flows.collect.webhooks.scheme import Proved
from operators.consent import acts_of
from operators.decode import decode
from operators.identify import blocked_by
from schemas.event import Event
from tests.webhook_payloads import CASES

RULES = Rules({"news": "news"}.get, blocked_by(), lambda _: None)


def read(esp: str, payload: Any) -> list[Told]:
    """What a payload says, after its signature was found right."""
    match esp:
        case "sendgrid":
            return sendgrid.read(Proved(payload if isinstance(payload, list) else [payload]))
        case "mailgun":
            return mailgun.read(Proved(payload if isinstance(payload, dict) else {}, token="t" * 50))
        case "postmark":
            return postmark.read(Proved(payload if isinstance(payload, dict) else {}))
        case "resend":
            return resend.read(Proved(payload if isinstance(payload, dict) else {}, "msg_1"))
        case _:
            return ses.read(payload, "id-1")


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "null", "a@b.example", "x" * 5000, "9" * 40, "1e999", "2026-13-99T99:99:99Z", "\x00", "é" * 300, "@"]),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places of a payload, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inner for found in ((*path, key), *places(each, (*path, key)))]


def put(payload: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The payload with another value at a place."""
    changed = copy.deepcopy(payload)
    here = changed
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return changed


@given(st.data())
def test_whatever_is_told_becomes_records_that_the_job_takes(data: st.DataObject) -> None:
    case = CASES[data.draw(st.sampled_from(sorted(CASES)))]
    payload = case.payload
    for _ in range(data.draw(st.integers(0, 3))):
        found = places(payload)
        if found:
            payload = put(payload, data.draw(st.sampled_from(found)), data.draw(values))
    for told in read(case.esp, payload):
        assert isinstance(told, Ignored | MailEvent)
        if isinstance(told, Ignored):
            assert len(told.kind) < 100
            continue
        line = json.dumps(record_of(told, case.esp, RULES)).encode()
        event = decode(line, 0, 0)
        assert isinstance(event, Event), line
        list(acts_of(event))
        assert len(line) < 40_000


@pytest.mark.parametrize("body", [b"", b"x", b"NaN", b"\xff", b"[" * 100_000, b'{"a":' * 30 + b"1" + b"}" * 30], ids=range(6))
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        parsed(body)
    assert refusal.value.status == 400
