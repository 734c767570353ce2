"""`emit`: CloudEvents with their keys in order, numbers without a gap, ids that tell happenings apart and nothing else."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.emit import Emit, make_id
from schemas.event import Event
from schemas.output import STREAMS, Reject

BASE = 1_767_571_200_000
ENVELOPE = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence", "data"]
AWKWARD = ["u", "", "é", "日本", "\U0001f600", 'a"b', "a\\b", "a\nb\0c\x1f\x7f", "</script>", "\u2028", "{}", "' or 1=1", "u" * 1024]


def event(id: str = "m", t: int = BASE) -> Event:
    return Event(t, "track", "A", id, "u", None, {"x": 1})


def change(
    emit: Emit, person: str = "u", segment: str = "s", *, entered: bool = True, now: int = BASE, of: Event | None = None, why: Any = None
) -> str:
    """A transition of a person; gives its id."""
    return emit.transition(emit.occasion(person, now, of), segment, "12345678", entered, why or {})


def decoded(emit: Emit) -> list[dict[str, Any]]:
    return [json.loads(output.value) for output in emit.outputs]


def everything() -> Emit:
    """One output of each kind."""
    emit = Emit("shop", 7)
    change(emit, of=event(), why={"did('A')": True})
    change(emit, entered=False, now=BASE + 1)
    emit.trigger("u", "c", "id1", BASE, {"step": 0})
    emit.decision("u", "c", "id2", BASE, "cap", {"step": 0})
    emit.reject(Reject("no_id", "none"), b"{}", 3, 17, BASE)
    return emit


def test_every_output_is_a_cloud_event_with_its_keys_in_order() -> None:
    for record in decoded(everything()):
        assert [key for key in ENVELOPE if key != "subject" or record["type"] != "beckon.reject"] == list(record)
        assert (record["specversion"], record["source"], record["datacontenttype"]) == ("1.0", "beckon/shop", "application/json")


def test_outputs_are_numbered_without_a_gap_and_go_to_their_streams() -> None:
    emit = everything()
    assert [record["sequence"] for record in decoded(emit)] == ["7", "8", "9", "10", "11"]
    assert emit.next == 12
    assert [STREAMS[output.stream] for output in emit.outputs] == ["transitions", "transitions", "triggers", "decisions", "rejects"]
    assert [output.key for output in emit.outputs] == ["u", "u", "u", "u", None]
    assert not any(b"\n" in output.value for output in emit.outputs)


def test_the_data_of_each_kind() -> None:
    entered, exited, trigger, decision, reject = decoded(everything())
    assert (entered["type"], entered["subject"], entered["time"]) == ("beckon.segment.entered", "u", "2026-01-05T00:00:00.000Z")
    assert entered["data"] == {"segment": "s", "version": "12345678", "cause": {"event": "m"}, "why": {"did('A')": True}}
    assert (exited["type"], exited["data"]["cause"], exited["data"]["why"]) == ("beckon.segment.exited", {"time": True}, {})
    assert (trigger["type"], trigger["id"], trigger["data"]) == ("beckon.trigger", "id1", {"campaign": "c", "step": 0})
    assert (decision["type"], decision["data"]) == ("beckon.decision", {"campaign": "c", "reason": "cap", "step": 0})
    expected = {"reason": "no_id", "detail": "none", "source": {"partition": 3, "offset": 17}, "record": "{}"}
    assert ("beckon.reject", expected) == (reject["type"], reject["data"])


def test_outputs_are_counted() -> None:
    counts = everything().counts
    assert counts.transitions == {("s", "entered"): 1, ("s", "exited"): 1}
    assert (counts.triggers, counts.decisions, counts.rejects) == ({"c": 1}, {("c", "cap"): 1}, {"no_id": 1})


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_awkward_texts_are_written_whole(text: str) -> None:
    emit = Emit("shop", 1)
    change(emit, text, of=event(text), why={text: text})
    emit.trigger(text, "c", "id", BASE, {"x": text})
    entered, trigger = decoded(emit)
    assert (text, {"event": text}, {text: text}) == (entered["subject"], entered["data"]["cause"], entered["data"]["why"])
    assert (text, text) == (trigger["subject"], trigger["data"]["x"])
    assert list(entered) == ENVELOPE


@given(
    person=st.text(max_size=8),
    id=st.text(max_size=8),
    value=st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_text_is_written_whole(person: str, id: str, value: Any) -> None:
    emit = Emit("shop", 1)
    change(emit, person, of=event(id), why={"x": value})
    [record] = decoded(emit)
    assert (person, id, value) == (record["subject"], record["data"]["cause"]["event"], record["data"]["why"]["x"])


RECORDS = {b"": "", b"{}": "{}", "é\0".encode(): "é\0", b"\xff{": None, b"\xed\xa0\x80": None, b"\xef\xbb\xbf{}": "\ufeff{}"}


@pytest.mark.parametrize(("raw", "text"), RECORDS.items())
def test_a_reject_holds_the_record_as_it_came(raw: bytes, text: str | None) -> None:
    emit = Emit("shop", 1)
    emit.reject(Reject("not_json", "no"), raw, 0, 0, None)
    [record] = decoded(emit)
    data = record["data"]
    assert "time" not in record
    assert text == data.get("record")
    assert raw == (data["record"].encode() if text is not None else b64decode(data["record_base64"]))


# --- ids ------------------------------------------------------------------------------------------------------------------------------


def transition_id(person: str = "u", segment: str = "s", *, entered: bool = True, now: int = BASE, of: Event | None = None) -> str:
    return change(Emit("shop", 1), person, segment, entered=entered, now=now, of=of)


def test_the_same_happening_has_the_same_id_in_every_run() -> None:
    assert transition_id() == transition_id()
    assert transition_id(of=event()) == transition_id(of=event())
    first, second = everything(), everything()
    second.next = 1000
    change(second, of=event(), why={"other": "why"})
    assert decoded(first)[0]["id"] == decoded(second)[0]["id"] == decoded(second)[-1]["id"]


def test_different_happenings_have_different_ids() -> None:
    ids = [
        transition_id(),
        transition_id(person="v"),
        transition_id(segment="t"),
        transition_id(entered=False),
        transition_id(now=BASE + 1),
        transition_id(of=event()),
        transition_id(of=event("m2")),
        transition_id(of=event("m", BASE + 1)),
        make_id("reject", 0, 1),
        make_id("reject", 1, 0),
        make_id("reject", 0, "1"),
        make_id("a", "bc"),
        make_id("ab", "c"),
        make_id("abc"),
        make_id("a", "b", "c"),
    ]
    assert len(ids) == len(set(ids))
    assert all(len(id) == 32 and set(id) <= set("0123456789abcdef") for id in ids)


@given(st.lists(st.lists(st.text(max_size=3) | st.integers(-5, 5), max_size=3).map(tuple), max_size=5))
def test_parts_never_run_into_each_other(happenings: list[tuple[str | int, ...]]) -> None:
    distinct = {tuple((type(part), part) for part in parts) for parts in happenings}
    assert len(distinct) == len({make_id(*parts) for parts in happenings})
