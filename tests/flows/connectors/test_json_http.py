"""Requests for JSON against a real server: where the key goes, what is told, and what is bounded."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from typing import Any

import pytest
from pydantic import SecretStr

from flows.collect.crm.ask import Answer, Ask, Failed
from flows.connectors.json_http import MOST_BYTES, JsonHttp
from schemas.crm import AuthKind
from schemas.errors import UsageError
from tests.crm_server import CrmServer, Plays, Request

KEY = "user:s3cret-0123456789"


def ask(
    url: str,
    auth: AuthKind | None = None,
    name: str = "",
    body: Any = None,
    query: tuple[tuple[str, str], ...] = (),
    answer_s: float = 30.0,
) -> Answer | Failed:
    """What comes of a request."""

    async def run() -> Answer | Failed:
        async with JsonHttp({"X-Own": "1"}, auth, name, SecretStr(KEY), answer_s) as http:
            return await http.ask(Ask("GET" if body is None else "POST", url, query, body))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("auth", "name", "header", "value"),
    [
        ("bearer", "", "Authorization", f"Bearer {KEY}"),
        ("basic", "", "Authorization", "Basic dXNlcjpzM2NyZXQtMDEyMzQ1Njc4OQ=="),
        ("header", "X-Api-Key", "X-Api-Key", KEY),
        (None, "", "Authorization", None),
    ],
)
def test_where_the_key_goes(auth: AuthKind | None, name: str, header: str, value: str | None) -> None:
    with CrmServer(lambda _: Plays({"a": 1}, headers={"Link": "<x>"})) as server:
        answer = ask(f"{server.url}/rows?a=1", auth, name, query=(("b", "x,y"), ("b", "ü")))
        assert Answer({"a": 1}, server.now_ms, "<x>") == answer
        (request,) = server.requests
        assert (value, "1", "application/json") == (request.headers.get(header), request.headers["X-Own"], request.headers["Accept"])
        assert request.query == (("a", "1"), ("b", "x,y"), ("b", "ü"))


def test_a_key_in_the_query_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with CrmServer(lambda _: Plays({}, 500)) as server:
        failed = ask(f"{server.url}/rows", "query", "key", {"a": 1})
        assert (server.requests[0].one("key"), server.requests[0].body) == (KEY, {"a": 1})
    assert KEY not in f"{failed}{caplog.text}"
    assert "s3cret" not in caplog.text


def test_nothing_goes_over_the_network_in_the_clear() -> None:
    with pytest.raises(UsageError, match="must begin with https://"):
        ask("http://erp.example.com/rows", "bearer")


@pytest.mark.parametrize(
    ("plays", "expected"),
    [
        (Plays({}, 429, {"Retry-After": "120"}), Failed("again", "HTTP 429", 120.0)),
        (Plays({}, 503, {"Retry-After": "Tue, 06 Jan 2026 11:47:40 GMT"}), Failed("again", "HTTP 503", 60.0)),
        (Plays({}, 503, {"Retry-After": "soon"}), Failed("again", "HTTP 503")),
        (Plays({}, 408), Failed("again", "HTTP 408")),
        (Plays({}, 401), Failed("refused", "the key is not taken (HTTP 401)")),
        (Plays({}, 404), Failed("wrong", "HTTP 404")),
        (Plays({}, 307, {"Location": "/other"}), Failed("wrong", "HTTP 307")),
        (Plays(b""), Failed("wrong", "the answer must be JSON")),
        (Plays(b"NaN"), Failed("wrong", "the answer must be JSON")),
        (Plays(hang_up=True), Failed("again", "no connection, or a broken one (RemoteProtocolError)")),
        (Plays(b"x" * (MOST_BYTES + 1)), Failed("wrong", "an answer must have at most 32 MB; ask for smaller pages")),
        (
            Plays(gzip.compress(b"0" * (MOST_BYTES + 1)), headers={"Content-Encoding": "gzip"}),
            Failed("wrong", "an answer must have at most 32 MB; ask for smaller pages"),
        ),
        (Plays(b"no gzip", headers={"Content-Encoding": "gzip"}), Failed("again", "no connection, or a broken one (DecodingError)")),
    ],
    ids=["429", "503-date", "503-word", "408", "401", "404", "307", "empty", "nan", "hung up", "large", "bomb", "broken gzip"],
)
def test_what_is_no_answer(plays: Plays, expected: Failed) -> None:
    with CrmServer(lambda _: plays) as server:
        assert expected == ask(f"{server.url}/rows", "bearer")
        assert len(server.requests) == 1


def test_who_does_not_answer_is_not_waited_for() -> None:
    over = threading.Event()

    def never(_: Request) -> Plays:
        over.wait(30)
        return Plays({})

    with CrmServer(never) as server:
        assert Failed("again", "no answer within 0.2 s") == ask(f"{server.url}/rows", answer_s=0.2)
        over.set()


def test_who_is_not_there() -> None:
    assert Failed("again", "no connection, or a broken one (ConnectError)") == ask("http://127.0.0.1:9/rows")
