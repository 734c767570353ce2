"""beckon.js in a real browser: nothing is lost or counted twice, whatever becomes of the network, the edge, the page and other tabs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.shop import Shop, emptied, opened, waiting
from tests.browser.site import Visitor


def test_what_is_done_offline_is_sent_later_once_and_in_order(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    page.context.set_offline(offline=True)
    page.evaluate("for (let i = 0; i < 70; i++) beckon('track', 'Seen', {i})")
    page.wait_for_function("localStorage.beckon_wait")
    assert len(waiting(page)) == 70
    page.context.set_offline(offline=False)
    assert [event["properties"]["i"] for event in shop.logged(70)] == list(range(70))
    emptied(page)
    assert len(shop.edge.lines()) == 70


def test_an_edge_that_is_away_gets_it_when_it_is_back_also_from_another_page(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    shop.edge.stop()
    page.evaluate("beckon('track', 'A')")
    page.wait_for_function("localStorage.beckon_wait")
    shop.edge.start()
    page.evaluate("delete localStorage.beckon_wait")
    page.goto(shop.page("/other"))
    emptied(page)
    assert {event["event"] for event in shop.logged(1)} == {"A"}
    assert len({event["messageId"] for event in shop.logged(1)}) == 1


def answer(page: Page, url: str, status: int, headers: dict[str, str], times: int) -> list[dict[str, Any]]:
    """Lets what is sent be answered so, by somebody before the edge; what it saw."""
    seen = []

    def intercept(route: Route) -> None:
        seen.append(json.loads(route.request.post_data or "{}"))
        cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
        route.fulfill(status=status, headers={**cors, **headers}, body="{}")

    page.route(f"{url}/v1/batch", intercept, times=times)
    return seen


def test_retry_after_is_kept_and_a_retry_has_the_same_message_id(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    seen = answer(page, shop.edge.url, 503, {"Retry-After": "100"}, times=1)
    page.evaluate("beckon('track', 'A')")
    page.wait_for_function("localStorage.beckon_wait > Date.now() + 90000 && localStorage.beckon_wait < Date.now() + 126000")
    page.evaluate("beckon('track', 'B')")
    opened(page, page.url)
    assert [event["event"] for event in waiting(page)] == ["A", "B"]
    page.evaluate("delete localStorage.beckon_wait; dispatchEvent(new Event('online'))")
    found = shop.logged(2)
    assert seen[0]["batch"][0]["messageId"] in {event["messageId"] for event in found}
    assert {event["event"] for event in found} == {"A", "B"}
    emptied(page)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502])
def test_what_may_come_right_stays_in_the_queue(shop: Shop, visitor: Visitor, status: int) -> None:
    page = opened(visitor(errors=False), shop.page())
    seen = answer(page, shop.edge.url, status, {}, times=1)
    page.evaluate("beckon('track', 'A')")
    # After a second or so it is sent again.
    emptied(page)
    assert [event["messageId"] for event in shop.logged(1)] == [seen[0]["batch"][0]["messageId"]]


def test_what_is_refused_for_good_does_not_take_the_rest_with_it(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    deep = "let deep = 1; for (let i = 0; i < 30; i++) deep = [deep];"
    page.evaluate(f"{deep} beckon('track', 'A'); beckon('track', 'Deep', {{deep}}); beckon('track', 'B')")
    assert [event["event"] for event in shop.logged(2)] == ["A", "B"]
    emptied(page)
    page.evaluate("beckon('track', 'C'); beckon('track', 'D')")
    assert [event["event"] for event in shop.logged(4)][2:] == ["C", "D"]


def test_an_event_of_many_bytes_is_sent(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    page.evaluate(
        "for (let i = 0; i < 3; i++) beckon('track', 'A', {text: '漢'.repeat(40000)}); beckon('track', 'B', {text: 'x'.repeat(600000)})"
    )
    assert [len(event["properties"]["text"]) for event in shop.logged(3)] == [40_000] * 3
    emptied(page)


def test_the_queue_has_an_end_and_the_oldest_goes_first(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(errors=False), shop.page())
    page.context.set_offline(offline=True)
    page.evaluate("for (let i = 0; i < 1010; i++) beckon('track', 'Seen', {i})")
    assert [event["properties"]["i"] for event in waiting(page)] == list(range(10, 1010))


def test_what_happens_as_the_page_is_left_is_sent(shop: Shop, visitor: Visitor) -> None:
    page = visitor()
    shop.site.pages["/next"] = "<title>Next</title>"
    opened(page, shop.page("/", body="<a href='/next' onclick=\"beckon('track', 'Left', {text: 'x'.repeat(100)})\">next</a>"))
    page.click("a")
    assert page.title() == "Next"
    assert {event["event"] for event in shop.logged(1)} == {"Left"}
    # It is kept until an answer was seen, so the next page of the shop may send it again: as the same message.
    page.goto(shop.page())
    emptied(page)
    assert len({event["messageId"] for event in shop.logged(1)}) == 1


def test_a_page_that_is_closed_at_once_loses_nothing(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page())
    page.evaluate("beckon('track', 'Last')")
    page.close(run_before_unload=True)
    assert {event["event"] for event in shop.logged(1)} == {"Last"}


def test_two_tabs_at_once_neither_lose_nor_double(shop: Shop, visitor: Visitor) -> None:
    one = visitor(errors=False)
    url = shop.page()
    two = one.context.new_page()
    for tab in (one, two):
        opened(tab, url)
    one.context.set_offline(offline=True)
    for tab in (one, two):
        tab.evaluate("for (let i = 0; i < 60; i++) beckon('track', 'Seen', {i})")
    one.wait_for_function("Object.keys(localStorage).filter(k => k.startsWith('beckon_q')).length == 120")
    one.context.set_offline(offline=False)
    for tab in (one, two):
        emptied(tab)
    ids = [event["messageId"] for event in shop.logged(120)]
    assert len(set(ids)) == len(ids) == 120
    assert len({event["anonymousId"] for event in shop.logged(120)}) == 1


def test_what_a_tab_left_is_sent_by_the_next_to_come_but_not_what_another_still_has(shop: Shop, visitor: Visitor) -> None:
    one = opened(visitor(errors=False), shop.page())
    two = opened(one.context.new_page(), shop.page())
    shop.edge.stop()
    for tab, name in ((one, "A"), (two, "B")):
        tab.evaluate(f"beckon('track', '{name}')")
        tab.wait_for_function("localStorage.beckon_wait")
    one.evaluate("localStorage.beckon_wait = Date.now() + 1e6")
    one.close()
    three = opened(two.context.new_page(), shop.site.url)
    # The script is there although the edge is away: the browser has kept it.
    three.wait_for_function("Object.keys(localStorage).filter(k => k.startsWith('beckon_q')).length == 2")
    shop.edge.start()
    for tab in (two, three):
        tab.evaluate("dispatchEvent(new Event('online'))")
    emptied(two)
    assert sorted(event["event"] for event in shop.logged(2)) == ["A", "B"]


def test_without_storage_it_works_from_memory(shop: Shop, visitor: Visitor) -> None:
    page = visitor()
    page.context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})")
    opened(page, shop.page("/", "beckon('track', 'A');"))
    page.evaluate("beckon('track', 'B')")
    assert len({event["anonymousId"] for event in shop.logged(2)}) == 1
