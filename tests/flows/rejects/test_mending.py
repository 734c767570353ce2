"""Lines of an editor to records: each at its own time wherever it is put, under one messageId, or a finding."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.rejects.mending import Mended, read_mended
from flows.rejects.records import Refused, Where, line_of
from operators.decode import FUTURE_MS, decode
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from schemas.errors import FindingsError
from schemas.event import Event

T = 1_767_571_200_000
"""2026-01-05T00:00:00Z."""
LATER = T + 400 * 86_400_000
PLAN = read_plan({"plan.yaml": "name: test", "segments.yaml": "segments: {}"})
GOOD: dict[str, Any] = {"type": "track", "event": "A", "userId": "u", "messageId": "m", "timestamp": "2026-01-05T00:00:00Z"}


def refused(record: Any = None, log_ms: int | None = None, id: str = "1f") -> Refused:
    raw = record if isinstance(record, bytes) else json.dumps(record or {}).encode()
    return Refused(id, "no_id", "", Where(0, 0), log_ms, raw)


def mend(record: dict[str, Any], log_ms: int | None = None, later_ms: int | None = None, plan: Plan = PLAN) -> Mended:
    line = json.dumps({"mends": "1f", "record": record}).encode()
    return read_mended("f.jsonl", [line], plan, {"1f": refused(log_ms=log_ms)}, later_ms)[0]


def findings(*lines: bytes, plan: Plan = PLAN) -> list[str]:
    with pytest.raises(FindingsError) as caught:
        read_mended("f.jsonl", lines, plan, {"1f": refused(), "2e": refused(id="2e")}, None)
    return [str(finding) for finding in caught.value.findings]


def test_a_record_is_sent_as_it_stands_where_nothing_must_be_added() -> None:
    line = b'{"mends":"1f","record":' + json.dumps(GOOD).encode() + b"}"
    assert read_mended("f", [line, b" "], PLAN, {"1f": refused()}, LATER) == [Mended("1f", "m", "u", T, json.dumps(GOOD).encode())]


def test_one_without_a_message_id_gets_that_of_its_reject() -> None:
    record = {name: value for name, value in GOOD.items() if name != "messageId"}
    for each in (record, {**record, "messageId": ""}, {**record, "messageId": None}):
        mended = mend(each)
        assert mended.message_id == json.loads(mended.raw)["messageId"] == "retry-1f"
        event = decode(mended.raw)
        assert isinstance(event, Event)
        assert (event.t, event.message_id) == (T, "retry-1f")


def test_the_time_that_its_log_gave_is_written_into_it() -> None:
    record = {name: value for name, value in GOOD.items() if name != "timestamp"}
    mended = mend(record, log_ms=T + 5, later_ms=LATER)
    assert (mended.t, json.loads(mended.raw)["timestamp"]) == (T + 5, "2026-01-05T00:00:00.005Z")


def test_a_time_that_was_set_to_that_of_receipt_stays_so() -> None:
    ahead = {**GOOD, "timestamp": "2026-02-05T00:00:00Z", "sentAt": "2026-02-05T00:00:00Z"}
    mended = mend(ahead, log_ms=T, later_ms=LATER)
    record = json.loads(mended.raw)
    assert (mended.t, record["timestamp"]) == (T, "2026-01-05T00:00:00.000Z")
    assert "sentAt" not in record


STAMPS = st.sampled_from(["2026-01-05T00:00:00Z", "2026-01-04T23:00:00Z", "2026-01-05T00:00:01.5Z", "2027-01-05T00:00:00Z"])


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(["timestamp", "originalTimestamp", "sentAt", "receivedAt"], STAMPS)),
    st.none() | st.integers(T - 10 * FUTURE_MS, T + 10 * FUTURE_MS),
    st.integers(0, 1000),
)
def test_it_has_its_own_time_wherever_it_is_put(stamps: dict[str, str], log_ms: int | None, days: int) -> None:
    record = {name: value for name, value in GOOD.items() if name != "timestamp"} | stamps
    own, later = decode(json.dumps(record).encode(), log_ms), LATER + days * 86_400_000
    if isinstance(own, Event):
        again = decode(mend(record, log_ms, later).raw, later)
        assert isinstance(again, Event)
        assert (again.t, again.message_id) == (own.t, "m")


def test_they_are_sent_by_time() -> None:
    lines = [
        json.dumps({"mends": id, "record": {**GOOD, "messageId": id, "timestamp": f"2026-01-0{day}T00:00:00Z"}}).encode()
        for id, day in (("1f", 7), ("2e", 6))
    ]
    known = {"1f": refused(), "2e": refused(id="2e")}
    assert [mended.mends for mended in read_mended("f", lines, PLAN, known, None)] == ["2e", "1f"]


def test_what_cannot_be_used_is_told_with_its_line() -> None:
    good = json.dumps({"mends": "1f", "record": GOOD}).encode()
    assert findings(
        b"[]",
        b"{",
        json.dumps({"mends": "3d", "record": GOOD}).encode(),
        good,
        b"",
        good,
        json.dumps({"mends": "2e", "record": {**GOOD, "userId": ""}}).encode(),
        json.dumps({"mends": "2e", "base64": "%"}).encode(),
        json.dumps({"mends": "2e", "text": json.dumps(GOOD, indent=1)}).encode(),
        json.dumps({"mends": "2e"}).encode(),
    ) == [
        "f.jsonl:1:1: a line must be a JSON object with `mends` and `record`; got something else",
        "f.jsonl:2:1: a line must be a JSON object with `mends` and `record`; got something else",
        "f.jsonl:3:1: `mends` must be the id of a reject; got one that is not there",
        "f.jsonl:6:1: a reject must be mended once; got another line for it",
        "f.jsonl:7:1: the record must be one that can be used; got one with the reason no_id: neither userId nor anonymousId is given",
        "f.jsonl:8:1: `base64` must be that; got something else",
        "f.jsonl:9:1: the record must stand on one line; got a line break in it",
        "f.jsonl:10:1: the record must be one that can be used; got one with the reason not_json: Input data was truncated",
    ]


def test_what_the_tracking_plan_blocks_is_told_and_what_it_strips_is_sent_whole() -> None:
    for action in ("block", "strip"):
        tracking = f"on_breach: {action}\nevents: {{A: {{schema: {{properties: {{x: {{type: number}}}}}}}}}}\n"
        plan = read_plan({"plan.yaml": "name: test", "segments.yaml": "segments: {}", "tracking.yaml": tracking})
        record = {**GOOD, "properties": {"x": "1"}}
        if action == "block":
            line = json.dumps({"mends": "1f", "record": record}).encode()
            assert findings(line, plan=plan)[0].endswith("with the reason tracking_plan: A: x breaks type")
        else:
            assert json.loads(mend(record, plan=plan).raw) == record


@pytest.mark.parametrize("user", ["null", "Guest", "0000", "tester"])
def test_an_identifier_that_stands_for_nobody_is_told(user: str) -> None:
    plan = read_plan({"plan.yaml": "name: test\nidentity: {blocked: [tester]}", "segments.yaml": "segments: {}"})
    line = json.dumps({"mends": "1f", "record": {**GOOD, "userId": user}}).encode()
    assert "with the reason blocked_id" in findings(line, plan=plan)[0]
    assert mend({**GOOD, "userId": user, "anonymousId": "v"}, plan=plan).t == T


RAWS = (
    st.binary(max_size=30)
    | st.text(max_size=10).map(str.encode)
    | st.dictionaries(st.text(max_size=3), st.integers() | st.text()).map(lambda value: json.dumps(value, indent=1).encode())
)


@given(RAWS)
def test_a_line_for_an_editor_holds_the_record_whole(raw: bytes) -> None:
    line = line_of(refused(raw, T))
    assert b"\n" not in line
    told = json.loads(line)
    assert (told["mends"], told["time"]) == ("1f", "2026-01-05T00:00:00.000Z")
    if "record" in told:
        assert told["record"] == json.loads(raw)
    elif "text" in told:
        assert told["text"].encode() == raw
    else:
        assert b64decode(told["base64"]) == raw
