"""The pages of forms over HTTP: what is asked, taken, refused, confirmed; and what of it is in the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.consent import acts_of
from operators.decode import decode
from schemas.event import Event
from tests.flows.collect.forms.forms_edge import SHOP, START_MS, URL, FormsEdge, names_in, token_of

DAY_MS = 86_400_000


@pytest.fixture
def at(tmp_path: Path) -> Iterator[FormsEdge]:
    """An edge."""
    edge = FormsEdge(tmp_path)
    yield edge
    edge.forms.close()


def test_a_form_from_its_first_page_to_the_thanks(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/join?placement=top&utm_source=mail&utm_campaign=may", headers={"Referer": f"{SHOP}/x"})
    assert (page.status_code, names_in(page)) == (200, ["email", "age"])
    (seen,) = at.told()
    assert (seen["event"], seen["properties"]["step"], seen["context"]["campaign"]) == ("Form Viewed", 1, {"source": "mail", "name": "may"})
    assert seen["context"]["page"] == {
        "url": f"{URL}/f/join?placement=top&utm_source=mail&utm_campaign=may",
        "referrer": f"{SHOP}/x",
    }
    second = browser.go(browser.send(page, "/f/join", email="Anna@Example.com", age="42"))
    assert names_in(second) == ["tier", "news"]
    identify, first = at.told("identify", "Form Submitted")
    assert identify["traits"] == {"email": "Anna@example.com", "age": 42, "first_campaign": "may"}
    assert identify["anonymousId"] == seen["anonymousId"] == browser.cookie("beckon_id")
    assert first["properties"] == {
        "placement": "top",
        "first_campaign": "may",
        "form": "join",
        "title": "Join us",
        "step": 1,
        "fields": ["email", "age"],
        "final": False,
    }
    thanks = browser.go(browser.send(second, "/f/join", tier="gold", news="true"))
    assert "Thank you" in thanks.text
    assert [record.get("event", record.get("traits")) for record in at.told()[-3:]] == [
        {"tier": "gold", "first_campaign": "may"},
        "Form Submitted",
        "Consent Given",
    ]
    assert len({record["anonymousId"] for record in at.told()}) == 1


def test_errors_are_said_and_what_was_written_stays(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/join")
    again = browser.send(page, "/f/join", email='anna"><script>', age="17")
    assert again.status_code == 422
    assert '<a href="#f-email">E-mail: This is no e-mail address; one looks like name@example.com.</a>' in again.text
    assert 'aria-describedby="f-age-error" aria-invalid="true"' in again.text
    assert 'value="anna&#34;&gt;&lt;script&gt;"' in again.text
    assert "<script" not in again.text
    assert at.told("identify", "Form Submitted") == []
    assert browser.send(again, "/f/join", email="anna@example.com", age="18").status_code == 303


def test_an_address_that_looks_mistyped_is_asked_about_once(at: FormsEdge) -> None:
    browser = at.browser()
    asked = browser.send(browser.get("/f/join"), "/f/join", email="anna@gamil.com")
    assert "Did you mean anna@gmail.com?" in asked.text
    assert '<input type="hidden" name="beckon-sure" value="anna@gamil.com">' in asked.text
    again = {"email": "anna@gamil.com", "beckon-sure": "anna@gamil.com"}
    assert browser.send(asked, "/f/join", values=again).status_code == 303


def test_a_page_that_is_sent_twice_counts_once(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/join")
    for _ in range(2):
        assert browser.send(page, "/f/join", email="anna@example.com").status_code == 303
    ids = [record["messageId"] for record in at.told("identify", "Form Submitted")]
    assert (len(ids), len(set(ids))) == (4, 2)
    browser.send(page, "/f/join", email="ben@example.com")
    assert len({record["messageId"] for record in at.told("identify", "Form Submitted")}) == 4


def test_nothing_is_answered_as_taken_that_the_log_has_not(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/profile")
    for state in ("full", "away"):
        at.log.full, at.log.away = state == "full", state == "away"
        answer = browser.send(page, "/f/profile", email="anna@example.com", tier="gold")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert 'value="anna@example.com"' in answer.text
        assert "Bitte gleich noch einmal absenden" in answer.text
    at.log.full = at.log.away = False
    assert names_in(browser.get("/f/profile")) == ["email", "tier"], "what the log does not have is not remembered"
    assert browser.send(answer, "/f/profile", email="anna@example.com", tier="gold").status_code == 303


def test_a_log_that_is_full_keeps_nobody_from_a_page(at: FormsEdge) -> None:
    at.log.full = True
    assert at.browser().get("/f/join").status_code == 200


def test_progressive_forms_ask_a_few_and_never_the_same_twice(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/profile")
    assert names_in(page) == ["email", "tier"]
    browser.send(page, "/f/profile", email="anna@example.com", tier="gold")
    page = browser.get("/f/profile")
    assert names_in(page) == ["city", "company"]
    browser.send(page, "/f/profile", city="", company="ACME")
    page = browser.get("/f/profile")
    assert (names_in(page), "schon alles gesagt" in page.text) == ([], True)
    # In another browser it is known by the address alone.
    other = at.browser()
    other.send(other.get("/f/profile"), "/f/profile", email="ANNA@example.com", tier="silver")
    assert names_in(other.get("/f/profile")) == []
    # And who shares the device starts anew.
    assert names_in(browser.get("/f/profile?new")) == ["email", "tier"]
    assert names_in(browser.get("/f/profile")) == ["email", "tier"]


def test_what_is_known_from_elsewhere_is_not_asked(at: FormsEdge) -> None:
    browser = at.browser()
    browser.get("/f/profile")
    told = {"type": "identify", "userId": "u1", "anonymousId": browser.cookie("beckon_id")}
    at.collect({**told, "traits": {"email": "anna@example.com", "tier": "gold", "company": None}})
    assert names_in(browser.get("/f/profile")) == ["city", "company"]


def test_who_wants_no_trace_leaves_none_but_what_it_sends(at: FormsEdge) -> None:
    for headers in ({"Sec-GPC": "1"}, {"DNT": "1"}, {"Cookie": "beckon_consent=no; beckon_id=0123456789abcdef"}):
        browser = at.browser(**headers)
        page = browser.get("/f/join")
        assert (at.told(), page.headers.get("set-cookie")) == ([], None)
        browser.send(page, "/f/join", email="anna@example.com")
        assert len(at.told("identify", "Form Submitted")) == 2
        assert at.told()[0]["anonymousId"] != "0123456789abcdef"
        at.log.lines.clear()


def test_machines_are_told_and_change_nobody(at: FormsEdge) -> None:
    ways = {
        "curl": (at.browser(**{"User-Agent": "curl/8.5.0"}), {}, 5_000),
        "a form filler": (at.browser(), {"more-website": "http://spam.example"}, 5_000),
        "too fast": (at.browser(), {}, 900),
    }
    for name, (browser, more, after_ms) in ways.items():
        page = browser.get("/f/profile")
        at.log.lines.clear()
        assert (
            browser.send(page, "/f/profile", after_ms=after_ms, values={"email": "anna@example.com", "tier": "gold", **more}).status_code
            == 303
        )
        (track,) = at.told()
        assert track["properties"]["machine"] is True, name
        assert track["properties"]["answers"] == {"email": "anna@example.com", "tier": "gold"}
        assert names_in(browser.get("/f/profile")) == ["email", "tier"]


@pytest.mark.parametrize("token", ["", "x", "e30.AAAA"])
def test_a_token_of_nobody_takes_nothing_and_loses_nothing(at: FormsEdge, token: str) -> None:
    answer = at.browser().ask("POST", "/f/join", data={"beckon-token": token, "email": "anna@example.com"})
    assert (answer.status_code, at.told("identify", "Form Submitted")) == (422, [])
    assert 'value="anna@example.com"' in answer.text
    assert "This page was open for a long time" in answer.text


def test_a_page_that_was_open_too_long_is_sent_once_more(at: FormsEdge) -> None:
    browser = at.browser()
    late = browser.send(browser.get("/f/join"), "/f/join", after_ms=DAY_MS + 1, email="anna@example.com")
    assert (late.status_code, at.told("identify")) == (422, [])
    assert browser.send(late, "/f/join", email="anna@example.com").status_code == 303


def test_fields_that_were_not_asked_are_not_taken(at: FormsEdge) -> None:
    browser = at.browser()
    browser.send(browser.get("/f/join"), "/f/join", email="anna@example.com", tier="gold", news="true", vip="true")
    assert at.told("identify")[0]["traits"] == {"email": "anna@example.com"}
    assert at.told("Consent Given") == []


def test_a_token_of_one_form_opens_no_other(at: FormsEdge) -> None:
    browser = at.browser()
    answer = browser.send(browser.get("/f/join"), "/f/confirmed", email="anna@example.com", news="true")
    assert (answer.status_code, at.told("identify")) == (422, [])


# --- double opt-in --------------------------------------------------------------------------------------------------------------------


def asked_to_confirm(at: FormsEdge) -> str:
    """The path of the link that somebody is mailed."""
    browser = at.browser()
    answer = browser.send(browser.get("/f/confirmed"), "/f/confirmed", email="anna@example.com", news="true")
    assert answer.headers["Location"] == f"{SHOP}/welcome"
    (request,) = at.told("Subscription Requested")
    assert request["properties"]["topics"] == ["newsletter"]
    url = str(request["properties"]["confirm_url"])
    assert url.startswith(f"{URL}/f/confirmed/confirm?token=")
    assert "anna" not in url
    return url.removeprefix(URL)


def test_consent_is_given_when_a_button_is_pressed_and_once(at: FormsEdge) -> None:
    path = asked_to_confirm(at)
    assert at.told("Consent Given") == []
    mail_reader = at.browser()
    page = mail_reader.get(path)
    assert "The newsletter" in page.text
    assert at.told("Consent Given") == [], "mail scanners follow links"
    for _ in range(2):
        assert "You are on the list" in mail_reader.go(mail_reader.send(page, path)).text
    given, done = at.told("Consent Given", "Subscription Confirmed")
    event = decode(at.log.lines[-2])
    assert isinstance(event, Event)
    assert [(act.kind, act.about, act.text_version, act.source) for act in acts_of(event)] == [
        ("given", "newsletter", "2026-01", "forms/confirmed"),
        ("proved", "newsletter", "2026-01", "forms/confirmed"),
    ]
    assert given["anonymousId"] == done["anonymousId"] == at.told("identify")[0]["anonymousId"]


def test_an_old_or_changed_link_confirms_nothing(at: FormsEdge) -> None:
    path = asked_to_confirm(at)
    token = path.partition("=")[2]
    reader = at.browser()
    for wrong in (path[:-1], path.replace("=", "=A", 1), path.replace("/confirmed/", "/join/"), "/f/confirmed/confirm"):
        answer = reader.ask("POST", wrong, data={"beckon-token": ""})
        assert (answer.status_code, "does not work any more" in answer.text) == (410, True)
    at.now = START_MS + 8 * DAY_MS
    assert reader.ask("POST", "/f/confirmed/confirm", data={"beckon-token": token}).status_code == 410
    assert at.told("Consent Given") == []


def test_a_token_of_a_page_is_no_grant(at: FormsEdge) -> None:
    browser = at.browser()
    token = token_of(browser.get("/f/confirmed"))
    assert browser.ask("POST", "/f/confirmed/confirm", data={"beckon-token": token}).status_code == 410


# --- what surrounds it ----------------------------------------------------------------------------------------------------------------


def test_a_page_loads_nothing_and_stands_in_no_frame_but_where_it_may(at: FormsEdge) -> None:
    browser = at.browser()
    plain = browser.get("/f/join").headers["Content-Security-Policy"]
    assert plain.startswith("default-src 'none'; style-src 'sha256-")
    assert plain.endswith("form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    embedded = browser.get("/f/join?embed", headers={"Referer": f"{SHOP}/offers"})
    assert embedded.headers["Content-Security-Policy"].endswith(f"frame-ancestors 'self' {SHOP}")
    assert at.told()[-1]["context"]["page"] == {"url": f"{SHOP}/offers"}
    again = browser.send(embedded, "/f/join?embed", email="")
    assert again.headers["Content-Security-Policy"].endswith(f"frame-ancestors 'self' {SHOP}")
    sends = browser.get("/f/confirmed").headers["Content-Security-Policy"]
    assert f"form-action 'self' {SHOP};" in sends


def test_in_a_frame_the_thanks_stay_and_lead_out_of_it(at: FormsEdge) -> None:
    browser = at.browser()
    page = browser.get("/f/confirmed?embed&anonymousId=0123456789abcdef")
    assert page.headers.get("set-cookie") is None
    thanks = browser.go(browser.send(page, "/f/confirmed?embed", email="anna@example.com", news="true"))
    assert f'<a href="{SHOP}/welcome" target="_top">' in thanks.text
    assert "Please follow its link" in thanks.text
    assert at.told("identify")[0]["anonymousId"] == "0123456789abcdef"


@pytest.mark.parametrize("id", ["anna@example.com", "short", "x" * 101, "../../etc"])
def test_an_id_that_is_none_is_not_taken(at: FormsEdge, id: str) -> None:
    at.browser().get("/f/join", params={"anonymousId": id})
    assert at.told()[0]["anonymousId"] != id


def test_who_comes_too_often_has_to_wait(at: FormsEdge) -> None:
    browser = at.browser()
    answers = [browser.get("/f/none") for _ in range(202)]
    assert (answers[0].status_code, answers[-1].status_code, answers[-1].headers["Retry-After"]) == (404, 429, "1")
    assert "Too much comes from this address." in answers[-1].text


@pytest.mark.parametrize(
    "body",
    {
        "not UTF-8": b"\xff\xfe=\xff",
        "percent that is not UTF-8": b"email=%ff%fe",
        "many": b"&".join([b"a=1"] * 3000),
        "nothing": b"",
    }.values(),
)
def test_no_body_is_an_error_of_ours(at: FormsEdge, body: bytes) -> None:
    answer = at.browser().ask("POST", "/f/join", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code in (400, 422)


def test_a_key_of_the_settings_serves_several_edges(tmp_path: Path) -> None:
    one, other = (FormsEdge(tmp_path / name, key="a key of sixteen bytes or more") for name in ("one", "other"))
    browser, elsewhere = one.browser(), other.browser()
    page = browser.get("/f/join")
    assert elsewhere.send(page, "/f/join", email="anna@example.com").status_code == 303
    assert not (tmp_path / "one" / "forms.key").exists()
    one.forms.close()
    other.forms.close()


def test_a_memory_that_breaks_asks_to_come_again(at: FormsEdge, tmp_path: Path) -> None:
    browser = at.browser()
    browser.get("/f/profile")
    for path in tmp_path.glob("forms.sqlite*"):
        with path.open("r+b") as file:
            file.write(b"no database " * 8192)
    answer = browser.get("/f/profile")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The memory of the forms cannot be reached" in answer.text
