"""The pixel: what a query tells, whom it is of, who is not recorded; and through the edge it is shown only once the event is in the log."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from flows.collect import pixel
from flows.collect.app import application
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.keys import Keys
from flows.collect.pixel import read_query
from flows.collect.refusal import Refusal
from operators.plan.read import read_plan
from tests.asgi import Client, ListLog

NOW = 1_790_000_000_000
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
COLLECT = "keys: {web: {kind: browser, key: wk_web_key}, backend: {kind: server}}"
SHOP = "https://shop.example.com/sale?utm_source=x"


class Pixel:
    """An edge with a pixel, and the log behind it."""

    def __init__(self, url: str = "http://edge.example.com") -> None:
        plan = read_plan({"plan.yaml": "name: t", "segments.yaml": "segments: {}", "collect.yaml": COLLECT})
        self.log = ListLog()
        edge = Edge(plan, self.log, lambda: NOW)
        door = Door(("https://shop.example.com",), Keys(plan.collect, {"backend": SecretStr("server-key")}), lambda: NOW)
        self.client = Client(application(edge, door, pixel.routes(edge, door, url)), url, headers={"User-Agent": CHROME})

    def get(self, headers: dict[str, str] | None = None, key: str = "wk_web_key", **query: str) -> Any:
        return self.client.get("/v1/pixel.gif", params={"writeKey": key, **query}, headers=headers)


@pytest.fixture
def shown() -> Pixel:
    return Pixel()


CALLS: dict[str, tuple[dict[str, str], str, dict[str, Any]]] = {
    "a page": ({"name": "Home"}, "page", {"name": "Home", "properties": {"url": SHOP}}),
    "a page, by its url": ({"url": "/x", "properties": '{"a": 1}'}, "page", {"properties": {"url": "/x", "a": 1}}),
    "a page, url in its properties": ({"properties": '{"url": "/y"}'}, "page", {"properties": {"url": "/y"}}),
    "a user": ({"userId": "u1", "email": "Anna@example.com"}, "page", {"userId": "u1", "properties": {"url": SHOP}}),
    "a visitor": ({"anonymousId": "a1", "messageId": "m1"}, "page", {"anonymousId": "a1", "messageId": "m1", "properties": {"url": SHOP}}),
    "an event": ({"event": "Video Played"}, "track", {"event": "Video Played", "properties": {}}),
    "an event, said twice": ({"e": "track", "event": "X"}, "track", {"event": "X", "properties": {}}),
    "an open": ({"e": "open", "userId": "u1"}, "track", {"event": "Email Opened", "userId": "u1", "properties": {}}),
    "an open by address": (
        {"e": "open", "email": " Anna.Smith+x@GMail.com"},
        "track",
        {"event": "Email Opened", "anonymousId": "annasmith@gmail.com", "properties": {}},
    ),
    "what mail services add": ({"e": "open", "userId": "u1", "utm_source": "x"}, "track", {"event": "Email Opened", "userId": "u1"}),
    "nothing": ({"userId": "", "event": "", "e": "", "properties": ""}, "page", {"properties": {"url": SHOP}}),
}


@pytest.mark.parametrize(("query", "call", "fields"), CALLS.values(), ids=CALLS)
def test_what_a_query_tells(query: dict[str, str], call: str, fields: dict[str, Any]) -> None:
    seen = read_query(query, SHOP)
    assert call == seen.call
    assert {"properties": {}, "context": {"library": {"name": "beckon-pixel"}}, **fields} == seen.fields


WRONG = {
    "an open of nobody": ({"e": "open"}, "an open must say whose it is: by `userId`, `anonymousId` or `email`"),
    "no address": ({"e": "open", "email": "anna"}, "`email` must be an e-mail address"),
    "another kind": ({"e": "click"}, "`e` must be 'page', 'open' or 'track'; what is to be tracked stands in `event`"),
    "no event": ({"e": "track"}, "`e` must be 'page', 'open' or 'track'; what is to be tracked stands in `event`"),
    "no JSON": ({"properties": "{"}, "`properties` must be a JSON object"),
    "no object": ({"properties": "[1]"}, "`properties` must be a JSON object"),
    "too deep": ({"properties": '{"a":' * 21 + "1" + "}" * 21}, "`properties` must be a JSON object"),
    "an act": ({"event": "Consent Given", "userId": "u"}, "a pixel cannot tell of this event: what fetches pictures is often a machine"),
}


@pytest.mark.parametrize(("query", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_query(query)
    assert (400, sentence) == (refused.value.status, refused.value.sentence)


def test_the_answer_is_one_transparent_pixel_that_nobody_keeps(shown: Pixel) -> None:
    answer = shown.get(name="Home")
    assert (answer.status_code, answer.headers["content-type"], len(answer.content)) == (200, "image/gif", 43)
    assert answer.content == base64.b64decode("R0lGODlhAQABAPAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_view_is_in_the_log_as_it_was(shown: Pixel) -> None:
    shown.get({"Referer": SHOP}, name="Home", anonymousId="a1")
    assert shown.log.records == [
        {
            "type": "page",
            "name": "Home",
            "anonymousId": "a1",
            "messageId": shown.log.records[0]["messageId"],
            "properties": {"url": SHOP},
            "context": {"library": {"name": "beckon-pixel"}},
            "receivedAt": "2026-09-21T14:13:20.000Z",
        }
    ]


def test_a_visitor_without_an_id_gets_one_and_keeps_it(shown: Pixel) -> None:
    first = shown.get(name="Home")
    given = first.headers["set-cookie"]
    anonymous_id = given.partition("=")[2].partition(";")[0]
    assert given == f"beckon_id={anonymous_id}; Max-Age=31536000; Path=/; SameSite=Lax"
    assert "set-cookie" not in shown.get(name="Sale").headers
    assert [record["anonymousId"] for record in shown.log.records] == [anonymous_id] * 2


def test_over_tls_the_cookie_is_secure() -> None:
    assert Pixel("https://edge.example.com").get(name="Home").headers["set-cookie"].endswith("; Secure")


def test_a_cookie_that_is_none_of_ours_is_replaced(shown: Pixel) -> None:
    answer = shown.get({"Cookie": "beckon_id=a@b.example"})
    assert "beckon_id=" in answer.headers["set-cookie"]
    assert shown.log.records[0]["anonymousId"] != "a@b.example"


NO = {"gpc": {"Sec-GPC": "1"}, "dnt": {"DNT": "1"}, "both": {"Sec-GPC": "1", "DNT": "1"}, "by name": {"Cookie": "beckon_consent=no"}}


@pytest.mark.parametrize("headers", NO.values(), ids=NO)
def test_nothing_is_recorded_of_who_says_no(shown: Pixel, headers: dict[str, str]) -> None:
    answer = shown.get(headers, name="Home", userId="u1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert "set-cookie" not in answer.headers
    assert shown.log.records == []


YES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "in the query": ({"Sec-GPC": "1", "DNT": "1"}, {"consent": "yes"}),
    "in the cookie": ({"Sec-GPC": "1", "Cookie": "beckon_consent=yes"}, {}),
    "after a no": ({"Cookie": "beckon_consent=no"}, {"consent": "yes"}),
    "no no": ({"Sec-GPC": "0", "DNT": "0"}, {}),
}


@pytest.mark.parametrize(("headers", "query"), YES.values(), ids=YES)
def test_who_consents_by_name_is_recorded(shown: Pixel, headers: dict[str, str], query: dict[str, str]) -> None:
    assert shown.get(headers, name="Home", **query).status_code == 200
    assert len(shown.log.records) == 1


def test_a_consent_that_is_neither_is_a_no(shown: Pixel) -> None:
    shown.get(consent="maybe")
    assert shown.log.records == []


def test_a_machine_is_recorded_and_marked(shown: Pixel) -> None:
    shown.get({"User-Agent": "Mozilla/5.0"}, e="open", email="anna@example.com")
    assert shown.log.records[0]["properties"] == {"agent": "Apple Mail Privacy Protection", "machine": True}
    assert shown.log.records[0]["anonymousId"] == "anna@example.com"


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "no key": ({"key": ""}, 401),
    "another key": ({"key": "wk_other_key"}, 401),
    "a server's key": ({"key": "server-key"}, 403),
    "a server's event": ({"event": "Email Delivered", "userId": "u"}, 403),
    "an open of nobody": ({"e": "open"}, 400),
}


@pytest.mark.parametrize(("query", "status"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_told_as_everywhere(shown: Pixel, query: dict[str, str], status: int) -> None:
    answer = shown.get(None, **query)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    assert "set-cookie" not in answer.headers
    assert shown.log.records == []


def test_a_log_that_takes_no_more_shows_no_pixel(shown: Pixel) -> None:
    shown.log.full = True
    full = shown.get(name="Home")
    shown.log.full, shown.log.away = False, True
    away = shown.get(name="Home")
    for answer in (full, away):
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")
        assert int(answer.headers["retry-after"]) > 0


def test_a_look_at_the_head_records_nothing(shown: Pixel) -> None:
    answer = shown.client.ask("HEAD", "/v1/pixel.gif", params={"writeKey": "wk_web_key", "name": "Home"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, "43")
    assert shown.log.records == []
