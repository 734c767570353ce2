"""`decode`: a corpus of poison, every field with every value, and the same through a real lane: an event or a reject, never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.decode import FUTURE_MS, decode
from operators.instants import EARLIEST, LATEST
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.lane.store import Store
from operators.plan.checked import Plan
from operators.tracking.sources import source_of
from schemas.counts import Counts
from schemas.event import MAX_ID_LENGTH, MAX_RECORD_BYTES, Event
from schemas.output import REJECT_REASONS, Reject
from tests.harness import make_plan

BASE = 1_767_571_200_000
"""2026-01-05T00:00:00Z."""
STAMP = "2026-01-05T00:00:00Z"
STAMPS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
NOTHING: dict[str, Any] = {}

Expected = str | tuple[int, str | None, dict[str, Any]]
"""The reason of the reject, or time, name and properties of the event."""


def record(**fields: Any) -> bytes:
    """A track of the person `u`, with these fields set; those that are `...` are left out."""
    whole = {"type": "track", "event": "A", "userId": "u", "timestamp": STAMP} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def spliced(tail: bytes) -> bytes:
    """A track whose last fields are these bytes, JSON or not."""
    return record()[:-1] + b"," + tail + b"}"


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]", inner: bytes = b"") -> bytes:
    return opening * depth + inner + closing * depth


def bomb(depth: int) -> bytes:
    return spliced(b'"properties":{"x":' + nested(depth) + b"}")


def identify_bomb(depth: int, properties: bytes = b"{}") -> bytes:
    tail = b'"properties":' + properties + b',"traits":{"x":' + nested(depth) + b"}"
    return spliced(tail).replace(b'"track"', b'"identify"')


def accepted(**properties: Any) -> Expected:
    return (BASE, "A", properties)


def inside(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


CORPUS: dict[str, tuple[bytes, Expected]] = {
    # No JSON object
    "nothing": (b"", "not_json"),
    "a word": (b"hello", "not_json"),
    "NUL bytes": (b"\0\0\0\0", "not_json"),
    "null": (b"null", "not_json"),
    "true": (b"true", "not_json"),
    "a number": (b"17", "not_json"),
    "a string": (b'"track"', "not_json"),
    "an array": (b"[]", "not_json"),
    "an array of a record": (b"[" + record() + b"]", "not_json"),
    "an empty object": (b"{}", "unknown_type"),
    "cut short": (record()[:-1], "not_json"),
    "one bracket too many": (record() + b"}", "not_json"),
    "two records": (record() + record(), "not_json"),
    "two records on lines": (record() + b"\n" + record(), "not_json"),
    "words behind": (record() + b" #", "not_json"),
    "space around": (b" \t\r\n" + record() + b"\n ", accepted()),
    "single quotes": (record().replace(b'"', b"'"), "not_json"),
    "a comma too many": (record()[:-1] + b",}", "not_json"),
    "a comment": (spliced(b'/* x */ "properties":{}'), "not_json"),
    "a key without quotes": (spliced(b"properties:{}"), "not_json"),
    "a byte order mark": (b"\xef\xbb\xbf" + record(), "not_json"),
    "UTF-16": (record().decode().encode("utf-16"), "not_json"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "not_json"),
    # Numbers
    "NaN": (spliced(b'"properties":{"x":NaN}'), "not_json"),
    "Infinity": (spliced(b'"properties":{"x":Infinity}'), "not_json"),
    "-Infinity": (spliced(b'"properties":{"x":-Infinity}'), "not_json"),
    "NaN where nobody looks": (spliced(b'"context":{"x":NaN}'), "not_json"),
    "1e400": (spliced(b'"properties":{"x":1e400}'), "not_json"),
    "-1e400": (spliced(b'"properties":{"x":-1e400}'), "not_json"),
    "1e400 as an id": (spliced(b'"messageId":1e400'), "not_json"),
    "1e-400": (spliced(b'"properties":{"x":1e-400}'), accepted(x=0.0)),
    "-0.0": (spliced(b'"properties":{"x":-0.0}'), accepted(x=0.0)),
    "a leading zero": (spliced(b'"properties":{"x":007}'), "not_json"),
    "a plus": (spliced(b'"properties":{"x":+1}'), "not_json"),
    "a point alone": (spliced(b'"properties":{"x":.5}'), "not_json"),
    "hexadecimal": (spliced(b'"properties":{"x":0x10}'), "not_json"),
    "2**53 + 1": (record(properties={"x": 2**53 + 1}), accepted(x=2**53 + 1)),
    "2**63 - 1": (record(properties={"x": 2**63 - 1}), accepted(x=2**63 - 1)),
    "2**63": (record(properties={"x": 2**63}), accepted(x=2**63)),
    "-2**63 - 1": (record(properties={"x": -(2**63) - 1}), accepted(x=-(2**63) - 1)),
    "2**64": (record(properties={"x": 2**64}), accepted(x=2**64)),
    "10**400": (record(properties={"x": 10**400}), accepted(x=10**400)),
    "10**400, deep": (record(properties={"x": [{"y": -(10**400)}]}), accepted(x=[{"y": -(10**400)}])),
    "10**5000": (spliced(b'"properties":{"x":1' + b"0" * 5000 + b"}"), "not_json"),
    "10**400 in traits": (
        record(type="identify", traits={"x": 10**400, "y": [-(2**64)]}),
        (BASE, "Identified", {"x": 1.7976931348623157e308, "y": [-(2.0**64)]}),
    ),
    # Text
    "broken UTF-8 in a property": (spliced(b'"properties":{"x":"\xff"}'), "not_json"),
    "broken UTF-8 in a key": (spliced(b'"properties":{"\xff":1}'), "not_json"),
    "broken UTF-8 in an id": (spliced(b'"messageId":"\xc3"'), "not_json"),
    "broken UTF-8 where nobody looks": (spliced(b'"context":{"x":"\xff"}'), "not_json"),
    "an overlong NUL": (spliced(b'"properties":{"x":"\xc0\x80"}'), "not_json"),
    "a surrogate in UTF-8": (spliced(b'"properties":{"x":"\xed\xa0\x80"}'), "not_json"),
    "a high surrogate alone": (spliced(rb'"properties":{"x":"\ud800"}'), "not_json"),
    "a low surrogate alone": (spliced(rb'"properties":{"x":"\udc00"}'), "not_json"),
    "a surrogate as a key": (spliced(rb'"properties":{"\ud800":1}'), "not_json"),
    "a surrogate in userId": (record(userId="\ud800"), "not_json"),
    "a surrogate in event": (record(event="\udfff"), "not_json"),
    "surrogates in the wrong order": (spliced(rb'"properties":{"x":"\udc00\ud800"}'), "not_json"),
    "a pair of surrogates": (spliced(rb'"properties":{"x":"\ud83d\ude00"}'), accepted(x="\U0001f600")),
    "an unknown escape": (spliced(rb'"properties":{"x":"\q"}'), "not_json"),
    "a raw line break in a string": (spliced(b'"properties":{"x":"a\nb"}'), "not_json"),
    "a raw NUL in a string": (spliced(b'"properties":{"x":"a\0b"}'), "not_json"),
    "an escaped NUL": (spliced(rb'"properties":{"x":"a\u0000b"}'), accepted(x="a\0b")),
    # Nesting
    "as deep as is taken": (bomb(63), accepted(x=inside(63))),
    "arrays of 65": (bomb(65), "not_json"),
    "arrays of 500": (bomb(500), "not_json"),
    "arrays of 5000": (bomb(5000), "not_json"),
    "arrays of 100000": (bomb(100_000), "not_json"),
    "objects of 65": (spliced(b'"properties":' + nested(65, b'{"a":', b"}", b"1")), "not_json"),
    "objects of 5000": (spliced(b'"properties":' + nested(5000, b'{"a":', b"}", b"1")), "not_json"),
    "objects of 80000": (spliced(b'"properties":' + nested(80_000, b'{"a":', b"}", b"1")), "not_json"),
    "traits of 65": (identify_bomb(65), "not_json"),
    "traits of 65 beside properties": (identify_bomb(65, b'{"a":1}'), "not_json"),
    "traits of 500 beside properties": (identify_bomb(500, b'{"a":1}'), "not_json"),
    "traits of 900 beside properties": (identify_bomb(900, b'{"a":1}'), "not_json"),
    "traits of 900 in a track": (spliced(b'"properties":{"a":1},"traits":{"x":' + nested(900) + b"}"), "not_json"),
    "100000 where nobody looks": (spliced(b'"context":' + nested(100_000)), "not_json"),
    "500000 open brackets": (b"[" * 500_000, "not_json"),
    "500000 open brackets inside": (b'{"properties":{"x":' + b"[" * 500_000, "not_json"),
    "wide, not deep": (record(properties={"x": [[]] * 1000}), accepted(x=[[]] * 1000)),
    # Keys twice: the last counts
    "an envelope field twice": (spliced(b'"event":"B"'), (BASE, "B", NOTHING)),
    "a property twice": (spliced(b'"properties":{"x":1,"x":2}'), accepted(x=2)),
    # Types of the envelope
    "no type": (record(type=...), "unknown_type"),
    "type null": (record(type=None), "unknown_type"),
    "type empty": (record(type=""), "unknown_type"),
    "type unknown": (record(type="delete"), "unknown_type"),
    "type in capitals": (record(type="TRACK"), "unknown_type"),
    "type a number": (record(type=1), "wrong_type"),
    "userId a number": (record(userId=17), "wrong_type"),
    "userId a huge number": (spliced(b'"userId":1' + b"0" * 30), "wrong_type"),
    "userId true": (record(userId=True), "wrong_type"),
    "userId an object": (record(userId={"id": "u"}), "wrong_type"),
    "anonymousId a number": (record(anonymousId=1.5), "wrong_type"),
    "messageId a number": (record(messageId=1), "wrong_type"),
    "event a list": (record(event=["A"]), "wrong_type"),
    "event a number": (record(event=1), "wrong_type"),
    "name a number": (record(type="page", name=1), "wrong_type"),
    "category a list": (record(type="page", category=[]), "wrong_type"),
    "properties a list": (record(properties=[]), "wrong_type"),
    "properties a string": (record(properties="{}"), "wrong_type"),
    "properties false": (record(properties=False), "wrong_type"),
    "traits a list": (record(type="identify", traits=[1]), "wrong_type"),
    "timestamp a number": (record(timestamp=BASE), "wrong_type"),
    "originalTimestamp a number": (record(originalTimestamp=BASE), "wrong_type"),
    "sentAt an object": (record(sentAt={}), "wrong_type"),
    "receivedAt true": (record(receivedAt=True), "wrong_type"),
    "context a string": (record(context="x"), accepted()),
    # Ids and names
    "no id": (record(userId=...), "no_id"),
    "userId null": (record(userId=None), "no_id"),
    "userId empty": (record(userId=""), "no_id"),
    "both ids empty": (record(userId="", anonymousId=""), "no_id"),
    "userId empty, anonymousId": (record(userId="", anonymousId="v"), accepted()),
    "no event": (record(event=...), "no_name"),
    "event null": (record(event=None), "no_name"),
    "event empty": (record(event=""), "no_name"),
    "NUL in userId": (record(userId="a\0b"), accepted()),
    "NUL in messageId": (record(messageId="a\0b"), accepted()),
    "NUL as messageId": (record(messageId="\0"), accepted()),
    "NUL in event": (record(event="A\0"), (BASE, "A\0", NOTHING)),
    "userId of 1024": (record(userId="é" * MAX_ID_LENGTH), accepted()),
    "userId of 1025": (record(userId="u" * (MAX_ID_LENGTH + 1)), "too_large"),
    "anonymousId of 1025": (record(anonymousId="u" * (MAX_ID_LENGTH + 1)), "too_large"),
    "messageId of 1025": (record(messageId="m" * (MAX_ID_LENGTH + 1)), "too_large"),
    "messageId of 1024 of 4 bytes": (record(messageId="\U0001f600" * MAX_ID_LENGTH, userId="\U0001f600" * MAX_ID_LENGTH), accepted()),
    "event of 1025": (record(event="A" * (MAX_ID_LENGTH + 1)), "too_large"),
    "512 KiB": (record().ljust(MAX_RECORD_BYTES), accepted()),
    "512 KiB + 1": (record().ljust(MAX_RECORD_BYTES + 1), "too_large"),
    "a userId of 512 KiB": (record(userId="u" * (MAX_RECORD_BYTES - 100)), "too_large"),
    # Stamps
    "no stamp": (record(timestamp=...), "no_time"),
    "timestamp null": (record(timestamp=None), "no_time"),
    "sentAt alone": (record(timestamp=..., sentAt=STAMP), "no_time"),
    **{f"{field} unreadable": (record(**{field: "yesterday"}), "bad_time") for field in STAMPS},
    **{f"{field} empty": (record(**{field: ""}), "bad_time") for field in STAMPS},
    "the year 0": (record(timestamp="0000-01-01T00:00:00Z"), "bad_time"),
    "the year 10000": (record(timestamp="10000-01-01T00:00:00Z"), "bad_time"),
    "a date": (record(timestamp="2026-01-05"), "bad_time"),
    "before the year 1 by its offset": (record(timestamp="0001-01-01T00:00:00+00:01"), "bad_time"),
    "after 9999 by its offset": (record(timestamp="9999-12-31T23:59:59.999-00:01"), "bad_time"),
    "the first instant": (record(timestamp="0001-01-01T00:00:00Z"), (EARLIEST, "A", NOTHING)),
    "the last instant": (record(timestamp="9999-12-31T23:59:59.999Z"), (LATEST, "A", NOTHING)),
    "computed before the year 1": (
        record(originalTimestamp="0001-01-01T00:00:00Z", sentAt="2026-01-01T00:00:00Z", receivedAt="2025-01-01T00:00:00Z"),
        "bad_time",
    ),
    # All kinds
    "identify": (
        record(type="identify", traits={"email": "a@b.c", "x": None}),
        (BASE, "Identified", {"email": "a@b.c", "x": None}),
    ),
    "identify without traits": (record(type="identify", traits=None, properties={"x": 1}), (BASE, "Identified", NOTHING)),
    "page": (record(type="page"), (BASE, "Page Viewed", NOTHING)),
    "page with a name": (
        record(type="page", name="Home", category="Shop", properties={"name": "x", "url": "/"}),
        (BASE, "Page Viewed", {"name": "Home", "category": "Shop", "url": "/"}),
    ),
    "page with a null name": (record(type="page", name=None, properties={"name": "x"}), (BASE, "Page Viewed", {"name": "x"})),
    "screen": (record(type="screen", name="Cart", event="ignored"), (BASE, "Screen Viewed", {"name": "Cart"})),
    "a track's name is no property": (record(name="Home", category="Shop"), accepted()),
    "group": (record(type="group", traits={"x": 1}), (BASE, None, NOTHING)),
    "alias": (record(type="alias", previousId="v"), (BASE, None, NOTHING)),
    "alias with its reasons": (record(type="alias", previousId="v", properties={"x": 1}), (BASE, None, {"x": 1})),
    "alias of nobody": (record(type="alias", properties={"x": 1}), (BASE, None, NOTHING)),
    "unmerge": (record(type="unmerge", previousId="v"), (BASE, None, NOTHING)),
    "unmerge of nobody": (record(type="unmerge"), "no_id"),
    "unmerge from nobody": (record(type="unmerge", userId=None, anonymousId="a", previousId="v"), "no_id"),
    "properties null": (record(properties=None), accepted()),
    "a property null": (record(properties={"x": None}), accepted(x=None)),
    "a key empty": (record(properties={"": {"": 1}}), (BASE, "A", {"": {"": 1}})),
    "fields nobody knows": (record(version=2, integrations={"All": True}, channel=None), accepted()),
}


@pytest.mark.parametrize(("raw", "expected"), CORPUS.values(), ids=CORPUS)
def test_a_record_is_an_event_or_a_reject_with_its_reason(raw: bytes, expected: Expected) -> None:
    found = decode(raw)
    if isinstance(expected, str):
        assert isinstance(found, Reject)
        assert expected == found.reason
        assert found.detail
    else:
        assert isinstance(found, Event)
        assert expected == (found.t, found.name, found.properties)


def test_every_reason_of_this_step_is_in_the_corpus() -> None:
    assert set(REJECT_REASONS) - {"blocked_id", "tracking_plan"} == {
        expected for _, expected in CORPUS.values() if isinstance(expected, str)
    }


def test_a_reason_never_tells_the_values_of_a_record() -> None:
    for raw, _ in CORPUS.values():
        found = decode(raw.replace(b"yesterday", b"secret-value").replace(b"delete", b"secret-value"))
        assert not isinstance(found, Reject) or "secret" not in found.detail


# --- time -----------------------------------------------------------------------------------------------------------------------------


def at(ms: int) -> str:
    """2026-01-05T00:00:00Z and so many ms, below an hour."""
    return f"2026-01-05T00:{ms // 60_000:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}Z"


FOUR = {"timestamp": at(1), "originalTimestamp": at(20), "sentAt": at(50), "receivedAt": at(4000)}
TIMES: dict[str, tuple[tuple[str, ...], int | None, int | None, int | str]] = {
    "all four": (STAMPS, 7, 9, 4000 - 30),
    "three, no timestamp": (("originalTimestamp", "sentAt", "receivedAt"), 7, 9, 4000 - 30),
    "no receivedAt": (("timestamp", "originalTimestamp", "sentAt"), 7, 9, 1),
    "no sentAt": (("timestamp", "originalTimestamp", "receivedAt"), 7, 9, 1),
    "no originalTimestamp": (("timestamp", "sentAt", "receivedAt"), 7, 9, 1),
    "timestamp": (("timestamp",), 7, 9, 1),
    "timestamp and receivedAt": (("timestamp", "receivedAt"), 7, 9, 1),
    "originalTimestamp": (("originalTimestamp",), 7, 9, 20),
    "originalTimestamp and sentAt": (("originalTimestamp", "sentAt"), 7, 9, 20),
    "originalTimestamp and receivedAt": (("originalTimestamp", "receivedAt"), 7, 9, 20),
    "receivedAt": (("receivedAt",), 7, 9, 4000),
    "receivedAt and sentAt": (("receivedAt", "sentAt"), 7, 9, 4000),
    "sentAt and the log": (("sentAt",), 7, 9, 7),
    "the log": ((), 7, 9, 7),
    "the wall clock is no event time": ((), None, 9, "no_time"),
    "sentAt is no event time": (("sentAt",), None, 9, "no_time"),
}


@pytest.mark.parametrize(("given", "log", "wall", "expected"), TIMES.values(), ids=TIMES)
def test_event_time_of_the_four_stamps(given: tuple[str, ...], log: int | None, wall: int | None, expected: int | str) -> None:
    raw = record(**({"timestamp": ...} | {name: FOUR[name] for name in given}))
    for _ in range(2):  # the second time with the stamps met before
        found = decode(raw, BASE + log if log is not None else None, BASE + wall if wall is not None else None)
        assert expected == (found.reason if isinstance(found, Reject) else found.t - BASE)


@pytest.mark.parametrize("ahead", [0, FUTURE_MS - 1, FUTURE_MS, FUTURE_MS + 1, 10 * FUTURE_MS])
@pytest.mark.parametrize("receipt", ["receivedAt", "log", "wall", "receivedAt before log", "log before wall", "none"])
def test_more_than_five_minutes_ahead_of_the_receipt_is_set_to_it(receipt: str, ahead: int) -> None:
    own = {"receivedAt": at(5)} if receipt.startswith("receivedAt") else {}
    late = BASE + 5 + 60 * 60_000  # a receipt that stands behind another
    log = {"log": BASE + 5, "log before wall": BASE + 5, "receivedAt before log": late}.get(receipt)
    wall = {"wall": BASE + 5, "log before wall": late}.get(receipt)
    found = decode(record(timestamp=at(5 + ahead), **own), log, wall)
    assert isinstance(found, Event)
    clamped = ahead > FUTURE_MS and receipt != "none"
    assert (BASE + 5 if clamped else BASE + 5 + ahead, clamped) == (found.t, found.clamped)


def test_a_clock_that_runs_ahead_is_set_right_by_three_stamps_and_clamped_where_it_is_not() -> None:
    ahead = {"originalTimestamp": "2027-01-05T00:00:00Z", "sentAt": "2027-01-05T00:00:02Z"}
    right, wrong = decode(record(timestamp=..., **ahead, receivedAt=at(9000))), decode(record(timestamp=..., **ahead), BASE)
    assert isinstance(right, Event)
    assert isinstance(wrong, Event)
    assert (right.t, right.clamped, wrong.t, wrong.clamped) == (BASE + 7000, False, BASE, True)


@pytest.mark.parametrize("log", [2**62, -(2**62), LATEST + 1, EARLIEST - 1])
@pytest.mark.parametrize("stamp", [..., STAMP])
def test_a_log_with_an_impossible_clock_stops_nothing(log: int, stamp: Any) -> None:
    found = decode(record(timestamp=stamp), log, None)
    assert isinstance(found, Reject) or EARLIEST <= found.t <= LATEST


# --- made messageIds ------------------------------------------------------------------------------------------------------------------

SAME = {
    "other order of keys": record()[:-1] + b',"properties":{"b":2,"a":1}}',
    "space": record(properties={"a": 1, "b": 2}).replace(b": ", b" :\n "),
    "received elsewhere": record(properties={"a": 1, "b": 2}, receivedAt="2026-01-05T01:00:00Z"),
    "sent elsewhere": record(properties={"a": 1, "b": 2}, sentAt="2026-01-05T01:00:00Z"),
    "timestamp goes before originalTimestamp": record(properties={"a": 1, "b": 2}, originalTimestamp="2026-01-04T00:00:00Z"),
    "originalTimestamp in place of timestamp": record(timestamp=..., originalTimestamp=STAMP, properties={"a": 1, "b": 2}),
    "an empty messageId": record(messageId="", properties={"a": 1, "b": 2}),
    "context": record(context={"ip": "::1"}, properties={"a": 1, "b": 2}),
    "an empty anonymousId": record(anonymousId="", properties={"a": 1, "b": 2}),
}
DIFFERENT = {
    "nothing else": record(),
    "type": record(type="group"),
    "event": record(event="B"),
    "user": record(userId="v"),
    "ids exchanged": record(userId=..., anonymousId="u"),
    "anonymous id": record(anonymousId="v"),
    "property": record(properties={"a": 1}),
    "property's kind": record(properties={"a": "1"}),
    "true for 1": record(properties={"a": True}),
    "as traits": record(traits={"a": 1}),
    "time": record(timestamp="2026-01-05T00:00:00.001Z"),
    "page": record(type="page"),
    "page's name": record(type="page", name="x"),
    "page's category": record(type="page", category="x"),
    "a huge number": record(properties={"a": 10**400}),
    "another huge number": record(properties={"a": 10**400 + 1}),
    "no stamp": record(timestamp=..., receivedAt=STAMP),
}


def id_of(raw: bytes) -> str:
    found = decode(raw)
    assert isinstance(found, Event)
    return found.message_id


@pytest.mark.parametrize("raw", SAME.values(), ids=SAME)
def test_the_same_happening_gets_the_same_id(raw: bytes) -> None:
    made = id_of(record(properties={"a": 1, "b": 2}))
    assert made.startswith("made-")
    assert made == id_of(raw)


def test_different_happenings_get_different_ids() -> None:
    assert len(DIFFERENT) == len({id_of(raw) for raw in DIFFERENT.values()})


SOURCES: dict[str, tuple[Any, str | None]] = {
    "a name": ({"library": {"name": "analytics.js", "version": "5"}}, "analytics.js"),
    "with a scope": ({"ip": "::1", "library": {"name": "@segment/analytics-node"}}, "@segment/analytics-node"),
    "no context": (..., None),
    "null": (None, None),
    "no library": ({"page": {"url": "/"}}, None),
    "a library without a name": ({"library": {"version": "1"}}, None),
    "an empty name": ({"library": {"name": ""}}, None),
    "an address": ({"library": {"name": "anna@example.com"}}, "other"),
    "a long name": ({"library": {"name": "a" * 52}}, "other"),
    "a number": ({"library": {"name": 7}}, "other"),
    "a library that is a string": ({"library": "web"}, "other"),
    "a context that is a string": ("web", "other"),
}


@pytest.mark.parametrize(("context", "expected"), SOURCES.values(), ids=SOURCES)
def test_the_source_is_the_name_of_the_library_and_wrong_ones_make_no_reject(context: Any, expected: str | None) -> None:
    raw = record(context=context, properties={"a": 1}, messageId="m")
    found = decode(raw)
    assert isinstance(found, Event)
    assert (expected, {"a": 1}, "m", BASE) == (found.source, found.properties, found.message_id, found.t)
    assert (expected or "none") == source_of(raw)


def test_an_own_id_is_kept() -> None:
    assert id_of(record(messageId="m-1")) == "m-1"


# --- through a lane -------------------------------------------------------------------------------------------------------------------

RULES = {
    "last_x": 'last("A", "x") == 1',
    "last_deep": 'last("*", "x.y") is not None',
    "first_x": 'first("A", "x", within="100000d") == 1',
    "first_of_all": 'first("*", "x") != 1',
    "trait_x": "trait.x == 1 or trait.x.y is not None",
    "any_trait": "has(trait.x)",
    "age_x": 'age(trait.x) > "1d" or age(last("A", "x")) > "100000d"',
    "many": 'count("*", within="100000d") > 2',
    "quiet": 'since("*") > "100000d" or since_first("A", within="100000d") > "1d"',
    "above": 'did("*", where=x > 1 and x + 1 > x and x * x * 2 > 0) and did("A", where=x in [1, "a"])',
    "stayed": 'in_segment_for("many") > "1000d"',
    "good": 'did("Good", within="1s")',
}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "keyed": {"on": "event *", "key": "x", "re_enter": "after 1d", "steps": [{"send": "mail"}]},
    "entered": {"on": "enters many", "re_enter": "always", "steps": [{"send": "mail"}]},
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(RULES, CAMPAIGNS, history="100000d", duplicates="7d", caps=[{"most": 2, "within": "1d"}])


def run(plan: Plan, store: Store, records: list[tuple[int, int | None, bytes]], *, end: bool = False) -> tuple[Counts, MemoryOutput]:
    output = MemoryOutput()
    lane = Lane(plan, store, MemoryPublisher(output))
    counts = lane.apply(Batch(0, 0, records, end=end))
    lane.close()
    return counts, output


def good(second: int) -> bytes:
    return record(event="Good", userId="good", messageId=f"g{second}", timestamp=at(1000 * second))


def members(store: Store, plan: Plan, output: MemoryOutput, records: int) -> int:
    """Opens the state again; gives the offset applied."""
    lane = Lane(plan, store, MemoryPublisher(output))
    offset = lane.offset
    assert records == offset + 1
    lane.close()
    return offset


@pytest.mark.parametrize(("raw", "expected"), CORPUS.values(), ids=CORPUS)
def test_a_poison_record_is_a_reject_in_its_batch_and_its_neighbours_are_applied(plan: Plan, raw: bytes, expected: Expected) -> None:
    identified = record(type="identify", traits={"email": "u@example.com"})
    store = MemoryStore()
    counts, output = run(plan, store, [(0, None, identified), (1, None, good(0)), (2, None, raw), (3, None, good(1))], end=True)
    rejected = {expected: 1} if isinstance(expected, str) else {}
    assert rejected == dict(counts.rejects)
    # An unmerge of those who are not merged changes nothing, as a duplicate does.
    assert 4 - len(rejected) == counts.events + counts.duplicates
    assert counts.transitions["good", "entered"] >= 1
    assert all(json.loads(value) for records in output.streams.values() for _, _, value in records)
    assert members(store, plan, output, 4) == 3


def test_all_poison_at_once_through_rocksdb_and_memory(plan: Plan, tmp_path: Path) -> None:
    raws = [record(type="identify", traits={"email": "u@example.com"})]
    # A merge lets go of what is older than the plan keeps, and years lie between these.
    corpus = [(raw, expected) for raw, expected in CORPUS.values() if b"previousId" not in raw]
    for number, (raw, _) in enumerate(corpus):
        raws += [raw, good(number)]
    raws += [raws[0], *(raw for raw, _ in corpus)]  # a second time: what was accepted is a duplicate
    records: list[tuple[int, int | None, bytes]] = [(offset, None, raw) for offset, raw in enumerate(raws)]
    rejects = sum(isinstance(expected, str) for _, expected in corpus)
    counts, output = run(plan, MemoryStore(), records, end=True)
    on_disk, published = run(plan, open_store(tmp_path / "state"), records, end=True)
    found = [event for raw in raws if isinstance(event := decode(raw), Event)]
    distinct = {(event.user_id or event.anonymous_id, event.message_id) for event in found}
    assert 2 * rejects == sum(counts.rejects.values())
    assert (len(distinct), len(found) - len(distinct)) == (counts.events, counts.duplicates)
    assert counts.duplicates > len(corpus) - rejects
    assert output.streams == published.streams
    assert counts.transitions == on_disk.transitions
    assert members(open_store(tmp_path / "state"), plan, published, len(raws)) == len(raws) - 1


def test_a_reject_holds_the_record_whole() -> None:
    plan = make_plan({"all": "everyone"})
    raws = [b'{"x": "\xff"}', '{"x": "é\\u0000"}'.encode(), b"\xef\xbb\xbf{}"]
    _, output = run(plan, MemoryStore(), [(offset + 5, BASE, raw) for offset, raw in enumerate(raws)])
    events = [json.loads(value) for _, _, value in output.streams["rejects"]]
    assert [event["data"].get("record_base64") for event in events] == ["eyJ4IjogIv8ifQ==", None, None]
    assert [None, *(raw.decode() for raw in raws[1:])] == [event["data"].get("record") for event in events]
    assert [{"partition": 0, "offset": offset} for offset in (5, 6, 7)] == [event["data"]["source"] for event in events]


@pytest.mark.parametrize("log", [2**62, -(2**62), LATEST + 1, EARLIEST - 1, EARLIEST, LATEST])
def test_a_log_time_outside_all_calendars_stops_no_lane(plan: Plan, log: int) -> None:
    raws = [record(timestamp=...), record(), b"no json", good(1)]
    counts, _ = run(plan, MemoryStore(), [(offset, log, raw) for offset, raw in enumerate(raws)], end=True)
    assert counts.events + sum(counts.rejects.values()) == 4


@pytest.mark.parametrize("backend", ["memory", "rocks"])
def test_the_ends_of_time_with_windows_of_100000_days(plan: Plan, tmp_path: Path, backend: str) -> None:
    stamps = ["0001-01-01T00:00:00Z", STAMP, "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]
    raws = [record(messageId=f"m{number}", timestamp=stamp, userId=user) for user in "uv" for number, stamp in enumerate(stamps)]
    raws += [record(type="identify", traits={"x": stamp}, timestamp=stamp) for stamp in stamps[:3]]
    store = MemoryStore() if backend == "memory" else open_store(tmp_path / "state")
    counts, _ = run(plan, store, [(offset, None, raw) for offset, raw in enumerate(raws)], end=True)
    assert len(raws) == counts.events
    assert counts.transitions["many", "entered"] >= 1


# --- anything at all ------------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
TEXTS = st.sampled_from(["", "u", "A", "\0", "identify", "page", "group", STAMP, "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"])
FIELDS = ("type", "messageId", "userId", "anonymousId", "event", "name", "category", "properties", "traits", "context", *STAMPS)
OBJECTS = st.dictionaries(st.sampled_from(["x", "email", "name", ""]), JSON, max_size=3)
RECORDS = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, TEXTS | OBJECTS | JSON)).map(lambda given: record(**given))
SHAPED = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "identify", "page"])},
    optional={"properties": OBJECTS, "traits": OBJECTS, "messageId": st.text(max_size=3)},
).map(lambda given: record(**given))
SPLICED = st.tuples(RECORDS, st.integers(0, 200), st.binary(max_size=4)).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :])


@given(st.binary(max_size=200) | RECORDS | SHAPED | SPLICED, st.none() | st.integers(EARLIEST, LATEST), st.none() | st.just(BASE))
def test_anything_is_an_event_or_a_reject(raw: bytes, log: int | None, wall: int | None) -> None:
    found = decode(raw, log, wall)
    if isinstance(found, Reject):
        assert found.reason in REJECT_REASONS
    else:
        assert EARLIEST <= found.t <= LATEST
        assert found.user_id or found.anonymous_id
        assert found.message_id
        assert found == decode(raw, log, wall)


@settings(max_examples=150)
@given(records=st.lists(RECORDS | SHAPED | st.binary(max_size=20), min_size=1, max_size=12))
def test_anything_goes_through_a_lane(plan: Plan, records: list[bytes]) -> None:
    store = MemoryStore()
    counts, output = run(plan, store, [(offset, BASE, raw) for offset, raw in enumerate(records)], end=True)
    assert len(records) == counts.events + counts.duplicates + sum(counts.rejects.values())
    assert all(json.loads(value)["specversion"] == "1.0" for rows in output.streams.values() for _, _, value in rows)
    members(store, plan, output, len(records))
