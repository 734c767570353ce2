"""The tracking plan kept: what breaks it, what becomes of it, what is counted; and anything at all is an event or a reject."""

from __future__ import annotations

import json
import sys
from types import FrameType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.consent import ACTS, acts_of
from operators.decode import decode
from operators.duplicates.decisions import REFUSED
from operators.emit import Emit
from operators.lane.stats import read_days
from operators.plan.checked import Plan, TrackedEvent, TrackingPlan
from operators.plan.read import read_plan
from operators.tracking.breaches import MOST_BREACHES, Breach, Tracked
from operators.tracking.keep import Tracking, without_nulls
from operators.tracking.schemas import wrong_in
from operators.tracking.sources import MOST_SOURCES, source_of
from schemas.counts import Quality
from schemas.event import Event
from schemas.output import Reject
from schemas.plan import BREACH_ACTIONS, BreachAction
from tests.harness import STEPS, Crash, Run, run_engine

ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["order_id", "total"],
    "properties": {
        "order_id": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "email": {"format": "email"},
        "address": {"required": ["city"], "properties": {"city": {"type": "string"}}, "additionalProperties": False},
        "products": {"items": {"required": ["sku"], "properties": {"price": {"type": "number"}}}},
    },
    "patternProperties": {"^utm_": {"type": "string"}},
    "additionalProperties": False,
}
GOOD = {"order_id": "o", "total": 1}


def order(schema: dict[str, Any] = ORDER, action: BreachAction = "flag") -> Tracked:
    return Tracked(TrackedEvent("Order Completed", json.dumps(schema), action))


BREACHES: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]], set[str]]] = {
    "nothing": (GOOD, [], set()),
    "all is missing": ({}, [("order_id", "required"), ("total", "required")], set()),
    "a type": ({**GOOD, "order_id": 7}, [("order_id", "type")], {"order_id"}),
    "two at once": ({"order_id": 7, "total": -1}, [("order_id", "type"), ("total", "minimum")], {"order_id", "total"}),
    "missing and wrong": ({"total": "x"}, [("order_id", "required"), ("total", "type")], {"total"}),
    "a format": ({**GOOD, "email": "anna"}, [("email", "format")], {"email"}),
    "unknown names": ({**GOOD, "x": 1, "y": 2}, [("x", "additionalProperties"), ("y", "additionalProperties")], {"x", "y"}),
    "by a pattern": ({**GOOD, "utm_source": 3}, [("utm_source", "type")], {"utm_source"}),
    "deep": ({**GOOD, "address": {"city": 1}}, [("address", "city", "type")], {"address"}),
    "missing, deep": ({**GOOD, "address": {}}, [("address", "city", "required")], {"address"}),
    "unknown, deep": ({**GOOD, "address": {"city": "x", "zip": 1}}, [("address", "zip", "additionalProperties")], {"address"}),
    "in a list": ({**GOOD, "products": [{"sku": "a"}, {"sku": "b", "price": "1"}]}, [("products", 1, "price", "type")], {"products"}),
}


@pytest.mark.parametrize(("properties", "expected", "gone"), BREACHES.values(), ids=BREACHES)
def test_what_breaks_a_schema_and_what_is_left(properties: dict[str, Any], expected: list[tuple[Any, ...]], gone: set[str]) -> None:
    found, rest = order().breaches(properties)
    assert sorted(expected, key=str) == sorted([(*breach.path, breach.rule) for breach in found], key=str)
    assert {name: value for name, value in properties.items() if name not in gone} == rest
    assert order().is_kept(properties) == (not expected)


WHOLE: dict[str, dict[str, Any]] = {
    "one of": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "at least": {"minProperties": 5},
    "one needs another": {"dependentRequired": {"total": ["currency"]}},
    "never": {"not": {}},
    "a condition": {"if": {"required": ["total"]}, "then": {"required": ["currency"]}},
}


