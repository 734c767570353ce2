"""Answers: what is taken of what people write, and what is said where it cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.forms.check import Setting, check, texts_of
from operators.forms.form import Field, Option
from operators.forms.words import WORDS
from schemas.forms import FIELD_KINDS, FieldKind

OPTIONS = (Option("red", "Red"), Option("blue", "Sky blue"))
SETTING = Setting("en", "DE", "2026-11-27")


def field(kind: FieldKind, **more: Any) -> Field:
    """A field of a kind."""
    return Field("x", kind, "X", **more)


TAKEN: list[tuple[Field, list[str], Any]] = [
    (field("text"), ["  Anna   Lena "], "Anna Lena"),
    (field("text"), ["Zoe\u0308"], "Zoë"),
    (field("text"), ["a\x00b\x1b"], "ab"),
    (field("text"), ["<b>&"], "<b>&"),
    (field("text", max_length=3), ["äöü"], "äöü"),
    (field("text", pattern="[0-9]{5}"), ["10115"], "10115"),
    (field("textarea", max_length=2000), ["one\r\ntwo  three "], "one\ntwo  three"),
    (field("email", max_length=254), [" Anna@Example.COM "], "Anna@example.com"),
    (field("tel"), ["(0171) 123 45 67"], "+491711234567"),
    (field("tel"), ["+44 20 7946 0018"], "+442079460018"),
    (field("number"), ["42"], 42),
    (field("number"), ["-1,5"], -1.5),
    (field("number"), ["\u22122.50"], -2.5),
    (field("number"), ["1000000"], 1_000_000),
    (field("number", least=18.0, most=18.0), ["18"], 18),
    (field("date"), ["1990-12-24"], "1990-12-24"),
    (field("date"), ["24.12.1990"], "1990-12-24"),
    (field("date", most="today"), ["2026-11-27"], "2026-11-27"),
    (field("date", least="today"), ["2026-11-27"], "2026-11-27"),
    (field("select", options=OPTIONS), ["blue"], "blue"),
    (field("radio", options=OPTIONS), ["red"], "red"),
    (field("checkboxes", options=OPTIONS), ["blue", "red", "blue"], ["red", "blue"]),
    (field("checkbox"), ["true"], True),
    (field("checkbox"), ["on"], True),
    (field("checkbox"), [], False),
    (field("consent"), ["true"], True),
    (field("consent"), [], False),
]


def test_a_limit_is_said_as_dates_are_written_in_the_language() -> None:
    asked = [field("date", most="today"), Field("y", "date", "Y", least="2000-01-01")]
    found = check(asked, {"x": ["2030-01-01"], "y": ["24.12.1990"]}, SETTING._replace(language="de"))
    assert found.errors == {
        "x": "Hier muss 27.11.2026 oder ein früherer Tag stehen.",
        "y": "Hier muss 01.01.2000 oder ein späterer Tag stehen.",
    }


@pytest.mark.parametrize(("asked", "sent", "expected"), TAKEN, ids=[f"{f.kind}-{i}" for i, (f, _, _) in enumerate(TAKEN)])
def test_an_answer(asked: Field, sent: list[str], expected: Any) -> None:
    assert check([asked], {"x": sent}, SETTING) == ({"x": expected}, {})


WRONG: list[tuple[Field, list[str], str]] = [
    (field("text", required=True), [" \u200b"], "Please fill this in."),
    (field("text", max_length=3), ["four"], "This must have at most 3 characters; it has 4."),
    (field("text", min_length=3), ["ab"], "This must have at least 3 characters."),
    (field("text", pattern="[0-9]{5}"), ["101156"], "This does not look as it must."),
    (field("text", pattern="[0-9]{5}", message="A postcode has five digits."), ["1"], "A postcode has five digits."),
    (field("text", required=True, message="A postcode has five digits."), [], "Please fill this in."),
    (field("text", pattern="a|b"), ["ax"], "This does not look as it must."),
    (field("email"), ["anna@example"], "This is no e-mail address; one looks like name@example.com."),
    (field("email"), ["Anna"], "This is no e-mail address; one looks like name@example.com."),
    (field("email"), ["a" * 250 + "@example.com"], "This is no e-mail address; one looks like name@example.com."),
    (field("email"), ["anna@gamil.com"], "Did you mean anna@gmail.com? If the address is right as it is, send it once more."),
    (field("tel"), ["12"], "This is no phone number; with the code of the country it looks like +44 20 7946 0018."),
    (field("number"), ["1.000"], "This must be a number, without marks between thousands."),
    (field("number"), ["1,000,000"], "This must be a number, without marks between thousands."),
    (field("number"), ["nan"], "This must be a number, without marks between thousands."),
    (field("number"), ["٤٢"], "This must be a number, without marks between thousands."),
    (field("number"), ["9" * 400], "This must be a number, without marks between thousands."),
    (field("number", least=18.0), ["17"], "This must be 18 or more."),
    (field("number", most=0.5), ["1"], "This must be 0.5 or less."),
    (field("number", most=1_000_000.0), ["1000001"], "This must be 1000000 or less."),
    (field("date"), ["31.02.1990"], "This is no date; one looks like 1990-12-24."),
    (field("date"), ["1990-12-24T10:00:00Z"], "This is no date; one looks like 1990-12-24."),
    (field("date", most="today"), ["2026-11-28"], "This must be 2026-11-27 or earlier."),
    (field("date", least="2000-01-01"), ["1999-12-31"], "This must be 2000-01-01 or later."),
    (field("select", options=OPTIONS), ["green"], "Please choose one of what is offered."),
    (field("checkboxes", options=OPTIONS), ["red", "green"], "Please choose one of what is offered."),
    (field("select", options=OPTIONS, required=True), [""], "Please choose one."),
    (field("radio", options=OPTIONS, required=True), [], "Please choose one."),
    (field("checkboxes", options=OPTIONS, required=True), [], "Please choose at least one."),
    (field("consent", required=True), [], "Please tick this box, or leave the page."),
]


@pytest.mark.parametrize(("asked", "sent", "said"), WRONG, ids=[f"{f.kind}-{i}" for i, (f, _, _) in enumerate(WRONG)])
def test_what_cannot_be(asked: Field, sent: list[str], said: str) -> None:
    assert check([asked], {"x": sent}, SETTING) == ({}, {"x": said})


def test_what_may_be_left_empty_is_neither() -> None:
    kinds: list[FieldKind] = [kind for kind in FIELD_KINDS if kind not in ("checkbox", "consent")]
    for kind in kinds:
        assert check([field(kind, options=OPTIONS)], {"x": ["", "  "]}, SETTING) == ({}, {})


def test_an_address_that_was_sent_twice_is_meant() -> None:
    assert check([field("email")], {"x": ["anna@gamil.com"]}, SETTING._replace(sure="anna@gamil.com")).answers == {"x": "anna@gamil.com"}
    assert check([field("email")], {"x": ["anna@gmal.com"]}, SETTING._replace(sure="anna@gamil.com")).errors


def test_fields_that_were_not_asked_are_no_answers() -> None:
    assert check([field("text")], {"x": ["a"], "tier": ["gold"]}, SETTING).answers == {"x": "a"}


def test_all_languages_have_the_same_words_with_the_same_values() -> None:
    english = WORDS["en"]
    for language, words in WORDS.items():
        assert list(words) == list(english), language
        for name, text in words.items():
            assert text.count("{") == english[name].count("{"), name


@given(
    st.sampled_from(sorted(FIELD_KINDS)),
    st.booleans(),
    st.lists(st.one_of(st.text(), st.sampled_from(["1e5", "+", ".", "red", "a@b.co", "2026-1-1", "\ud800"])), max_size=3),
    st.sampled_from([None, "a*"]),
)
def test_anything_at_all_is_an_answer_or_an_error(kind: FieldKind, required: bool, sent: list[str], pattern: str | None) -> None:
    asked = field(kind, options=OPTIONS, required=required, pattern=pattern)
    answers, errors = check([asked], {"x": sent}, SETTING)
    assert not answers.keys() & errors.keys()
    assert (answers or errors) or not required
    json.dumps(answers).encode()
    assert "\ud800" not in json.dumps(answers, ensure_ascii=False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_values_of_json_are_as_a_browser_sends_them(value: Any) -> None:
    texts = texts_of(value)
    assert texts is None or all(type(text) is str for text in texts)


@pytest.mark.parametrize("number", [0, -3, 2**52, 1.125, 0.1, -1000.5, 1234.567, 12.0])
def test_a_number_of_json_stays_what_it_is(number: float) -> None:
    assert check([field("number")], {"x": texts_of(number) or []}, SETTING).answers == {"x": number}
