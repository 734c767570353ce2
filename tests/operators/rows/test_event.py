"""Rows as events: who they are of, what they say, and which of them are one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.decode import decode
from operators.rows.checked import Column, RowMap
from operators.rows.event import Made, RowReject, event_of
from schemas.event import Event

AT_MS = 1_767_600_000_000


def column(name: str, **how: Any) -> Column:
    """A column of that name."""
    return Column(name, tuple(name.split(".")), **how)


BY = RowMap(
    "crm",
    user_id=column("No"),
    anonymous_id=column("Visitor"),
    email=column("Mail"),
    fields=((("city",), column("City")), (("address", "zip"), column("Zip")), (("score",), column("Score", type="number"))),
    set=((("customer",), True),),
    time=column("Changed", type="time"),
    skip=((column("State"), frozenset({"deleted", "1"})),),
)


def made(row: dict[str, Any], by: RowMap = BY, at_ms: int | None = AT_MS) -> dict[str, Any]:
    """The record of a row that makes one."""
    found = event_of(row, by, at_ms)
    assert isinstance(found, Made)
    return found.record


def refused(row: dict[str, Any], by: RowMap = BY, at_ms: int | None = AT_MS) -> RowReject:
    """Why a row makes none."""
    found = event_of(row, by, at_ms)
    assert isinstance(found, RowReject)
    return found


@pytest.mark.parametrize(
    ("row", "ids"),
    [
        ({"No": " 7 ", "Mail": "A.B@Example.COM"}, {"userId": "7"}),
        ({"No": 7}, {"userId": "7"}),
        ({"Visitor": "v", "Mail": "a@example.com"}, {"anonymousId": "v"}),
        ({"No": "7", "Visitor": "v"}, {"userId": "7", "anonymousId": "v"}),
        # By its key an address is found in all its spellings.
        ({"No": "", "Mail": "Anna.Smith+shop@googlemail.com"}, {"anonymousId": "annasmith@gmail.com"}),
        ({"Mail": "Anna <anna@Bücher.example.com>"}, {"anonymousId": "anna@xn--bcher-kva.example.com"}),
    ],
)
def test_who_a_row_is_of(row: dict[str, Any], ids: dict[str, str]) -> None:
    record = made(row)
    assert ids == {name: record[name] for name in ("userId", "anonymousId") if name in record}


def test_an_id_can_have_a_text_before_it() -> None:
    by = RowMap("crm", user_id=column("No", prefix="erp-"), anonymous_id=column("Visitor", prefix="v:"))
    assert ((record := made({"No": 7, "Visitor": "x"}, by))["userId"], record["anonymousId"]) == ("erp-7", "v:x")
    assert refused({"No": "", "Visitor": None}, by).reason == "no_id"


def test_what_a_row_says() -> None:
    record = made({"No": "7", "Mail": " a@example.com ", "City": "Köln", "Zip": "50667", "Score": "1.5", "Changed": "2026-01-05T10:00:00Z"})
    assert record["traits"] == {"customer": True, "email": "a@example.com", "city": "Köln", "address": {"zip": "50667"}, "score": 1.5}
    assert (record["type"], record["timestamp"], record["context"]) == (
        "identify",
        "2026-01-05T10:00:00.000Z",
        {"library": {"name": "crm"}},
    )


def test_an_empty_cell_says_nothing_or_takes_the_trait_away() -> None:
    row = {"No": "7", "City": " ", "Zip": None, "Score": ""}
    assert made(row)["traits"] == {"customer": True}
    clear = RowMap("crm", user_id=BY.user_id, fields=BY.fields, clear=True)
    assert made(row, clear)["traits"] == {"city": None, "address": {"zip": None}, "score": None}


def test_a_field_with_a_dot_in_its_name_goes_before_the_way() -> None:
    by = RowMap("crm", user_id=column("a.b"))
    assert made({"a.b": "flat", "a": {"b": "deep"}}, by)["userId"] == "flat"
    assert made({"a": {"b": "deep"}}, by)["userId"] == "deep"
    assert refused({"a": "b"}, by).reason == "no_id"


def test_rows_that_are_left_out() -> None:
    for state in ("deleted", " deleted ", 1, "1"):
        assert event_of({"No": "7", "State": state}, BY, AT_MS) is None
    assert made({"No": "7", "State": "active"})["type"] == "identify"


ORDERS = RowMap(
    "shop", user_id=column("No"), fields=((("total",), column("Sum", type="number")),), time=column("At"), event="Order Completed"
)


def test_rows_that_are_events() -> None:
    record = made({"No": "7", "Sum": "9.5", "At": "2026-01-05T10:00:00Z"}, ORDERS)
    assert (record["type"], record["event"], record["properties"]) == ("track", "Order Completed", {"total": 9.5})
    # What happened has a time of its own: that of the file would be another one.
    assert RowReject("no_time", "At", "a row must have a time; got none") == refused({"No": "7", "Sum": "9.5", "At": ""}, ORDERS)


@pytest.mark.parametrize(
    ("row", "reason", "name"),
    [
        ({}, "no_id", None),
        ({"No": " ", "Mail": ""}, "no_id", None),
        ({"Mail": "anna at example"}, "no_id", "Mail"),
        ({"No": True}, "bad_id", "No"),
        ({"No": ["7"]}, "bad_id", "No"),
        ({"No": "7", "Score": "much"}, "bad_value", "Score"),
        ({"No": "7", "Changed": "soon"}, "bad_time", "Changed"),
        ({"No": "7" * 2000}, "unusable", None),
        ({"No": "7", "City": "x" * 600_000}, "unusable", None),
        ({"No": "7", "City": 2**80}, "unusable", None),
        ({"No": "7", "City": "\ud800"}, "unusable", None),
    ],
)
def test_why_a_row_makes_no_event(row: dict[str, Any], reason: str, name: str | None) -> None:
    found = refused(row)
    assert (reason, name) == (found.reason, found.column)
    assert "much" not in found.detail
    assert "anna" not in found.detail


def test_the_time_of_the_file_is_that_of_rows_without_one() -> None:
    assert made({"No": "7"})["timestamp"] == "2026-01-05T08:00:00.000Z"
    assert refused({"No": "7"}, at_ms=None).reason == "no_time"


def test_the_same_row_is_the_same_event_and_a_changed_one_another() -> None:
    row = {"No": "7", "City": "Berlin", "Score": "1", "Changed": "2026-01-05T10:00:00Z"}
    first = made(row)["messageId"]
    assert first == made(dict(reversed(row.items())))["messageId"]
    # What the map does not read is no part of it, and how a value is spelled neither.
    assert first == made(row | {"Note": "x", "Score": "1 ", "City": " Berlin"})["messageId"]
    others = [row | change for change in ({"No": "8"}, {"City": "Bern"}, {"Score": "2"}, {"Changed": "2026-01-05T10:00:01Z"}, {"Zip": "1"})]
    assert len({first, *(made(each)["messageId"] for each in others)}) == 6
    assert first != made(row, RowMap("erp", BY.user_id, BY.anonymous_id, BY.email, BY.fields, BY.set, BY.time))["messageId"]


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text(), max_size=3),
    st.dictionaries(st.text(), st.integers()),
)


@given(st.dictionaries(st.sampled_from(["No", "Visitor", "Mail", "City", "Zip", "Score", "Changed", "State"]), values))
def test_whatever_a_row_is_the_job_takes_what_is_made_of_it(row: dict[str, Any]) -> None:
    found = event_of(row, BY, AT_MS)
    if isinstance(found, Made):
        event = decode(found.line)
        assert isinstance(event, Event)
        assert (found.at_ms, found.record["messageId"]) == (event.t, event.message_id)
    else:
        assert found is None or found.reason in {"no_id", "bad_id", "bad_value", "bad_time", "unusable"}
