"""`SnsHttp` against a real HTTP server that stands for Amazon SNS."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from flows.connectors.sns_http import A_MINUTE, GONE_S, KEPT_S, MOST_BYTES, MOST_KEPT, SnsHttp
from schemas.errors import UnavailableError

HOST = "https://sns.eu-west-1.amazonaws.com"
URL = f"{HOST}/SimpleNotificationService-01.pem"
PEM = b"-----BEGIN CERTIFICATE-----\n"


class Reached(httpx.AsyncBaseTransport):
    """Leads all requests to a server of this machine, and notes where they were meant to go."""

    def __init__(self, port: int) -> None:
        self.meant: list[str] = []
        self._port, self._inner = port, httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends it there."""
        self.meant.append(str(request.url))
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Lets go of connections."""
        await self._inner.aclose()


@contextmanager
def server(status: int, body: bytes, location: str = "") -> Iterator[int]:
    """A server that always answers so; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    try:
        yield served.server_port
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(port: int, ask: Callable[[SnsHttp, Clock], Awaitable[None]]) -> list[str]:
    """Asks, and gives the URLs to which requests were meant to go."""

    async def run() -> list[str]:
        transport, clock = Reached(port), Clock()
        sns = SnsHttp(transport, clock)
        try:
            await ask(sns, clock)
        finally:
            await sns.close()
        return transport.meant

    return asyncio.run(run())


def test_a_certificate_is_asked_for_once_a_day() -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        assert await asyncio.gather(*(sns.certificate(URL) for _ in range(20))) == [PEM] * 20
        clock.now = KEPT_S - 1
        assert await sns.certificate(URL) == PEM
        clock.now = KEPT_S
        assert await sns.certificate(URL) == PEM

    with server(200, PEM) as port:
        assert asked(port, ask) == [URL, URL]


def test_one_that_is_not_there_is_asked_for_again_after_a_while() -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        for clock.now in (0.0, GONE_S - 1, GONE_S):
            assert await sns.certificate(URL) is None

    with server(404, b"") as port:
        assert asked(port, ask) == [URL, URL]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_led_elsewhere(status: int) -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        for method in (sns.certificate, sns.confirm):
            with pytest.raises(UnavailableError):
                await method(URL)

    with server(status, PEM, "http://169.254.169.254/") as port:
        assert asked(port, ask) == [URL, URL]


@pytest.mark.parametrize(("status", "body"), [(500, PEM), (503, b""), (200, b"x" * (MOST_BYTES + 1))])
def test_what_is_no_answer_is_not_kept(status: int, body: bytes) -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await sns.certificate(URL)

    with server(status, body) as port:
        assert asked(port, ask) == [URL, URL]


def test_whoever_makes_up_urls_is_stopped_and_drives_out_no_certificate() -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        for number in range(A_MINUTE):
            await sns.certificate(f"{HOST}/{number}.pem")
        with pytest.raises(UnavailableError, match="too often"):
            await sns.certificate(f"{HOST}/other.pem")
        clock.now = 60
        assert await sns.certificate(f"{HOST}/other.pem") is None

    with server(404, b"") as port:
        assert len(asked(port, ask)) == A_MINUTE + 1

    async def many(sns: SnsHttp, clock: Clock) -> None:
        for number in range(2 * MOST_KEPT):
            clock.now += 1.5
            await sns.certificate(f"{HOST}/{number}.pem")
        assert await sns.certificate(f"{HOST}/{2 * MOST_KEPT - 1}.pem") == PEM

    with server(200, PEM) as port:
        assert len(asked(port, many)) == 2 * MOST_KEPT


def test_a_subscription_is_confirmed(caplog: pytest.LogCaptureFixture) -> None:
    url = f"{HOST}/?Action=ConfirmSubscription&Token=2336412f37f"
    caplog.set_level(logging.INFO)

    async def ask(sns: SnsHttp, clock: Clock) -> None:
        await sns.confirm(url)

    with server(200, b"<ConfirmSubscriptionResponse/>") as port:
        assert asked(port, ask) == [url]
    assert "2336412f37f" not in caplog.text


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_subscription_that_is_not_confirmed_is_tried_again(status: int) -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        with pytest.raises(UnavailableError, match="does not confirm"):
            await sns.confirm(URL)

    with server(status, b"") as port:
        asked(port, ask)


def test_who_cannot_be_reached_is_said_to_be_so() -> None:
    async def ask(sns: SnsHttp, clock: Clock) -> None:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await sns.certificate(URL)

    with server(200, PEM) as port:
        pass
    asked(port, ask)