@pytest.mark.parametrize("schema", WHOLE.values(), ids=WHOLE)
def test_what_no_property_alone_breaks_is_told_and_nothing_is_taken_out(schema: dict[str, Any]) -> None:
    found, rest = order(schema).breaches(GOOD)
    assert len(found) == 1
    assert rest == GOOD


def test_names_of_properties_can_break_a_schema() -> None:
    found, rest = order({"propertyNames": {"maxLength": 5}}).breaches({"a": 1, "longer": 2, "longest": 3})
    assert [Breach(("longer",), "propertyNames"), Breach(("longest",), "propertyNames")] == found
    assert rest == {"a": 1}


def test_pages_have_a_name_and_a_category_whatever_the_schema_says() -> None:
    page = Tracked(TrackedEvent("Page Viewed", '{"properties": {"url": {}}, "additionalProperties": false}', "flag"))
    assert page.is_kept({"name": "Home", "category": "Shop", "url": "/"})
    assert not page.is_kept({"name": "Home", "path": "/"})


def record(**fields: Any) -> bytes:
    whole = {"type": "track", "event": "Order Completed", "userId": "u", "messageId": "m", "timestamp": "2026-01-05T00:00:00Z"} | fields
    return json.dumps(whole).encode()


def event_of(raw: bytes) -> Event:
    event = decode(raw)
    assert isinstance(event, Event)
    return event


def kept(action: BreachAction, raw: bytes, schema: dict[str, Any] = ORDER, unknown: BreachAction = "flag") -> tuple[Event | Reject, Emit]:
    emit = Emit("test", 1)
    plan = TrackingPlan((TrackedEvent("Order Completed", json.dumps(schema), action),), unknown)
    return Tracking(plan).keep(event_of(raw), raw, emit), emit


def test_block_strip_and_flag() -> None:
    raw = record(properties={"order_id": 7, "total": 5, "x": 1}, context={"library": {"name": "analytics.js"}})
    found = {action: kept(action, raw) for action in BREACH_ACTIONS}
    blocked = Reject("tracking_plan", "Order Completed: order_id breaks type, x breaks additionalProperties")
    assert found["block"][0] == blocked
    assert msgspec.structs.replace(event_of(raw), properties={"total": 5}) == found["strip"][0]
    assert event_of(raw) == found["flag"][0]
    for action, (_, emit) in found.items():
        assert {
            Quality("analytics.js", "Order Completed: order_id", "type", action): 1,
            Quality("analytics.js", "Order Completed: *", "additionalProperties", action): 1,
        } == emit.counts.quality


def test_an_event_that_the_plan_does_not_know() -> None:
    raw = record(event="Order Complete", properties={"a": 1})
    found = {action: kept("flag", raw, unknown=action) for action in BREACH_ACTIONS}
    assert found["block"][0] == Reject("tracking_plan", "the event is not in the tracking plan")
    assert msgspec.structs.replace(event_of(raw), properties={}) == found["strip"][0]
    assert event_of(raw) == found["flag"][0]
    assert {Quality("none", "*", "unknown_event", "flag"): 1} == found["flag"][1].counts.quality


@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_calls_need_no_entry(kind: str) -> None:
    raw = record(type=kind, event=None)
    assert kept("block", raw, unknown="block")[0] == event_of(raw)


def test_a_null_is_as_if_it_were_missing_and_stays_where_it_is() -> None:
    nulls = {**GOOD, "email": None, "address": {"city": "x", "zip": None}}
    assert kept("block", record(properties=nulls))[0] == event_of(record(properties=nulls))
    missing, _ = kept("block", record(properties={**GOOD, "total": None}))
    assert missing == Reject("tracking_plan", "Order Completed: total is missing")
    stripped, _ = kept("strip", record(properties={**GOOD, "order_id": 1, "email": None}))
    assert isinstance(stripped, Event)
    assert stripped.properties == {"total": 1, "email": None}
    assert without_nulls([None, {"a": None}]) == [None, {}]


