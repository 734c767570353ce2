"""What a form becomes: whole records, as the log gets them; and what is made of them by what reads acts of consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from operators.consent import acts_of
from operators.decode import decode
from operators.forms.form import Field, Form, Hidden, Step
from operators.forms.records import Grant, Seen, confirmed, submitted, viewed
from operators.forms.visit import Visit, address_of, campaign_of, hidden_of
from schemas.consent import Act
from schemas.event import Event

EMAIL, CITY = Field("email", "email", "E-mail"), Field("city", "text", "City")
NEWS = Field("news", "consent", "Mails, please", topic="newsletter", text_version="3")
HIDDEN = (Hidden("placement", "query", "p", 9, trait=False), Hidden("first_source", "value", "footer", 9, trait=True))
FORM = Form("join", "Join us", (Step("", "", (EMAIL,)), Step("", "", (CITY, NEWS))), hidden=HIDDEN)
VISIT = Visit(
    form="join",
    nonce="n1",
    anonymous_id="visitor-1",
    names=("email", "city", "news"),
    shown_ms=0,
    hidden={"placement": "top", "first_source": "footer"},
    campaign={"source": "mail"},
    url="https://shop.example.com/",
)
SEEN = Seen("Mozilla/5.0 (X11)")
CONTEXT = {
    "library": {"name": "beckon-forms"},
    "page": {"url": "https://shop.example.com/"},
    "campaign": {"source": "mail"},
    "userAgent": "Mozilla/5.0 (X11)",
}
TOLD = {"placement": "top", "first_source": "footer", "form": "join", "title": "Join us"}


def link(grant: Grant) -> Mapping[str, str]:
    """A link that can be read."""
    return {"confirm_url": f"https://e.example.com/{grant.key}/{grant.topics}", "expires": str(grant.until_ms)}


def sent(form: Form, visit: Visit, answers: dict[str, Any], seen: Seen = SEEN) -> list[dict[str, Any]]:
    """The records of the visit's page."""
    page = visit.page(form)
    assert page is not None
    return submitted(form, visit, page, answers, seen, link=link, until_ms=7)


def events(records: list[dict[str, Any]]) -> list[Event]:
    """The records as the job decodes them: all can be used."""
    found = [decode(orjson.dumps({**record, "receivedAt": "2026-01-05T00:00:00Z"})) for record in records]
    return [event for event in found if isinstance(event, Event)]


def test_a_page_that_is_shown() -> None:
    page = VISIT.page(FORM)
    assert page is not None
    assert viewed(FORM, VISIT, page, SEEN) == [
        {
            "type": "track",
            "event": "Form Viewed",
            "anonymousId": "visitor-1",
            "properties": {**TOLD, "step": 1, "fields": ["email"]},
            "context": CONTEXT,
            "messageId": "form-n1-0-viewed",
        }
    ]


def test_answers_are_traits_and_a_submission() -> None:
    identify, track = sent(FORM, VISIT, {"email": "anna@example.com"})
    assert identify["type"] == "identify"
    assert identify["traits"] == {"first_source": "footer", "email": "anna@example.com"}
    assert identify["context"] == track["context"] == CONTEXT
    assert track["event"] == "Form Submitted"
    assert track["properties"] == {**TOLD, "step": 1, "fields": ["email"], "final": False}
    assert "userId" not in identify
    assert len(events([identify, track])) == 2


def test_consent_is_an_act_with_its_text() -> None:
    last = VISIT.next(5, to_confirm=False)
    records = sent(FORM, last, {"city": "Ulm", "news": True})
    assert [record.get("event", "identify") for record in records] == ["identify", "Form Submitted", "Consent Given"]
    assert records[0]["traits"] == {"first_source": "footer", "city": "Ulm"}
    assert records[1]["properties"]["final"] is True
    given = events(records)[2]
    source, version = "forms/join", "3"
    assert [
        Act("given", "newsletter", given.t, given.message_id, source, version),
        Act("proved", "newsletter", given.t, given.message_id, source, version),
    ] == list(acts_of(given))
    assert given.properties["text"] == "Mails, please"


