"""beckon.js in a real browser: what its calls put into the log, and that nothing is kept or sent of who says no."""

from __future__ import annotations

import pytest

from tests.browser.shop import Shop, emptied, kept, opened, waiting
from tests.browser.site import Visitor
from tests.command import until
from tests.edge import WEB


def test_calls_before_and_after_the_script_are_in_the_log(shop: Shop, visitor: Visitor) -> None:
    url = shop.page("/", "beckon('page', 'Home', {a: 1}); beckon('track', 'Video Played', {seconds: 3});")
    page = opened(visitor(), url + "?utm_source=x&utm_campaign=y")
    page.evaluate("beckon('identify', 'u1', {email: 'anna@example.com'}); beckon('page'); beckon('track', 'Seen')")
    home, video, identify, bare, seen = shop.logged(5)
    assert (home["type"], home["name"], home["properties"]["a"], home["properties"]["path"]) == ("page", "Home", 1, "/")
    assert (video["type"], video["event"], video["properties"]) == ("track", "Video Played", {"seconds": 3})
    assert (identify["type"], identify["userId"], identify["traits"]) == ("identify", "u1", {"email": "anna@example.com"})
    assert "name" not in bare
    assert "properties" not in seen
    assert len({event["anonymousId"] for event in (home, video, identify, bare, seen)}) == 1
    assert ["userId" in event for event in (home, video, identify, bare, seen)] == [False, False, True, True, True]
    assert len({event["messageId"] for event in (home, video, identify, bare, seen)}) == 5
    context = home["context"]
    assert context["library"] == {"name": "beckon.js"}
    assert context["campaign"] == {"source": "x", "name": "y"}
    assert context["page"]["url"] == f"{shop.site.url}/?utm_source=x&utm_campaign=y"
    assert home["sentAt"] >= home["originalTimestamp"]
    emptied(page)


def test_the_id_is_the_same_on_every_page_and_another_for_another_visitor(shop: Shop, visitor: Visitor) -> None:
    first, other = visitor(), visitor()
    home, sale = shop.page("/", "beckon('page');"), shop.page("/sale", "beckon('page');")
    for page, url in ((first, home), (first, sale), (other, home)):
        emptied(opened(page, url))
    one, two, three = (event["anonymousId"] for event in shop.logged(3))
    assert one == two == kept(first)["beckon_id"] != three
    cookie = next(cookie for cookie in first.context.cookies() if cookie["name"] == "beckon_id")
    assert (cookie.get("path"), cookie.get("sameSite")) == ("/", "Lax")


def test_a_new_visitor_after_a_reset_or_another_user(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page())
    page.evaluate("beckon('identify', 'u1'); beckon('track', 'A'); beckon('reset'); beckon('track', 'B')")
    page.evaluate("beckon('identify', 'u2'); beckon('identify', 'u3'); beckon('identify', {plan: 'gold'})")
    found = shop.logged(6)
    assert [event.get("userId") for event in found] == ["u1", "u1", None, "u2", "u3", "u3"]
    assert [found[i]["anonymousId"] == found[i + 1]["anonymousId"] for i in range(5)] == [True, False, True, False, True]
    assert found[5]["traits"] == {"plan": "gold"}


def test_acts_of_consent_name_their_topics(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page())
    page.evaluate("beckon('consent', {newsletter: true, offers: false, tips: true}, {text_version: '3', source: 'footer'})")
    given, withdrawn = shop.logged(2)
    proof = {"text_version": "3", "source": "footer"}
    assert (given["event"], given["properties"]) == ("Consent Given", {"topics": ["newsletter", "tips"], **proof})
    assert (withdrawn["event"], withdrawn["properties"]) == ("Consent Withdrawn", {"topics": ["offers"], **proof})


def test_a_wrong_call_breaks_no_page(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page())
    page.evaluate("const ring = {}; ring.ring = ring; beckon('trak', 'A'); beckon('track', 'B', ring); beckon('track', 'C')")
    assert [event["event"] for event in shop.logged(1)] == ["C"]


def test_it_runs_where_no_inline_script_may(shop: Shop, visitor: Visitor) -> None:
    shop.site.headers["Content-Security-Policy"] = f"default-src 'none'; script-src {shop.edge.url}; connect-src {shop.edge.url}"
    shop.site.pages["/"] = f'<!doctype html><title>x</title><script async src="{shop.edge.url}/beckon.js" data-key="{WEB}"></script>'
    page = visitor()
    # Playwright's waiting for something on a page is an eval there.
    page.goto(shop.site.url)
    page.evaluate("beckon('track', 'A')")
    assert len(shop.logged(1)) == 1
    until(lambda: waiting(page) == [], shop.edge.process)


# --- who says no ----------------------------------------------------------------------------------------------------------------------

NO: dict[str, tuple[dict[str, bool], str]] = {
    "gpc": ({"gpc": True}, ""),
    "dnt": ({"dnt": True}, ""),
    "consent is required": ({}, "data-consent='required'"),
}
CALLS = "beckon('identify', 'u1'); beckon('page'); beckon('track', 'A');"


@pytest.mark.parametrize(("says", "options"), NO.values(), ids=NO)
def test_nothing_is_stored_or_sent_before_a_consent(shop: Shop, visitor: Visitor, says: dict[str, bool], options: str) -> None:
    page = visitor(**says)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(shop.edge.url)))
    url = shop.page("/", CALLS + "(window.dataLayer = window.dataLayer || []).push({event: 'search', search_term: 'x'});", options)
    opened(page, url)
    page.evaluate("beckon('track', 'B'); dataLayer.push({event: 'add_to_cart', ecommerce: {items: [{item_id: 'x'}]}})")
    opened(page, shop.page("/other", "beckon('track', 'C');", options))
    assert kept(page) == {}
    page.evaluate("beckon('consent', true)")
    # What this page has heard counts now; of those before nothing is left.
    assert [event["event"] for event in shop.logged(1)] == ["C"]
    emptied(page)
    assert [path for path in asked if path.startswith("/v1/")] == ["/v1/batch"]
    page.goto(url)
    assert len(shop.logged(5)) == 5
    assert kept(page)["beckon_consent"] == "yes"


def test_a_withdrawal_stops_and_deletes(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page("/", "beckon('identify', 'u1');"))
    emptied(page)
    page.context.set_offline(offline=True)
    page.evaluate("beckon('track', 'A'); beckon('consent', false); beckon('track', 'B')")
    page.context.set_offline(offline=False)
    opened(page, page.url)
    page.evaluate("beckon('track', 'C')")
    assert kept(page) == {"beckon_consent": "no"}
    page.evaluate("beckon('consent', true); beckon('track', 'D')")
    identify, later = shop.logged(2)
    assert (later["event"], "userId" in later) == ("D", False)
    assert later["anonymousId"] != identify["anonymousId"]