def test_the_detail_names_no_more_than_a_few_and_nothing_long() -> None:
    detail = kept("block", record(properties={**GOOD, **{"n" * 1000 + str(i): i for i in range(500)}}))[0]
    assert isinstance(detail, Reject)
    assert "and " in detail.detail
    assert len(detail.detail) < 1000


def test_sources_are_few_and_look_like_names() -> None:
    raw = record(event="X", context={"library": {"name": "anna@example.com"}})
    assert (source_of(raw), source_of(b"{"), source_of(b'{"context": "x"}'), source_of(record())) == ("other", "other", "other", "none")
    tracking, emit = Tracking(TrackingPlan((), "flag")), Emit("test", 1)
    for number in range(MOST_SOURCES + 20):
        raw = record(event="X", context={"library": {"name": f"lib{number}"}})
        tracking.keep(event_of(raw), raw, emit)
    assert len(emit.counts.quality) == MOST_SOURCES + 1
    assert emit.counts.quality[Quality("other", "*", "unknown_event", "flag")] == 20


TAGGED = {"machine": True, "agent": "Googlebot"}


@pytest.mark.parametrize("action", sorted(BREACH_ACTIONS))
@pytest.mark.parametrize(
    "schema",
    [ORDER, {"additionalProperties": {"type": "null"}}, {"propertyNames": {"maxLength": 1}}, {"maxProperties": 0}, {"not": {}}],
    ids=["names", "values", "length of names", "number", "never"],
)
def test_the_tags_of_a_machine_break_no_schema(schema: dict[str, Any], action: BreachAction) -> None:
    plain, plain_emit = kept(action, record(properties=GOOD), schema)
    event, emit = kept(action, record(properties={**GOOD, **TAGGED}), schema)
    assert plain_emit.counts.quality == emit.counts.quality
    assert type(event) is type(plain)
    if isinstance(event, Event) and isinstance(plain, Event):
        assert plain.properties | TAGGED == event.properties


def test_an_event_that_the_plan_does_not_know_keeps_the_tags_of_a_machine() -> None:
    event, _ = kept("flag", record(event="X", properties={"a": 1, **TAGGED}), unknown="strip")
    assert isinstance(event, Event)
    assert event.properties == TAGGED


def test_a_plan_that_names_a_tag_is_kept_as_it_says() -> None:
    schema = {"required": ["agent"], "properties": {"machine": {"type": "string"}}}
    _, emit = kept("flag", record(properties={"machine": True}), schema)
    assert {breach.field for breach in emit.counts.quality} == {"Order Completed: machine", "Order Completed: agent"}


def test_traits_are_no_tags() -> None:
    identified = Tracked(TrackedEvent("Identified", '{"additionalProperties": false}', "flag"))
    assert identified.tags == set()


# --- anything at all ------------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "secret-name"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False) | st.just("secret-value"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "number", "integer", "object", "array", "null", "boolean"])}),
    st.fixed_dictionaries({"enum": st.lists(st.integers(0, 3), min_size=1, max_size=2)}),
    st.fixed_dictionaries({"minimum": st.integers(-3, 3)}),
    st.fixed_dictionaries({"pattern": st.sampled_from(["^s", "x", r"\d"])}),
    st.fixed_dictionaries({"format": st.sampled_from(["email", "date", "uri"])}),
    st.fixed_dictionaries({"required": st.lists(NAMES, max_size=2, unique=True)}),
    st.fixed_dictionaries({"minProperties": st.integers(0, 3)}),
    st.fixed_dictionaries({"uniqueItems": st.sampled_from([True])}),
    st.booleans(),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "name"]), inner, max_size=1),
            "additionalProperties": inner,
            "unevaluatedProperties": inner,
            "propertyNames": st.sampled_from([{"maxLength": 1}, {"pattern": "^s"}, True]),
            "items": inner,
            "contains": inner,
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=1),
        },
    ),
    max_leaves=6,
).filter(lambda schema: isinstance(schema, dict))


