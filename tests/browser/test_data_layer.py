"""beckon.js and a Tag Manager's dataLayer: e-commerce events of GA4 and the older ones, as those of Segment that a tracking plan knows."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from playwright.sync_api import Page

from flows.plan_folder import open_plan
from operators.decode import decode
from operators.emit import Emit
from operators.plan.checked import TrackingPlan
from operators.tracking.keep import Tracking
from schemas.event import Event
from tests.browser.shop import Shop, emptied, opened
from tests.browser.site import Visitor
from tests.command import SHOP

CATALOG = [
    {"item_id": "pho-01", "item_name": "Ilmen 5", "item_brand": "Ilmen", "item_category": "Phones", "price": 449, "quantity": 2},
    {"item_id": 7, "item_name": "Case", "item_category": "Cases", "price": "19.90", "index": 3},
]


@pytest.fixture(scope="module")
def tracking() -> Tracking:
    return Tracking(open_plan(SHOP).tracking or TrackingPlan((), "flag"))


def breaks(tracking: Tracking, events: list[dict[str, Any]]) -> list[str]:
    """What of these events breaks the tracking plan of the shop; those that it does not have break nothing."""
    emit = Emit("test", 1)
    for record in events:
        raw = orjson.dumps(record)
        event = decode(raw)
        assert isinstance(event, Event)
        tracking.keep(event, raw, emit)
    return sorted(f"{found.field} {found.problem}" for found in emit.counts.quality if found.problem != "unknown_event")


def pushed(shop: Shop, page: Page, pushes: list[Any], number: int) -> list[dict[str, Any]]:
    """What these pushes put into the log, so much of it, and no more."""
    page.evaluate("pushes => pushes.forEach(push => dataLayer.push(push))", pushes)
    shop.logged(number)
    emptied(page)
    return shop.logged(number)


def items(**more: Any) -> dict[str, Any]:
    return {"ecommerce": {"currency": "EUR", "value": 898, "items": CATALOG[:1], **more}}


GA4 = [
    {"event": "view_item_list", "ecommerce": {"item_list_id": 5, "item_list_name": "Phones", "items": CATALOG}},
    {"event": "search", "search_term": "phone"},
    {"event": "select_item", **items()},
    {"event": "add_to_wishlist", **items()},
    {"event": "add_to_cart", **items(items=CATALOG)},
    {"event": "remove_from_cart", **items(items=CATALOG[1:])},
    {"ecommerce": None},
    {"event": "view_cart", **items()},
    {"event": "begin_checkout", **items()},
    {"event": "add_payment_info", **items(payment_type="card")},
    {"event": "purchase", **items(transaction_id=17, value=898.1, tax=0.2, shipping="4.90")},
    {"event": "refund", "ecommerce": {"transaction_id": "17"}},
    {"event": "view_promotion", "ecommerce": {"promotion_id": "p1", "promotion_name": "Sale", "items": CATALOG[:1]}},
]
STRANGE = [{"event": "purchase"}, {"event": "newsletter_signup", "items": []}, "gtm.dom", None, 5, {"event": "view_item", "ecommerce": 3}]


def test_e_commerce_of_ga4_keeps_the_tracking_plan_of_the_shop(shop: Shop, visitor: Visitor, tracking: Tracking) -> None:
    before = {"event": "view_item", "ecommerce": {"currency": "EUR", "value": 1, "items": CATALOG[:1]}}
    page = opened(visitor(), shop.page("/", f"dataLayer = [{{event: 'gtm.js'}}, {json.dumps(before)}];"))
    found = pushed(shop, page, [*GA4, *STRANGE], 14)
    assert [event["event"] for event in found] == [
        *("Product Viewed", "Product List Viewed", "Products Searched", "Product Clicked", "Product Added to Wishlist"),
        *("Product Added", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started", "Payment Info Entered"),
        *("Order Completed", "Order Refunded", "Promotion Viewed"),
    ]
    assert breaks(tracking, found) == []
    by_name = {event["event"]: event["properties"] for event in found}
    phone = {"product_id": "pho-01", "name": "Ilmen 5", "brand": "Ilmen", "category": "Phones", "price": 449, "quantity": 2}
    case = {"product_id": "7", "name": "Case", "category": "Cases", "price": 19.9, "quantity": 1, "position": 3}
    assert by_name["Product Viewed"] == {**phone, "currency": "EUR"}
    assert by_name["Product List Viewed"] == {"list_id": "5", "category": "Phones", "products": [phone, case]}
    assert by_name["Products Searched"] == {"query": "phone"}
    cart_id = by_name["Order Completed"]["cart_id"]
    assert by_name["Product Added"] == {**case, "currency": "EUR", "cart_id": cart_id}
    assert by_name["Cart Viewed"] == {"currency": "EUR", "value": 898, "cart_id": cart_id, "products": [phone]}
    assert by_name["Order Completed"] == {
        "order_id": "17",
        "cart_id": cart_id,
        "currency": "EUR",
        "products": [phone],
        "total": 903.2,
        "revenue": 898.1,
        "tax": 0.2,
        "shipping": 4.9,
    }
    assert by_name["Order Refunded"] == {"order_id": "17"}
    assert by_name["Promotion Viewed"] == {"promotion_id": "p1", "name": "Sale", "products": [phone]}


def test_the_next_cart_is_another_one(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page("/", "dataLayer = [];"))
    order = {"event": "purchase", **items(transaction_id="1")}
    own = {"event": "view_cart", **items(cart_id=9)}
    found = pushed(shop, page, [GA4[4], order, GA4[4], own], 6)
    carts = [event["properties"]["cart_id"] for event in found]
    assert carts[0] == carts[1] == carts[2] != carts[3] == carts[4]
    assert carts[5] == "9"


def test_the_calls_of_gtag_are_heard(shop: Shop, visitor: Visitor) -> None:
    page = opened(visitor(), shop.page("/", "dataLayer = []; function gtag() { dataLayer.push(arguments); } gtag('js', new Date());"))
    page.evaluate("gtag('event', 'search', {search_term: 'x'}); gtag('config', 'G-1'); gtag('event', 'page_view')")
    page.evaluate("event => gtag('event', 'view_item', event)", {"currency": "EUR", "items": CATALOG[:1]})
    assert [event["event"] for event in shop.logged(2)] == ["Products Searched", "Product Viewed"]


PRODUCT = {"id": "pho-01", "name": "Ilmen 5", "brand": "Ilmen", "category": "Phones", "price": "449.00", "quantity": 1, "variant": "black"}
UNIVERSAL = [
    {"ecommerce": {"currencyCode": "EUR", "impressions": [{**PRODUCT, "list": "Phones"}]}},
    {"event": "productClick", "ecommerce": {"click": {"actionField": {"list": "Phones"}, "products": [PRODUCT]}}},
    {"ecommerce": {"detail": {"actionField": {"list": "Phones"}, "products": [PRODUCT]}}},
    {"event": "addToCart", "ecommerce": {"currencyCode": "EUR", "add": {"products": [PRODUCT]}}},
    {"event": "removeFromCart", "ecommerce": {"remove": {"products": [PRODUCT]}}},
    {"event": "checkout", "ecommerce": {"checkout": {"actionField": {"step": 1}, "products": [PRODUCT]}}},
    {"event": "checkout", "ecommerce": {"checkout": {"actionField": {"step": 2}, "products": [PRODUCT]}}},
    {
        "ecommerce": {
            "currencyCode": "EUR",
            "purchase": {
                "actionField": {"id": "T12345", "revenue": "458.90", "tax": "4.90", "shipping": "5.00", "coupon": "SALE"},
                "products": [PRODUCT],
            },
        }
    },
    {"ecommerce": {"refund": {"actionField": {"id": "T12345"}}}},
]


def test_the_older_e_commerce_is_the_same(shop: Shop, visitor: Visitor, tracking: Tracking) -> None:
    page = opened(visitor(), shop.page("/", "dataLayer = [];"))
    found = pushed(shop, page, UNIVERSAL, 8)
    assert [event["event"] for event in found] == [
        *("Product List Viewed", "Product Clicked", "Product Viewed", "Product Added", "Product Removed"),
        *("Checkout Started", "Order Completed", "Order Refunded"),
    ]
    assert breaks(tracking, found) == []
    product = {**PRODUCT, "product_id": "pho-01", "price": 449}
    del product["id"]
    order = found[6]["properties"]
    assert order == {
        "order_id": "T12345",
        "cart_id": order["cart_id"],
        "currency": "EUR",
        "coupon": "SALE",
        "products": [product],
        "total": 458.9,
        "revenue": 449,
        "tax": 4.9,
        "shipping": 5,
    }
    assert found[0]["properties"] == {"category": "Phones", "currency": "EUR", "products": [product]}


def test_the_page_pushes_as_before(shop: Shop, visitor: Visitor) -> None:
    manager = "const push = dataLayer.push; dataLayer.push = (...all) => (all.forEach(each => push.call(dataLayer, each)), 'gtm');"
    page = opened(visitor(), shop.page("/", f"dataLayer = [1]; {manager}"))
    assert page.evaluate("[dataLayer.push({a: 1}, {b: 2}), dataLayer]") == ["gtm", [1, {"a": 1}, {"b": 2}]]


def test_another_layer_or_none(shop: Shop, visitor: Visitor) -> None:
    push = (
        "(window.dataLayer = []).push({event: 'search', search_term: 'x'}); (window.mine = []).push({event: 'search', search_term: 'y'});"
    )
    one, none = visitor(), visitor()
    opened(one, shop.page("/", push, "data-layer='mine'"))
    opened(none, shop.page("/none", push + "beckon('track', 'A');", "data-layer=''"))
    assert {event.get("properties", {}).get("query") for event in shop.logged(2)} == {"y", None}
