"""Tracking events of a shop, the same bytes for the same seed on every machine: the input of all benchmarks.

A person first signs up (an identify with traits) or just looks in (a page), early in the span more often than late. All further events
are sessions of persons drawn by Zipf's law in Mandelbrot's form (exponent 0.7, shift 20: one person in a hundred makes nearly a fifth of
the events, and the first one is a heavy shopper, no robot): views of products, mostly of the person's own category, carts, orders; and
mails that are delivered, opened, clicked. Hours of a day have their weight. The log is in the order of arrival: each event comes up to 4
s after its time, so the log is slightly out of order, within the default lateness of 10 s, also within a person; 3 in 1,000 records come
twice.

    .venv/bin/python tests/bench/generate.py --events 20000 --persons 2000     prints the path of the cached file
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench"
SEED = 7
DAY_MS = 86_400_000
SPAN_MS = 14 * DAY_MS
FIRST_DAY = 10
START_MS = 1_773_100_800_000
"""Midnight (UTC) of 10 March 2026, the first day; the last event falls on 23 March."""

CATEGORIES = ("shoes", "shirts", "jackets", "trousers", "bags", "watches", "sport", "outdoor", "home", "kitchen", "toys", "beauty")
BRANDS = tuple(f"{a}{b}" for a in ("Nor", "Al", "Ver", "Sol", "Mira") for b in ("dan", "tec", "ona", "wick"))
CITIES = ("Berlin", "Hamburg", "Wien", "Paris", "Lyon", "Madrid", "Milano", "Warszawa")
LOCALES = ("de-DE", "de-AT", "fr-FR", "es-ES", "it-IT", "pl-PL", "en-GB")
TIERS = ("basic", "basic", "basic", "silver", "silver", "gold")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/134.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/134.0 Mobile",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Firefox/136.0",
)
HOURS = (3, 2, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 10, 9, 9, 9, 10, 12, 14, 15, 13, 9, 5)
PRODUCTS = 600
USER = re.compile(rb'"userId":"u(\d+)"')

Planned = tuple[int, int, int, int, str, int, int]
"""Arrival and its serial number (together the order of the log), event time, person, event name, product, and a reference: the number of
the cart, order or mail."""


@dataclass(frozen=True)
class Shape:
    """What a cached file holds; `last_ms` is the largest event time in it."""

    events: int
    persons: int
    seed: int
    first_ms: int
    last_ms: int
    bytes: int


class Shop:
    """Plans and writes the events; every draw comes from one seeded generator, in one order."""

    def __init__(self, events: int, persons: int, seed: int) -> None:
        if not 0 < persons <= events:
            raise ValueError(f"persons must be from 1 to the number of events, {events}; got {persons}")
        self.events, self.persons = events, persons
        self.rng = random.Random(seed)
        self.products = [self._product(i) for i in range(PRODUCTS)]
        self.shelves = [[i for i in range(PRODUCTS) if i % len(CATEGORIES) == c] for c in range(len(CATEGORIES))]
        self.weights = list(itertools.accumulate((rank + 20) ** -0.7 for rank in range(persons)))
        self.first_ms = [0] * persons
        self.planned: list[Planned] = []
        self.references = 0

    def log(self) -> Iterator[tuple[int, bytes]]:
        """Event time in ms since the first day's midnight, and the record without a newline, in the order of arrival."""
        self._first_visits()
        unique = max(self.persons, self.events - self.events * 3 // 1000)
        while len(self.planned) < unique:
            self._session()
        del self.planned[unique:]
        self._redeliver()
        self.planned.sort()
        for planned in self.planned:
            yield planned[2], self._record(planned)

    def _product(self, index: int) -> str:
        price = 5 + int(self.rng.random() ** 3 * 400) + 0.99
        brand = BRANDS[int(self.rng.random() * len(BRANDS))]
        category = CATEGORIES[index % len(CATEGORIES)]
        sku = f"{category[:3].upper()}-{10000 + index * 7}"
        return f'"product_id":"p{index:04d}","sku":"{sku}","category":"{category}","brand":"{brand}","price":{price:.2f}'

    def _add(self, t: int, person: int, name: str, product: int = 0, reference: int = 0) -> None:
        if t < SPAN_MS:
            self.planned.append((t + int(self.rng.random() * 4000), len(self.planned), t, person, name, product, reference))

    def _first_visits(self) -> None:
        for person in range(self.persons):
            t = self.first_ms[person] = int(SPAN_MS * self.rng.random() ** 2)
            self._add(t, person, "Identified" if self.rng.random() < 0.7 else "Home")

    def _session(self) -> None:
        rng = self.rng
        person = bisect.bisect(self.weights, rng.random() * self.weights[-1])
        t = self._start(self.first_ms[person])
        if rng.random() < 0.2:
            t = self._mail(t, person)
            if t == 0:
                return
        elif rng.random() < 0.7:
            self._add(t, person, ("Home", "Category", "Search")[int(rng.random() * 3)], self._shelf(person))
        self._shopping(t, person)

    def _start(self, first_ms: int) -> int:
        rng = self.rng
        while True:
            t = first_ms + int(rng.random() * (SPAN_MS - first_ms))
            if rng.random() * 15 < HOURS[t % DAY_MS // 3_600_000]:
                return t

    def _mail(self, t: int, person: int) -> int:
        """When the person came to the shop by the mail's link; 0 where it did not."""
        self.references += 1
        mail = self.references
        self._add(t, person, "Email Delivered", 0, mail)
        if self.rng.random() < 0.55:
            t += int(self.rng.expovariate(1 / 3_600_000))
            self._add(t, person, "Email Opened", 0, mail)
            if self.rng.random() < 0.3:
                self._add(t + 9_000, person, "Email Link Clicked", 0, mail)
                return t + 11_000
        return 0

    def _shopping(self, t: int, person: int) -> None:
        rng = self.rng
        cart: list[int] = []
        self.references += 1
        reference = self.references
        while rng.random() < 0.74:
            t += 500 + int(rng.expovariate(1 / 40_000))
            product = self._shelf(person)
            self._add(t, person, "Product Viewed" if rng.random() < 0.88 else "Product List Viewed", product, reference)
            if rng.random() < 0.2:
                t += 500 + int(rng.expovariate(1 / 20_000))
                self._add(t, person, "Product Added", product, reference)
                cart.append(product)
        if cart and rng.random() < 0.6:
            self._checkout(t + 30_000, person, cart, reference)

    def _checkout(self, t: int, person: int, cart: list[int], reference: int) -> None:
        rng = self.rng
        if rng.random() < 0.1:
            self._add(t, person, "Product Removed", cart.pop(), reference)
        self._add(t + 8_000, person, "Checkout Started", cart[0] if cart else 0, reference)
        if cart and rng.random() < 0.65:
            self._add(t + 8_000 + int(rng.expovariate(1 / 60_000)), person, "Order Completed", cart[0], reference)

    def _shelf(self, person: int) -> int:
        """A product: mostly of the person's own category, the front of a shelf more often than its back."""
        rng = self.rng
        shelf = self.shelves[person % len(CATEGORIES) if rng.random() < 0.6 else int(rng.random() * len(CATEGORIES))]
        return shelf[int(rng.random() ** 2 * len(shelf))]

    def _redeliver(self) -> None:
        """Records that come twice, evenly chosen, fill the log up."""
        missing = self.events - len(self.planned)
        step = max(1, len(self.planned) // max(1, missing))
        for arrival, serial, t, person, name, product, reference in self.planned[: step * missing : step]:
            self.planned.append((arrival + 900, serial, t, person, name, product, reference))

    def _record(self, planned: Planned) -> bytes:
        arrival, serial, t, person, name, product, reference = planned
        kind, body = self._body(name, person, product, reference)
        mixed = person * 2654435761 % 4294967296
        unique = f"{(serial + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}"
        message_id = f"{unique[:8]}-{unique[8:12]}-{unique[12:16]}-{unique[16:20]}-{unique[20:]}"
        return (
            f'{{"type":"{kind}","messageId":"{message_id}","userId":"u{person:07d}",'
            f'"timestamp":"{stamp(t)}","receivedAt":"{stamp(arrival)}","context":{{"library":{{"name":"web","version":"4.2.1"}},'
            f'"ip":"10.{mixed >> 16 & 255}.{mixed >> 8 & 255}.{mixed & 255}","userAgent":"{AGENTS[person & 3]}",'
            f'"locale":"{LOCALES[mixed % 7]}"}},{body}}}'
        ).encode()

    def _body(self, name: str, person: int, product: int, reference: int) -> tuple[str, str]:
        """The record's type, and its last members."""
        if name == "Identified":
            return "identify", (
                f'"traits":{{"email":"u{person:07d}@example.com","name":"Person {person}","city":"{CITIES[person % 8]}",'
                f'"tier":"{TIERS[person % 6]}","newsletter":{"true" if person % 3 else "false"}}}'
            )
        if name in ("Home", "Category", "Search"):
            category = CATEGORIES[product % len(CATEGORIES)]
            return (
                "page",
                f'"name":"{name}","properties":{{"path":"/{name.lower()}/{category}","url":"https://shop.example/{name.lower()}/{category}"}}',
            )
        if name.startswith("Email"):
            return (
                "track",
                f'"event":"{name}","properties":{{"email_id":"m{reference}","campaign_id":"c{reference % 9}","link_url":"https://shop.example/"}}',
            )
        cart = f'"cart_id":"k{reference}",' if name != "Product Viewed" else ""
        if name == "Order Completed":
            total = 20 + reference * 7919 % 38000 / 100
            cart += f'"order_id":"o{reference}","total":{total:.2f},"revenue":{total * 0.81:.2f},"currency":"EUR"'
            return "track", f'"event":"{name}","properties":{{{cart},"products":[{{{self.products[product]}}}]}}'
        return "track", f'"event":"{name}","properties":{{{cart}{self.products[product]},"currency":"EUR","quantity":1}}'


def stamp(t: int) -> str:
    """RFC 3339 with milliseconds of a time in ms since the first day's midnight."""
    day, rest = divmod(t, DAY_MS)
    seconds, ms = divmod(rest, 1000)
    return f"2026-03-{FIRST_DAY + day:02d}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"


ANONYMOUS = 4
"""So many first events of a person come without its `userId`, where they are as browsers send them."""


def as_browsers_send(records: Iterable[bytes]) -> Iterator[bytes]:
    """The same events with the ids that a browser knows: an `anonymousId` with each, the `userId` from the person's fifth on. An address is
    as people type it."""
    met: Counter[bytes] = Counter()
    for record in records:
        user = USER.search(record)
        assert user is not None
        met[user[1]] += 1
        known = user[0] + b"," if met[user[1]] > ANONYMOUS else b""
        sent = record.replace(user[0], known + b'"anonymousId":"a%b"' % user[1], 1)
        yield sent.replace(b"@example.com", b"@Example.COM ", 1)


def cached(events: int, persons: int, seed: int = SEED, folder: Path = CACHE) -> tuple[Path, Shape]:
    """The file of these events, one record a line, and what it holds; made where it is not there yet (about 12 s a million)."""
    path = folder / f"events-{seed}-{events}-{persons}.jsonl"
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sidecar.write_text(json.dumps(asdict(_write(path, events, persons, seed))))
    return path, Shape(**json.loads(sidecar.read_text()))


def _write(path: Path, events: int, persons: int, seed: int) -> Shape:
    first_ms, last_ms, size = SPAN_MS, 0, 0
    half = path.with_suffix(".half")
    with half.open("wb") as file:
        for t, record in Shop(events, persons, seed).log():
            first_ms, last_ms = min(first_ms, t), max(last_ms, t)
            size += file.write(record) + file.write(b"\n")
    half.replace(path)
    return Shape(events, persons, seed, START_MS + first_ms, START_MS + last_ms, size)


def main() -> None:
    """Makes the file and prints where it is."""
    parser = argparse.ArgumentParser(description="Writes tracking events of a shop to a cached file and prints its path and what it holds.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    path, shape = cached(asked.events, asked.persons, asked.seed)
    print(path, json.dumps(asdict(shape)))


if __name__ == "__main__":
    main()
