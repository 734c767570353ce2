"""Requests that nobody honest sends: seeded, so a number names a request. `ATTACKS` is the table; a line of it makes one kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from tests.flows.collect import hostile_bodies, hostile_http, hostile_parts
from tests.flows.collect.hostile_request import Then


class Attack(NamedTuple):
    """The bytes as they go out."""

    kind: str
    request: bytes
    then: Then = "read"


def attack(seed: int) -> Attack:
    """The request of this number."""
    rng = random.Random(seed)
    kind = rng.choice(KINDS)
    made = ATTACKS[kind](rng)
    request, then = made if isinstance(made, tuple) else (made, "read")
    return Attack(kind, request, then)


ATTACKS: dict[str, Callable[[random.Random], bytes | tuple[bytes, Then]]] = {
    "wrong types": hostile_bodies.wrong_types,
    "mutated": hostile_bodies.mutated,
    "deep": hostile_bodies.deep,
    "numbers": hostile_bodies.numbers,
    "texts": hostile_bodies.texts,
    "duplicate keys": hostile_bodies.duplicate_keys,
    "forbidden": hostile_bodies.forbidden,
    "batches": hostile_bodies.batches,
    "amplified": hostile_bodies.amplified,
    "sizes": hostile_bodies.sizes,
    "lengths": hostile_http.lengths,
    "chunked": hostile_http.chunked,
    "encodings": hostile_bodies.encodings,
    "headers": hostile_http.headers,
    "broken http": hostile_http.broken_http,
    "cut short": hostile_http.cut_short,
    "methods and paths": hostile_http.methods_and_paths,
    "keys": hostile_http.keys,
    "origins": hostile_http.origins,
    "pixel": hostile_parts.pixel,
    "forms": hostile_parts.forms,
    "form answers": hostile_parts.answers,
    "webhooks": hostile_parts.webhooks,
    "forged": hostile_parts.forged,
}
KINDS = tuple(ATTACKS)
