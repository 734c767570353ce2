"""Hostile HTTP: lengths that are not true, headers, methods and paths that nobody has, keys that are none, and requests that break off."""

from __future__ import annotations

import random

from tests.edge import BACKEND, ORIGIN, WEB, basic
from tests.flows.collect.hostile_request import MARK, Then, call, http, text

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "post", "P O", "\x00", "A" * 300)


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
