"""Hostile bodies: what is no JSON, no call, too much, too deep, or what only the operator may say."""

from __future__ import annotations

import gzip
import random
import zlib
from functools import cache
from typing import Any

from tests.flows.collect.hostile_request import FIELDS, MARK, PATHS, VALUES, call, http, text, wrapped


def wrong_types(rng: random.Random) -> bytes:
    value = call(rng)
    for _ in range(rng.randrange(1, 4)):
        value[rng.choice(FIELDS)] = rng.choice(VALUES)
    return http(rng, wrapped(rng, text(value)))


def mutated(rng: random.Random) -> bytes:
    body = bytearray(wrapped(rng, text(call(rng))))
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(body))
        match rng.randrange(4):
            case 0:
                body[place] = rng.randrange(256)
            case 1:
                del body[place : place + rng.randrange(1, 9)]
            case 2:
                body[place:place] = rng.randbytes(rng.randrange(1, 9))
            case _:
                body[place:place] = rng.choice(
                    (b"{", b"[", b"}", b"]", b'"', b"\\u", b"\\", b",", b":", b"-", b"e9", b"\x00", b"\xff", b"NaN")
                )
        body = body or bytearray(b" ")
    return http(rng, bytes(body))


def deep(rng: random.Random) -> bytes:
    depth = rng.choice((15, 18, 19, 20, 21, 22, 64, 500, 1000, 1100, 20_000, 100_000))
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    inside = opened * depth + b"1" + closed * (depth if rng.random() < 0.7 else 0)
    place = rng.choice((b"properties", b"traits", b"context", b"integrations", b"batch", b"foo", b"userId"))
    return http(rng, wrapped(rng, b'{"type":"track","userId":"x1","event":"E","' + place + b'":' + inside + b"}"))


NUMBERS = (b"1e400", b"-1e400", b"1e-400", b"-0", b"0.1e+1", b"00", b"01", b"+1", b".5", b"1.", b"0x10", b"1_0", b"NaN", b"-Infinity",
b"9" * 5000,
           b"0." + b"3" * 5000, b"1e" + b"9" * 300, b"18446744073709551616", b"-9223372036854775809",
           b"123456789012345678901234567890")  # fmt: skip


def numbers(rng: random.Random) -> bytes:
    place = rng.choice((b"properties", b"traits", b"context", b"timestamp", b"userId", b"messageId", b"foo"))
    inside = rng.choice(NUMBERS) if rng.random() < 0.3 else b'{"n":' + rng.choice(NUMBERS) + b"}"
    return http(rng, wrapped(rng, b'{"type":"track","userId":"x1","event":"E","' + place + b'":' + inside + b"}"))


TEXTS = (rb'"\ud800"', rb'"\udc00\ud800"', rb'"\u0000"', b'"\x00"', b'"\xff\xfe"', b'"\xc0\xaf"', b'"\xed\xa0\x80"',
b'"\xf4\x90\x80\x80"', b'"a\nb"',
         b'"\\q"', b'"\\u12"', b'"\xef\xbb\xbf"', b"'x'", b'"' + b"x" * 100_000 + b'"', b'"\\u2028\\u2029"', b'"\xe2\x80\xa8"',
         b'"\x7f\x1b[31m"')  # fmt: skip


def texts(rng: random.Random) -> bytes:
    key = rng.choice((b'"userId"', b'"event"', b'"messageId"', b'"foo"', b'"type"', b'"timestamp"', b'"properties"', *TEXTS))
    body = b'{"type":"track","anonymousId":"x1","event":"E",' + key + b":" + rng.choice(TEXTS) + b"}"
    return http(rng, rng.choice((b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00")) + wrapped(rng, body))


def duplicate_keys(rng: random.Random) -> bytes:
    pairs = [(rng.choice(FIELDS), rng.choice(VALUES)) for _ in range(rng.choice((2, 5, 40, 400)))]
    pairs += [("type", rng.choice(("erase", "unmerge", "track"))), ("userId", "x1"), ("event", "E")]
    return http(rng, wrapped(rng, b"{" + b",".join(text(name) + b":" + text(value) for name, value in pairs) + b"}"))


def forbidden(rng: random.Random) -> bytes:
    kind = rng.choice(("erase", "unmerge"))
    value = call(rng, type=kind, properties={"identifiers": [MARK]})
    whole = rng.choice((value, {"batch": [value] * 3}, {"batch": [call(rng), value]}, {"type": kind, "batch": [call(rng)]}))
    return http(rng, text(whole), rng.choice((*PATHS, "/v1/erase", "/v1/unmerge", "/v1/import", "/v1/batch")))


def batches(rng: random.Random) -> bytes:
    item: Any = rng.choice((call(rng), 1, None, [], "x", {}, {"batch": [call(rng)]}))
    count = rng.choice((0, 1, 499, 501, 2000, 20_000))
    inside = rng.choice(([item] * count, item, {"0": item}, [[item]], [item, call(rng)]))
    more = {rng.choice(FIELDS): rng.choice(VALUES) for _ in range(rng.randrange(3))}
    return http(rng, text({"batch": inside, **more}), rng.choice(("/v1/batch", "/v1/import")))


def amplified(rng: random.Random) -> bytes:
    """Much for little: what a batch says of all its items is written into each."""
    much = "y" * rng.choice((2_000, 100_000, 400_000))
    shared = rng.choice(({"context": {"x": much}}, {"sentAt": much}, {"context": much}, {"context": {}, "sentAt": [much]}))
    return http(rng, text({"batch": [{}] * rng.choice((5, 400, 500)), **shared}), rng.choice(("/v1/batch", "/v1/batch", "/v1/import")))


def sizes(rng: random.Random) -> bytes:
    size = rng.choice((1, 1000, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 600_000, 1_000_000))
    body = rng.choice((b" ", b"[", b"x", b'"', b"\x00")) * size
    if rng.random() < 0.4:
        body = text(call(rng, properties={"x": "y" * size}))
    return http(rng, body)


@cache
def bomb(megabytes: int) -> bytes:
    return gzip.compress(b" " * (megabytes << 20))


def encodings(rng: random.Random) -> bytes:
    body = text(call(rng))
    packed = gzip.compress(body)
    name, sent = rng.choice((
        ("gzip", bomb(rng.choice((1, 8, 256)))), ("gzip", gzip.compress(bomb(64))), ("gzip, gzip", gzip.compress(bomb(64))),
        ("gzip", packed[: rng.randrange(len(packed))]),
        ("gzip", packed + rng.randbytes(9)), ("gzip", packed[:-8] + bytes(8)), ("gzip", body), ("gzip", b""), ("gzip", packed * 50),
        ("gzip", rng.randbytes(99)),
        ("deflate", zlib.compress(body)), ("br", body), ("zstd", body), ("x-gzip", packed), ("identity", body), ("", body),
        ("gzip;q=1", packed), ("gzip,", packed),
        ("\xff", body), ("gzip", bytes([31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 255, 255])), ("utf-16", body.decode().encode("utf-16")),
        ("gzip, identity", packed),
    ))  # fmt: skip
    return http(rng, sent, Content_Encoding=name)
