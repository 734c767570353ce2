"""What a call of Segment's API brings: the records that go into the log, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from flows.collect.refusal import Refusal
from flows.collect.segment import BATCHES, CALLS, MAX_BATCH, SERVERS_ONLY, read

T, S = "2026-01-01T10:00:00Z", "2026-01-01T10:00:05Z"


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_one_record_of_its_type(call: str) -> None:
    sent = read(call, {"userId": "u", "type": "erase", "writeKey": "k", "context": {"a": 1}}, browser=False)
    assert (sent.records, sent.places, sent.refused) == ([{"userId": "u", "type": call, "context": {"a": 1}}], [0], [])


TIMES: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("both stamps", "batch", {"sentAt": S}, {"timestamp": T}, {"originalTimestamp": T, "sentAt": S}),
    ("its own time of sending", "batch", {"sentAt": S}, {"timestamp": T, "sentAt": T}, {"originalTimestamp": T, "sentAt": T}),
    ("no time of sending", "batch", {}, {"timestamp": T}, {"timestamp": T}),
    ("no stamp", "batch", {"sentAt": S}, {}, {"sentAt": S}),
    (
        "as Segment hands it on",
        "batch",
        {"sentAt": S},
        {"timestamp": S, "originalTimestamp": T},
        {"timestamp": S, "originalTimestamp": T, "sentAt": S},
    ),
    ("imported", "import", {"sentAt": S}, {"timestamp": T, "sentAt": S}, {"timestamp": T}),
]


@pytest.mark.parametrize(("call", "body", "item", "expected"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES])
def test_times_are_what_the_job_reckons_with(call: str, body: dict[str, Any], item: dict[str, Any], expected: dict[str, Any]) -> None:
    assert read(call, {**body, "batch": [item]}, browser=False).records == [expected]


def test_the_context_of_a_batch_is_that_of_its_calls() -> None:
    batch = [{"context": {"a": 2}}, {}, {"context": 5}, 7]
    records = read("batch", {"context": {"a": 1, "b": 1}, "batch": batch}, browser=False).records
    assert records == [{"context": {"a": 2, "b": 1}}, {"context": {"a": 1, "b": 1}}, {"context": 5}, 7]


@pytest.mark.parametrize("call", BATCHES)
@pytest.mark.parametrize("batch", [None, {}, "x", [{}] * (MAX_BATCH + 1)], ids=["none", "object", "text", "too many"])
def test_a_batch_must_be_a_list_of_500_at_most(call: str, batch: object) -> None:
    with pytest.raises(Refusal) as refused:
        read(call, {"batch": batch}, browser=False)
    assert refused.value.status == 400


@pytest.mark.parametrize("kind", ["erase", "unmerge"])
@pytest.mark.parametrize("browser", [True, False])
def test_persons_are_not_erased_or_parted_from_outside(kind: str, browser: bool) -> None:
    sent = read(
        "batch", {"batch": [{"type": "track"}, {"type": kind, "userId": "u", "previousId": "v"}, {"type": "page"}]}, browser=browser
    )
    assert (sent.records, sent.places) == ([{"type": "track"}, {"type": "page"}], [0, 2])
    assert [(place, unused.reason) for place, unused in sent.refused] == [(1, "not_allowed")]


@pytest.mark.parametrize("event", sorted(SERVERS_ONLY))
def test_a_browser_cannot_say_what_only_a_server_knows(event: str) -> None:
    assert read("track", {"event": event}, browser=False).refused == []
    sent = read("track", {"event": event}, browser=True)
    assert sent.records == []
    assert [unused.reason for _, unused in sent.refused] == ["not_allowed"]


def test_a_browser_cannot_make_two_persons_one() -> None:
    assert read("alias", {"userId": "u", "previousId": "v"}, browser=False).refused == []
    sent = read("batch", {"batch": [{"type": "alias", "userId": "u", "previousId": "v"}, {"type": "page", "userId": "u"}]}, browser=True)
    assert (sent.records, sent.places) == ([{"type": "page", "userId": "u"}], [1])
    assert [unused.reason for _, unused in sent.refused] == ["not_allowed"]
