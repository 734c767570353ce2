"""Requests that nobody honest sends: seeded, so a number names a request. `ATTACKS` is the table; a line of it makes one kind.

Every one carries `MARK` where something personal could stand, and none may be repeated in what the edge says.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

from tests.edge import BACKEND, ORIGIN, WEB, basic

MARK = "leak-4711@example.com"
PATHS = tuple(f"/v1/{name}" for name in ("track", "identify", "page", "screen", "group", "alias", "batch", "import"))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "P O", "\x00", "A" * 300)
FIELDS = ("type", "messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category", "properties", "traits",
          "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "writeKey", "batch", "channel")  # fmt: skip

Then = Literal["read", "leave", "reset", "half"]
"""What the attacker does when all is sent: reads to the end, closes, resets the connection, or closes its half and reads."""


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


def http(rng: random.Random, body: bytes, path: str = "", method: str = "POST", **headers: str) -> bytes:
    """A request that is well-formed but for what is handed in; a header of None is left out, `_` stands for `-`."""
    told = {"Host": "edge", "Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body))}
    told |= basic(rng.choice((BACKEND, BACKEND, BACKEND, WEB))) | {name.replace("_", "-"): text for name, text in headers.items()}
    lines = [f"{method} {path or rng.choice(PATHS)} HTTP/1.1", *(f"{name}: {text}" for name, text in told.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def call(rng: random.Random, **more: Any) -> dict[str, Any]:
    """A call that could be honest."""
    id = rng.randrange(10**9)
    return {
        "type": rng.choice(("track", "identify", "page", "group", "alias")),
        "messageId": f"x{id}",
        "userId": f"x{id % 50}",
        "previousId": f"x{id % 47}",
        "event": "Product Viewed",
        "properties": {"email": MARK, "n": id},
        **more,
    }


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def wrapped(rng: random.Random, body: bytes) -> bytes:
    """The body, or a batch of it."""
    return body if rng.random() < 0.5 else b'{"batch":[' + body + b"]}"


VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**64, -(2**63) - 1, 10**400, 1e308, "", " ", "x", "null", "\x00", "a\nb", "\ud800",
    "\udfff\ud800",
    "\u202e", "💥" * 300, "u" * 2000, "'; drop table", "<script>", "../../etc/passwd", "{{7*7}}", [], {}, [[]], [None], {"": {}},
    {"a": [1, {}]},
    "2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "10000-01-01T00:00:00Z", "2026-01-01", "now",
    -62135596801,
    "2026-01-01T00:00:00+99:99", "__proto__", "constructor", MARK,
)  # fmt: skip


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
    context = {"x": "y" * rng.choice((2_000, 100_000, 400_000))}
    return http(rng, text({"batch": [{}] * rng.choice((5, 400, 500)), "context": context, "sentAt": "x" * 1000}), "/v1/batch")


def sizes(rng: random.Random) -> bytes:
    size = rng.choice((1, 1000, 512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 600_000, 1_000_000))
    body = rng.choice((b" ", b"[", b"x", b'"', b"\x00")) * size
    if rng.random() < 0.4:
        body = text(call(rng, properties={"x": "y" * size}))
    return http(rng, body)


def lengths(rng: random.Random) -> tuple[bytes, Then]:
    body = text(call(rng))
    told = rng.choice(
        ("0", "1", str(len(body) - 1), str(len(body) + 50), str(2**31), str(2**64), "-1", "+5", "1e3", "0x10", "", "abc", " 7", "9" * 400)
    )
    request = http(rng, body, Content_Length=told)
    if rng.random() < 0.3:
        request = request.replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length", 1)
    # The edge may wait for more: it is not waited for.
    return request, rng.choice(("half", "leave", "reset"))


def chunked(rng: random.Random) -> tuple[bytes, Then]:
    body = text(call(rng))
    cut = rng.randrange(1, len(body))
    whole = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (cut, body[:cut], len(body) - cut, body[cut:])
    broken = rng.choice((
        whole, whole[:-7], whole.replace(b"0\r\n\r\n", b"0\r\nX-Trailer: y\r\n\r\n"), b"zz\r\n" + whole, b"-1\r\n" + whole,
        b"f" * 30 + b"\r\n" + whole,
        whole.replace(b"\r\n", b"\n"), b"5;" + b"a" * 9000 + b"\r\nabcde\r\n0\r\n\r\n", b"1\r\na\r\n" * 2000 + b"0\r\n\r\n", b"0\r\n\r\n",
        b"\r\n",
        b"100000\r\n" + b"x" * 0x100000 + b"\r\n0\r\n\r\n",
    ))  # fmt: skip
    request = http(
        rng,
        b"",
        Transfer_Encoding=rng.choice(("chunked", "chunked", "Chunked", "chunked, chunked", "gzip, chunked", "identity", "xchunked")),
    )
    if rng.random() < 0.7:
        request = request.replace(b"Content-Length: 0\r\n", b"", 1)
    # Where the end is there, the edge waits for nothing.
    return request + broken, "read" if broken is whole else rng.choice(("half", "leave", "reset"))


@cache
def bomb(megabytes: int) -> bytes:
    return gzip.compress(b" " * (megabytes << 20))


def encodings(rng: random.Random) -> bytes:
    body = text(call(rng))
    packed = gzip.compress(body)
    name, sent = rng.choice((
        ("gzip", bomb(rng.choice((1, 8, 64)))), ("gzip", gzip.compress(bomb(64))), ("gzip, gzip", gzip.compress(bomb(64))),
        ("gzip", packed[: rng.randrange(len(packed))]),
        ("gzip", packed + rng.randbytes(9)), ("gzip", packed[:-8] + bytes(8)), ("gzip", body), ("gzip", b""), ("gzip", packed * 50),
        ("gzip", rng.randbytes(99)),
        ("deflate", zlib.compress(body)), ("br", body), ("zstd", body), ("x-gzip", packed), ("identity", body), ("", body),
        ("gzip;q=1", packed), ("gzip,", packed),
        ("\xff", body), ("gzip", bytes([31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 255, 255])), ("utf-16", body.decode().encode("utf-16")),
        ("gzip, identity", packed),
    ))  # fmt: skip
    return http(rng, sent, Content_Encoding=name)


def headers(rng: random.Random) -> tuple[bytes, Then]:
    body = text(call(rng))
    more = rng.choice((
        {f"X-{number}": "y" for number in range(300)}, {"X-Long": "y" * 70_000}, {"X" * 9000: "y"}, {"X-Fold": "a\r\n b"},
        {"X-Null": "a\x00b"}, {"X y": "z"},
        {"": "z"}, {"X-Bytes": "\udcff\udcfe"}, {"Host": ""}, {"Host": "a\r\nHost: b"}, {"Expect": "100-continue"}, {"Expect": "a-cake"},
        {"Upgrade": "websocket"},
        {"Upgrade": "h2c", "Connection": "close, Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/json; charset=utf-16"}, {"Content-Type": ""}, {"X-Forwarded-For": "127.0.0.1, " * 500},
        {"Forwarded": "for=\"[::1]\""},
        {"X-HTTP-Method-Override": "DELETE"}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {"Cookie": f"a={MARK}"},
        {"User-Agent": "\udc80" * 40},
        {"User-Agent": f"Mozilla/5.0 {MARK}"}, {"Referer": "javascript:x"}, {"Transfer-Encoding": "chunked"},
    ))  # fmt: skip
    return http(rng, body, **more), rng.choice(("read", "read", "read", "half", "reset"))


def broken_http(rng: random.Random) -> tuple[bytes, Then]:
    head = b"Host: edge\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    return rng.choice((
        b"", b"\r\n" * 20, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + head, b"GET / HTTP/1.0\r\n\r\n", b"POST /v1/track HTTP/1.1\n" + head.replace(b"\r\n", b"\n"),
        b"GET / \x00HTTP/1.1\r\n" + head,
        rng.randbytes(rng.randrange(1, 2000)), b"A" * 70_000, b"POST /v1/track HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\n: y\r\n\r\n", b"GET  /healthz  HTTP/1.1\r\n" + head,
        b"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"GET /healthz HTTP/1.1\r\nHost: edge\r\n\r\n" * 100, (b"POST /v1/track HTTP/1.1\r\n" + head) * 30,
    )), rng.choice(("half", "leave", "reset"))  # fmt: skip


def cut_short(rng: random.Random) -> tuple[bytes, Then]:
    request = http(rng, text(call(rng)))
    return request[: rng.randrange(len(request))], rng.choice(("leave", "reset", "half"))


def methods_and_paths(rng: random.Random) -> tuple[bytes, Then]:
    path = rng.choice((
        "/", "/v1", "/v1/", "/v1/track/", "/V1/TRACK", "/v1//track", "/v1/../v1/track", "/..%2f..%2fetc/passwd", "/%00", "/v1/track%00",
        "/v1/track%0d%0aX:y", "/%ff", "/%zz",
        "/v1/track?" + "a=b&" * 2000, "/" + "a" * 60_000, "/" + "%61" * 9000, f"/{MARK}", f"/v1/track?email={MARK}", "*",
        "http://evil.example/v1/track", "//evil.example/x",
        "/v1/track#x", "/v1/\udcff", "/healthz", "/metrics", "/.env", "/beckon.js", "/v1/pixel.gif", "/forms/x", "/docs", "/openapi.json",
        "/static/../collect.yaml",
    ))  # fmt: skip
    body = text(call(rng))
    return http(rng, body, path, rng.choice(METHODS)), rng.choice(("read", "read", "half"))


def keys(rng: random.Random) -> bytes:
    told = rng.choice((
        "", "Basic", "Basic ", "Basic !!!!", "Basic " + "A" * 60_000, "Basic //////8=", basic("")["Authorization"],
        basic(":")["Authorization"], basic("\x00")["Authorization"],
        basic("ключ")["Authorization"], basic(BACKEND[:-1])["Authorization"], basic(BACKEND + "x")["Authorization"], "Bearer x",
        "Digest username=x", "\udcff", "Basic =",
        basic("web")["Authorization"], basic("backend")["Authorization"],
    ))  # fmt: skip
    value = call(rng, writeKey=rng.choice((None, 1, [], {}, "", "x", "\ud800", "k" * 9000, [BACKEND], MARK)))
    return http(rng, text(value), Authorization=told)


def origins(rng: random.Random) -> bytes:
    origin = rng.choice(
        (
            "null",
            "https://evil.example",
            ORIGIN + ".evil",
            ORIGIN + ":1",
            ORIGIN.upper(),
            "",
            "\udcff",
            ORIGIN + "\x00",
            f"{ORIGIN}, {ORIGIN}",
            "x" * 9000,
        )
    )
    asked = {
        "Access-Control-Request-Method": rng.choice(("POST", "DELETE", "x" * 999)),
        "Access-Control-Request-Headers": "a, " * rng.choice((1, 3000)),
    }
    method = rng.choice(("POST", "OPTIONS"))
    return http(rng, text(call(rng)), "", method, Origin=origin, **basic(WEB), **(asked if method == "OPTIONS" else {}))


ATTACKS: dict[str, Callable[[random.Random], bytes | tuple[bytes, Then]]] = {
    "wrong types": wrong_types,
    "mutated": mutated,
    "deep": deep,
    "numbers": numbers,
    "texts": texts,
    "duplicate keys": duplicate_keys,
    "forbidden": forbidden,
    "batches": batches,
    "amplified": amplified,
    "sizes": sizes,
    "lengths": lengths,
    "chunked": chunked,
    "encodings": encodings,
    "headers": headers,
    "broken http": broken_http,
    "cut short": cut_short,
    "methods and paths": methods_and_paths,
    "keys": keys,
    "origins": origins,
}
KINDS = tuple(ATTACKS)
