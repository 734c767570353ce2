"""Whatever is sent to a form: an answer that is no error of ours, and nobody becomes known by what was not asked."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flows.collect.forms.forms_edge import FormsEdge, token_of

names = st.sampled_from(["email", "age", "tier", "news", "beckon-token", "beckon-sure", "more-website", "x", "", "\u202e"])
values = st.one_of(st.text(max_size=40), st.sampled_from(["anna@example.com", "18", "gold", "true", "\x00", "a" * 9_000, "<script>"]))
pairs = st.lists(st.tuples(names, values), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> FormsEdge:
    """An edge, whose clock goes on, so that nobody has to wait."""
    return FormsEdge(tmp_path_factory.mktemp("forms"))


def went_on(at: FormsEdge) -> FormsEdge:
    """The edge a minute later."""
    at.now += 60_000
    return at


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs, st.booleans(), st.binary(max_size=60))
def test_anything_can_be_sent_to_a_page(at: FormsEdge, sent: list[tuple[str, str]], own: bool, raw: bytes) -> None:
    browser = went_on(at).browser()
    token = [("beckon-token", token_of(browser.get("/f/join")))] if own else []
    body = urlencode([*token, *sent]).encode() + (b"&" + raw if not own else b"")
    answer = browser.ask("POST", "/f/join", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (303, 400, 422)
    assert "<script" not in answer.text
    assert "\x00" not in answer.text


@given(st.dictionaries(names, json_values, max_size=6) | json_values, st.booleans())
def test_anything_can_be_sent_as_json(at: FormsEdge, answers: object, own: bool) -> None:
    browser = went_on(at).browser()
    token = browser.get("/v1/forms/join").json()["token"] if own else answers
    answer = browser.ask("POST", "/v1/forms/join", json={"token": token, "answers": answers, "beckon-sure": answers})
    assert answer.status_code in (200, 400, 422)


@given(
    st.dictionaries(st.sampled_from(["visit", "new", "embed", "anonymousId", "placement", "utm_source", "mail", "token", "url"]), values)
)
def test_any_address_of_a_form_is_answered(at: FormsEdge, query: dict[str, str]) -> None:
    browser = went_on(at).browser()
    for path, codes in {"/f/join": {200}, "/f/join/thanks": {200}, "/f/join/confirm": {410}, "/v1/forms/join": {200}}.items():
        answer = browser.get(path, params=query)
        assert answer.status_code in codes
        assert "<script" not in answer.text


def test_nobody_became_known_by_what_was_not_asked(at: FormsEdge) -> None:
    for record in at.told("identify"):
        assert set(record["traits"]) <= {"email", "age", "first_campaign"}