@given(SCHEMAS, st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from(sorted(BREACH_ACTIONS)))
def test_anything_is_an_event_or_a_reject(schema: dict[str, Any], properties: dict[str, Any], action: BreachAction) -> None:
    assert wrong_in(schema) == []
    raw = record(properties=properties)
    event, emit = kept(action, raw, schema)
    valid = order(schema).is_kept(without_nulls(properties))
    assert valid == (not emit.counts.quality)
    assert "secret-value" not in str(emit.counts.quality)
    if action == "block":
        assert (type(event) is Event) == valid
        assert not isinstance(event, Reject) or "secret-value" not in event.detail
    elif action == "flag":
        assert event == event_of(raw)
    else:
        assert isinstance(event, Event)
        assert event.properties.items() <= event_of(raw).properties.items()
        again, _ = kept("strip", record(properties=event.properties), schema)
        assert again == event
        # What is left in breaks nothing by itself: something is missing, or all of it together is no good.
        left, _ = order(schema).breaches(without_nulls(event.properties))
        assert all(breach.missing or breach.path == () for breach in left)


def calls(schema: dict[str, Any], properties: dict[str, Any]) -> int:
    """How many functions are called while an event is put to a schema."""
    tracked, count = order(schema), 0

    def count_call(_frame: FrameType, event: str, _function: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        found, _ = tracked.breaches(properties)
    finally:
        sys.setprofile(before)
    assert len(found) <= MOST_BREACHES
    return count


LARGE: dict[str, tuple[dict[str, Any], Any]] = {
    "names that are not known": ({"additionalProperties": False}, lambda n: {f"n{i}": i for i in range(n)}),
    "names that a pattern knows": ({"patternProperties": {"^n": {"type": "string"}}}, lambda n: {f"n{i}": i for i in range(n)}),
    "names that break": ({"propertyNames": {"maxLength": 1}}, lambda n: {f"n{i}": i for i in range(n)}),
    "items of a list": ({"properties": {"a": {"items": {"type": "string"}}}}, lambda n: {"a": list(range(n))}),
    "what is required": ({"required": [f"n{i}" for i in range(500)]}, lambda n: {"a": ["x" * n]}),
    "what one needs": ({"dependentRequired": {"a": [f"n{i}" for i in range(500)]}}, lambda n: {"a": ["x" * n]}),
    "alternatives": ({"anyOf": [{"required": [f"n{i}"]} for i in range(500)]}, lambda n: {"a": ["x" * n]}),
}


@pytest.mark.parametrize(("schema", "make"), LARGE.values(), ids=LARGE)
def test_a_large_event_takes_as_few_steps_as_a_small_one(schema: dict[str, Any], make: Any) -> None:
    assert calls(schema, make(20_000)) <= 10 * calls(schema, make(200)) + 20_000


@pytest.mark.parametrize("action", sorted(BREACH_ACTIONS))
def test_more_breaches_than_are_told_go_the_same_way(action: BreachAction) -> None:
    schema = {"patternProperties": {"^n": {"type": "string"}}}
    event, emit = kept(action, record(properties={f"n{i}": i for i in range(300)} | {"fine": 1}), schema)
    assert sum(emit.counts.quality.values()) == MOST_BREACHES
    if action == "strip":
        assert isinstance(event, Event)
        assert event.properties == {}


# --- through a lane -------------------------------------------------------------------------------------------------------------------

TRACKING = """\
on_breach: block
on_unknown: block
events:
  Order Completed:
    schema: {type: object, required: [total], properties: {total: {type: number}}}
  Viewed: {on_breach: strip, schema: {properties: {price: {type: number}}}}
  Searched: {on_breach: flag, schema: {required: [query]}}
  Identified: {on_breach: strip, schema: {properties: {tier: {enum: [gold, silver]}}}}
"""
RULES = {
    "buyers": "did('Order Completed')",
    "priced": "did('Viewed', where=price is not None)",
    "searched": "did('Searched')",
    "tiered": "has(trait.tier)",
}


def plan_of(tracking: str = TRACKING) -> Plan:
    files = {"plan.yaml": "name: test", "segments.yaml": json.dumps({"segments": RULES}), "tracking.yaml": tracking}
    return read_plan(files)


LINES = [
    record(messageId="1", userId="a", properties={"total": "1"}),
    record(messageId="2", userId="b", properties={"total": 1}),
    record(messageId="3", userId="c", event="Viewed", properties={"price": "9"}),
    record(messageId="4", userId="d", event="Viewed", properties={"price": 9}),
    record(messageId="5", userId="e", event="Searched"),
    record(messageId="6", userId="f", event="Vieved"),
    record(messageId="7", userId="g", type="identify", traits={"tier": "bronze"}),
    record(messageId="8", userId="h", type="identify", traits={"tier": "gold"}),
    record(messageId="9", userId="b", timestamp="2026-01-06T00:00:00Z", properties={}),
]
FOUND = {
    Quality("none", "Order Completed: total", "type", "block"): 1,
    Quality("none", "Order Completed: total", "required", "block"): 1,
    Quality("none", "Viewed: price", "type", "strip"): 1,
    Quality("none", "Searched: query", "required", "flag"): 1,
    Quality("none", "*", "unknown_event", "block"): 1,
    Quality("none", "Identified: tier", "enum", "strip"): 1,
}


def test_rules_see_what_is_taken_and_the_rest_is_rejected_and_counted() -> None:
    run = run_engine(plan_of(), LINES)
    assert run.rejects == [(0, "tracking_plan"), (5, "tracking_plan"), (8, "tracking_plan")]
    assert {(line[1], line[3]) for line in run.transitions} == {("b", "buyers"), ("d", "priced"), ("e", "searched"), ("h", "tiered")}
    assert counted(run) == FOUND


def counted(run: Run) -> dict[Quality, int]:
    """What was found, of all days together."""
    days = [day.found() for _, day in read_days(run.store)]
    return {found: sum(day.get(found, 0) for day in days) for found in {found for day in days for found in day}}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_a_crash_neither_loses_nor_repeats_what_was_counted(batch: int, step: str) -> None:
    run = run_engine(plan_of(), LINES, batches=2, crash=Crash(batch, step), rewind=1)
    assert counted(run) == FOUND
    assert run.rejects == [(0, "tracking_plan"), (5, "tracking_plan"), (8, "tracking_plan")]


def test_days_are_those_of_the_events() -> None:
    days = dict(read_days(run_engine(plan_of(), LINES).store))
    assert sorted(sum(day.found().values()) for day in days.values()) == [1, 5]


def test_events_after_the_end_are_not_looked_at() -> None:
    run = run_engine(plan_of(), LINES, until_ms=event_of(LINES[0]).t)
    assert [offset for offset, _ in run.rejects] == [0, 5]


def test_only_what_can_change_an_outcome_is_a_new_version_of_the_plan() -> None:
    flags = TRACKING.replace("block", "flag").replace("strip", "flag")
    same = [plan_of(text).version for text in ("events: {Viewed: , 'Order Completed': , Searched: }", flags)]
    assert same[0] == same[1] != plan_of().version
    assert plan_of().version != plan_of(TRACKING.replace("type: number", "type: integer")).version


# --- events that Beckon reads itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ACTS, REFUSED])
@pytest.mark.parametrize("unknown", sorted(BREACH_ACTIONS))
def test_what_beckon_reads_itself_needs_no_entry(name: str, unknown: BreachAction) -> None:
    raw = record(event=name, properties={"topic": "news", "other": "u2"})
    event, emit = kept("block", raw, unknown=unknown)
    assert event == event_of(raw)
    assert not emit.counts.quality


ADDRESS = {"email": "a@x.example"}
HARD = {**ADDRESS, "type": "Permanent"}
VALID = {**ADDRESS, "status": "valid"}
STRIPPED: dict[str, tuple[str, dict[str, Any], set[str], list[tuple[str, str]]]] = {
    "a giving's topic": ("Consent Given", {"topic": "news", "text_version": "v2"}, {"topic"}, []),
    "a giving's topics, with a topic left": ("Consent Given", {"topics": ["news"], "topic": "offers"}, {"topics"}, []),
    "a giving's topic, with topics left": ("Consent Given", {"topics": ["news"], "topic": "offers"}, {"topic"}, []),
    "a giving's source": ("Consent Given", {"topic": "news", "source": "web"}, {"source"}, []),
    "the version of a giving's text": ("Consent Given", {"topic": "news", "text_version": "v2"}, {"text_version"}, [("given", "news")]),
    "what no act is read by": ("Consent Given", {"topic": "news", "x": 1}, {"x"}, [("given", "news")]),
    "a withdrawal's topic": ("Consent Withdrawn", {"topic": "news"}, {"topic"}, [("withdrawn", "")]),
    "a withdrawal's topics, with a topic left": ("Consent Withdrawn", {"topics": ["a"], "topic": "b"}, {"topics"}, [("withdrawn", "")]),
    "a withdrawal's source": ("Consent Withdrawn", {"topic": "news", "source": "crm"}, {"source"}, [("withdrawn", "news")]),
    "the topic of an unsubscription": ("Unsubscribed", {"topic": "news"}, {"topic"}, [("unsubscribed", "")]),
    "a complaint's topic": ("Email Marked as Spam", {"topic": "news"}, {"topic"}, [("complained", "")]),
    "a bounce's type": ("Email Bounced", HARD, {"type"}, [("bounced", "a@x.example")]),
    "a soft bounce's type": ("Email Bounced", {**HARD, "type": "soft"}, {"type"}, []),
    "a bounce's address": ("Email Bounced", {**HARD, "recipient": "b@x.example"}, {"email"}, [("bounced", "a@x.example")]),
    "what a check found": ("Email Verified", VALID, {"status"}, []),
    "when it was checked": ("Email Verified", {**VALID, "checked_at": "1970-01-01T00:00:00Z"}, {"checked_at"}, []),
    "the address of a check, with another left": ("Email Verified", {**VALID, "recipient": "b@x.example"}, {"email"}, []),
}


@pytest.mark.parametrize(("name", "properties", "gone", "expected"), STRIPPED.values(), ids=STRIPPED)
def test_what_is_stripped_permits_no_more(name: str, properties: dict[str, Any], gone: set[str], expected: list[tuple[str, str]]) -> None:
    raw = record(event=name, properties=properties)
    plan = TrackingPlan((TrackedEvent(name, json.dumps({"properties": dict.fromkeys(gone, False)}), "strip"),), "block")
    event = Tracking(plan).keep(event_of(raw), raw, Emit("test", 1))
    assert isinstance(event, Event)
    assert expected == [(act.kind, act.about) for act in acts_of(event)]
    if name == "Consent Withdrawn":
        assert [properties.get("source")] == [act.source for act in acts_of(event)]


def test_what_permits_nothing_is_stripped_as_any_event() -> None:
    raw = record(event="Email Verified", properties={"status": "undeliverable", "email": "no address"})
    plan = TrackingPlan((TrackedEvent("Email Verified", '{"properties": {"email": {"format": "email"}}}', "strip"),), "block")
    event = Tracking(plan).keep(event_of(raw), raw, Emit("test", 1))
    assert isinstance(event, Event)
    assert event.properties == {"status": "undeliverable"}
