"""The plans of the benchmarks, as folders: what a shop of this size would write, over the events of `generate.py`.

    one_rule        viewed and not bought within 7 days; no history, no duplicate check: what the peers do
    one_rule_full   the same with both
    twenty          20 segments, 10 of them depend on time, with history, duplicate check and timers
    twenty_plain    `twenty` over events as they come: no data is cleaned, no ids are linked
    two_hundred     these and 180 more, by category, brand, price, total, frequency, mail and city, as a shop grows them: each reads
                    events that occur
    latency         `twenty`, and a campaign that answers each view, so that each view gives a trigger

Each holds the one rule as `warm_leads`, so every run can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.bench.compare import RULE, SEGMENT
from tests.bench.generate import BRANDS, CATEGORIES, CITIES

Segments = dict[str, str]

VIEW, CART, ORDER = "'Product Viewed'", "'Product Added'", "'Order Completed'"
SHOES = "where=category == 'shoes'"


def one_rule() -> Segments:
    """The rule alone."""
    return {SEGMENT: RULE}


def twenty() -> Segments:
    """The first ten depend on time, the others on events and traits alone."""
    return {
        **one_rule(),
        "viewed_not_bought_72h": f"since({VIEW}) >= '72h' and not did({ORDER}, after={VIEW})",
        "cart_abandoners": f"since({CART}) >= '30m' and since({CART}) < '72h' and not did({ORDER}, after={CART})",
        "hot_viewers": f"count({VIEW}, within='7d') > 3",
        "hot_shoes": f"count({VIEW}, within='7d', {SHOES}) > 3 and not did({CART}, within='7d', {SHOES})",
        "recent_buyers": f"did({ORDER}, within='72h')",
        "loyal": f"count({ORDER}, within='10d') >= 2",
        "lapsed": f"segment('customers') and since({VIEW}) >= '5d'",
        "cold_carts": "in_segment_for('stage_carted') >= '3d'",
        "mail_readers": "count('Email Opened', within='10d') >= 2",
        "customers": f"did({ORDER})",
        "stage_carted": f"did({CART}) and not did({ORDER}, after={CART})",
        "stage_purchased": f"did({ORDER}) and not did([{VIEW}, {CART}], after={ORDER})",
        "stage_viewed": f"did({VIEW}) and not segment('stage_carted') and not segment('stage_purchased')",
        "gold": "trait.tier == 'gold'",
        "newsletter_de": "trait.newsletter and trait.city in ['Berlin', 'Hamburg']",
        "big_orders": f"did({ORDER}, where=total > 200)",
        "many_views": f"count({VIEW}) >= 20",
        "began_with_shoes": f"first({VIEW}, 'category') == 'shoes'",
        "looks_at_dear_things": f"last({VIEW}, 'price') > 200",
    }


def two_hundred() -> Segments:
    """`twenty`, and what the departments of a shop add to it."""
    segments = twenty()
    for each in CATEGORIES:
        its = f"where=category == '{each}'"
        segments |= {
            f"{each}_interested": f"count({VIEW}, within='7d', {its}) >= 3",
            f"{each}_today": f"did({VIEW}, within='24h', {its})",
            f"{each}_undecided": f"did({VIEW}, within='7d', {its}) and not did({CART}, within='7d', {its})",
            f"{each}_in_cart": f"since({CART}, {its}) >= '1h' and not did({ORDER}, after={CART})",
            f"{each}_fans": f"count({VIEW}, {its}) >= 10",
            f"{each}_last": f"last({VIEW}, 'category') == '{each}' and not did({ORDER}, within='3d')",
        }
    for each in BRANDS:
        its = f"brand == '{each}'"
        name = each.lower()
        segments |= {
            f"{name}_followers": f"count({VIEW}, within='10d', where={its}) >= 3",
            f"{name}_dear": f"did({VIEW}, within='7d', where={its} and price > 200)",
            f"{name}_carted": f"did({CART}, within='7d', where={its})",
        }
    for price in (20, 50, 100, 150, 250, 350):
        segments[f"views_over_{price}_3d"] = f"did({VIEW}, within='3d', where=price > {price})"
        segments[f"carts_over_{price}_7d"] = f"did({CART}, within='7d', where=price > {price})"
    for total in (50, 100, 150, 250, 300):
        segments[f"orders_over_{total}"] = f"did({ORDER}, where=total > {total})"
        segments[f"orders_over_{total}_7d"] = f"did({ORDER}, within='7d', where=total > {total})"
    for number in (5, 10, 25, 50):
        segments[f"views_{number}_1d"] = f"count({VIEW}, within='1d') >= {number}"
        segments[f"views_{number}_7d"] = f"count({VIEW}, within='7d') >= {number}"
    for days in (1, 3, 7):
        segments[f"opened_{days}d"] = f"did('Email Opened', within='{days}d')"
        segments[f"clicked_{days}d"] = f"did('Email Link Clicked', within='{days}d')"
        segments[f"unmoved_{days}d"] = f"did('Email Delivered', within='{days}d') and not did('Email Opened', within='{days}d')"
    segments["checkout_left"] = f"since('Checkout Started') >= '1h' and not did({ORDER}, after='Checkout Started')"
    for city in CITIES:
        segments[f"in_{city.lower()}"] = f"trait.city == '{city}' and did({VIEW}, within='7d')"
    return segments


HEAD = "timezone: Europe/Berlin\nlateness: 10s\n"
BARE = HEAD + "history: none\nduplicates: off\n"
FULL = HEAD + "history: 400d\nduplicates: 7d\n"
GREETING = "title: An answer to each view\non: event Product Viewed\nre_enter: always\nsteps:\n  - send: greeting\n"

PLANS: dict[str, tuple[str, Callable[[], Segments]]] = {
    "one_rule": (BARE, one_rule),
    "one_rule_full": (FULL, one_rule),
    "twenty": (FULL, twenty),
    "twenty_plain": (FULL + "clean: off\nidentity: off\n", twenty),
    "two_hundred": (FULL, two_hundred),
    "latency": (FULL, twenty),
}


def write(kind: str, name: str, folder: Path) -> Path:
    """The plan of this kind, by the name `name`, in `folder`."""
    head, segments = PLANS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.yaml").write_text(f"name: {name}\n{head}")
    # A JSON string is a YAML string too, whatever stands in it.
    lines = [f"  {each}: {json.dumps(rule)}\n" for each, rule in segments().items()]
    (folder / "segments.yaml").write_text("segments:\n" + "".join(lines))
    if kind == "latency":
        for path, text in (("campaigns/greeting.yaml", GREETING), ("templates/greeting.html", "<p>Good to see you.</p>\n")):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
    return folder