def test_consent_that_was_not_given_is_no_act() -> None:
    records = sent(FORM, VISIT.next(5, to_confirm=False), {"news": False})
    assert [record.get("event", "identify") for record in records] == ["identify", "Form Submitted"]
    assert "news" not in records[0]["traits"]


def test_with_double_opt_in_nothing_is_given_before_it_is_confirmed() -> None:
    form = Form("join", "Join us", FORM.steps, double_opt_in=True)
    last = VISIT.next(5, to_confirm=False)
    records = sent(form, last, {"news": True})
    assert [record.get("event", "identify") for record in records] == ["Form Submitted", "Subscription Requested"]
    key = last.key({"news": True})
    assert records[-1]["properties"] == {
        "form": "join",
        "topics": ["newsletter"],
        "confirm_url": f"https://e.example.com/{key}/(('newsletter', '3'),)",
        "expires": "7",
    }
    grant = Grant("join", key, "visitor-1", (("newsletter", "3"),), 7)
    given, done = confirmed(form, grant)
    assert [act.kind for act in acts_of(events([given])[0])] == ["given", "proved"]
    assert (given["messageId"], done["event"]) == (f"form-{key}-consent-newsletter", "Subscription Confirmed")
    assert confirmed(form, grant) == [given, done]


def test_what_is_confirmed_is_the_text_that_was_shown() -> None:
    (given, _) = confirmed(FORM, Grant("join", "k", "visitor-1", (("newsletter", "2"),), 7))
    assert (given["properties"]["text_version"], "text" in given["properties"]) == ("2", False)


def test_by_a_machine_nobody_becomes_known_and_nothing_is_agreed_to() -> None:
    for form in (FORM, Form("join", "Join us", FORM.steps, double_opt_in=True)):
        (track,) = sent(form, VISIT.next(5, to_confirm=False), {"city": "Ulm", "news": True}, Seen("curl/8.5.0", "curl"))
        told = track["properties"]
        assert (track["event"], told["machine"], told["agent"]) == ("Form Submitted", True, "curl")
        assert told["answers"] == {"city": "Ulm", "news": True}


def test_the_same_answers_are_the_same_records_and_others_are_others() -> None:
    once, twice, other = (sent(FORM, VISIT, {"email": address}) for address in ("a@example.com", "a@example.com", "b@example.com"))
    assert once == twice
    ids = [{record["messageId"] for record in records} for records in (once, other)]
    assert not ids[0] & ids[1]
    assert all(len(found) == 2 for found in ids)


def test_pages_of_a_visit_have_records_of_their_own() -> None:
    both = [record["messageId"] for place in (VISIT, VISIT.next(5, to_confirm=False)) for record in sent(FORM, place, {})]
    assert len(set(both)) == len(both)


@pytest.mark.parametrize(
    ("url", "kept"),
    {
        "https://shop.example.com/a?b=c": "https://shop.example.com/a?b=c",
        "javascript:alert(1)": "",
        "": "",
        "https://a.example/" + "x" * 900: ("https://a.example/" + "x" * 900)[:500],
        "https://a.example/\u202e\x00x": "https://a.example/x",
    }.items(),
)
def test_the_address_of_a_page(url: str, kept: str) -> None:
    assert kept == address_of(url)


def test_hidden_values_are_those_of_the_plan_and_bounded() -> None:
    many = Form("f", "F", (), hidden=tuple(Hidden(f"h{i}", "query", "q", 2000, trait=False) for i in range(10)))
    found = hidden_of(many, {"q": "x" * 3000}, "", "")
    assert sum(map(len, found.values())) == 4000
    assert hidden_of(FORM, {"p": "a\x00b" * 9, "placement": "no"}, "", "") == {"placement": "ababababa", "first_source": "footer"}
    assert campaign_of({"utm_source": "x" * 999, "utm_campaign": "may"}) == {"source": "x" * 200, "name": "may"}
