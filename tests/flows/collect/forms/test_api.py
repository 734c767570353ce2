"""Forms as JSON: what is asked, what is taken, and for which sites."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.collect.forms.forms_edge import SHOP, FormsEdge

DAY_MS = 86_400_000
VISITOR = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[FormsEdge]:
    """An edge."""
    edge = FormsEdge(tmp_path)
    yield edge
    edge.forms.close()


def send(at: FormsEdge, form: str, asked: Any, answers: Any, **more: Any) -> Any:
    """The answer to a POST."""
    at.now += 5_000
    browser = at.browser(Origin=SHOP)
    return browser.ask("POST", f"/v1/forms/{form}", json={"token": asked["token"], "answers": answers, **more})


def test_a_form_from_its_first_page_to_the_last(at: FormsEdge) -> None:
    address = f"/v1/forms/join?anonymousId={VISITOR}&placement=top&url={SHOP}/offers&utm_source=mail"
    answer = at.browser(Origin=SHOP).get(address)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    asked = answer.json()
    assert asked["fields"] == [
        {
            "name": "email",
            "kind": "email",
            "label": "E-mail",
            "required": True,
            "max_length": 254,
            "autocomplete": "email",
        },
        {"name": "age", "kind": "number", "label": "Age", "required": False, "max_length": 200, "min": 18},
    ]
    assert (asked["no"], asked["of"], asked["step"]["title"], asked["done"], asked["anonymousId"]) == (1, 2, "You", False, VISITOR)
    second = send(at, "join", asked, {"email": "anna@example.com", "age": 42}).json()
    assert second["fields"][0]["options"] == [{"value": "gold", "label": "gold"}, {"value": "silver", "label": "silver"}]
    done = send(at, "join", second, {"tier": "gold", "news": True}).json()
    assert done == {"success": True, "form": "join", "anonymousId": VISITOR, "done": True} | {
        "thanks": "We have got your answers.",
        "to_confirm": False,
    }
    identify = at.told("identify")[0]
    assert identify["context"]["page"] == {"url": f"{SHOP}/offers"}
    assert {record["anonymousId"] for record in at.told()} == {VISITOR}
    assert at.told("Consent Given")[0]["properties"]["topic"] == "newsletter"


def test_errors_are_told_by_field(at: FormsEdge) -> None:
    asked = at.browser().get("/v1/forms/join").json()
    answer = send(at, "join", asked, {"email": "anna@gamil.com", "age": 17})
    said = {
        "email": "Did you mean anna@gmail.com? If the address is right as it is, send it once more.",
        "age": "This must be 18 or more.",
    }
    assert (answer.status_code, answer.json()["errors"]) == (422, said)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    other = send(at, "join", asked, {"email": {"a": 1}, "age": [[]]})
    assert (other.status_code, other.json()["errors"]) == (422, dict.fromkeys(("email", "age"), "This must be a text."))
    taken = send(at, "join", asked, {"email": "anna@gamil.com", "age": 18}, **{"beckon-sure": "anna@gamil.com"})
    assert taken.json()["no"] == 2


def test_double_opt_in_says_so(at: FormsEdge) -> None:
    asked = at.browser().get("/v1/forms/confirmed").json()
    done = send(at, "confirmed", asked, {"email": "anna@example.com", "news": True}).json()
    assert (done["done"], done["redirect"], done["to_confirm"]) == (True, f"{SHOP}/welcome", True)


def test_a_visitor_who_said_everything_is_asked_nothing(at: FormsEdge) -> None:
    path = f"/v1/forms/profile?anonymousId={VISITOR}"
    for answers in ({"email": "anna@example.com", "tier": "gold"}, {"city": "Ulm"}):
        send(at, "profile", at.browser().get(path).json(), answers)
    assert at.browser().get(path).json()["done"] is True


def test_an_old_page_gets_a_new_token(at: FormsEdge) -> None:
    asked = at.browser().get("/v1/forms/join").json()
    at.now += 2 * DAY_MS
    answer = send(at, "join", asked, {"email": "anna@example.com"})
    assert (answer.status_code, at.told("identify")) == (422, [])
    assert send(at, "join", answer.json(), {"email": "anna@example.com"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    {
        b"[": "the body must be JSON (RFC 8259)",
        b"[]": "the body must be a JSON object",
        b"{}": "`token` must be the one that GET gave",
        b'{"token": 3, "answers": {}}': "`token` must be the one that GET gave",
        b'{"token": "x.y", "answers": {}}': "`token` must be the one that GET gave",
        b'{"token": "\xc3\xa9", "answers": {}}': "`token` must be the one that GET gave",
    }.items(),
)
def test_what_is_no_answer(at: FormsEdge, body: bytes, sentence: str) -> None:
    answer = at.browser().ask("POST", "/v1/forms/join", content=body)
    assert (answer.status_code, answer.json()) == (400, {"success": False, "error": sentence})


def test_answers_must_be_an_object(at: FormsEdge) -> None:
    asked = at.browser().get("/v1/forms/join").json()
    refused: list[Any] = [None, [], "email"]
    for answers in refused:
        assert send(at, "join", asked, answers).json()["error"] == "`answers` must be an object of fields and values"


def test_other_sites_are_refused(at: FormsEdge) -> None:
    for origin in ("https://evil.example", f"{SHOP}.evil.example", "null"):
        for method in ("GET", "POST", "OPTIONS"):
            answer = at.browser(Origin=origin).ask(method, "/v1/forms/join")
            assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (403, False)
    asked = at.browser(Origin=SHOP).ask("OPTIONS", "/v1/forms/join")
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, SHOP)


def test_a_form_that_is_not_there(at: FormsEdge) -> None:
    answer = at.browser().get("/v1/forms/none")
    assert (answer.status_code, answer.json()) == (404, {"success": False, "error": "there is no such form"})


def test_a_log_that_is_full_asks_to_come_again(at: FormsEdge) -> None:
    asked = at.browser().get("/v1/forms/join").json()
    at.log.full = True
    answer = send(at, "join", asked, {"email": "anna@example.com"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
