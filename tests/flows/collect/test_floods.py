"""What is no event and does not end: heads, trailers, requests without answers, large bodies, and senders drop by drop."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flows.collect.connection import MOST_OF_ONE
from tests.edge import BACKEND, PATIENCE_S, WIDE, Answer, basic, running_edge

EVENT = {"type": "track", "userId": "u1", "event": "Product Viewed"}
FLOOD_BYTES = 64 << 20
"""So much is never taken of what is no body."""
CHUNKS = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"


@pytest.mark.parametrize(
    ("begin", "flood"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\n", b"X: y\r\n" * 10_000, id="headers"),
        pytest.param(CHUNKS + b"0\r\n", b"X: y\r\n" * 10_000, id="trailers"),
        pytest.param(CHUNKS + b"0\r\nX: ", b"y" * 60_000, id="one trailer"),
        pytest.param(CHUNKS + b"1;", b"y" * 60_000, id="extension of a chunk"),
        pytest.param(b"", b"GET /nothing HTTP/1.1\r\n\r\n" * 10_000, id="requests ahead"),
    ],
)
def test_what_is_no_body_has_an_end(tmp_path: Path, begin: bytes, flood: bytes) -> None:
    sent = 0
    with running_edge(tmp_path) as edge:
        with socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_S) as link, suppress(ConnectionError):
            link.sendall(begin)
            while sent < FLOOD_BYTES:
                link.sendall(flood)
                sent += len(flood)
        assert sent < FLOOD_BYTES
        assert edge.ask("GET", "/healthz").status == 200
        assert "Traceback" not in edge.said, edge.said


def test_a_key_behind_the_body_is_none(tmp_path: Path) -> None:
    body = json.dumps(EVENT).encode()
    key = basic(BACKEND)["Authorization"].encode()
    with running_edge(tmp_path) as edge, socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_S) as link:
        link.sendall(CHUNKS.replace(b"1\r\n{", b"%x\r\n%s" % (len(body), body)) + b"0\r\nAuthorization: " + key + b"\r\n\r\n")
        assert link.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_large_bodies_that_do_not_come_keep_out_no_small_ones(tmp_path: Path) -> None:
    head = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 524288\r\n\r\n"
    large = json.dumps(EVENT).encode().ljust(500_000)
    with running_edge(tmp_path, WIDE) as edge:
        with ExitStack() as links:
            for _ in range(300):
                link = links.enter_context(socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_S))
                link.sendall(head + b" " * 500_000)
            refused = until(lambda: edge.post("/v1/track", large), lambda answer: answer.status == 503)
            assert refused.headers["retry-after"] == "1"
            assert edge.post("/v1/track", EVENT).status == 200
        # Those who were in the way have gone.
        until(lambda: edge.post("/v1/track", large), lambda answer: answer.status == 200)


def until(ask: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
    deadline = time.monotonic() + PATIENCE_S
    while not holds(answer := ask()):
        assert time.monotonic() < deadline, answer
    return answer


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", id="empty lines"),
        pytest.param(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", b"x", id="the body of what was answered"),
    ],
)
def test_who_sends_drop_by_drop_is_let_go_of(tmp_path: Path, begin: bytes, drop: bytes) -> None:
    with running_edge(tmp_path) as edge, socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE_S) as link:
        link.sendall(begin)
        assert link.recv(65536).startswith(b"HTTP/1.1 ")
        link.settimeout(1)
        deadline, open_ = time.monotonic() + PATIENCE_S, True
        while open_ and time.monotonic() < deadline:
            with suppress(TimeoutError):
                try:
                    link.sendall(drop)
                    open_ = link.recv(65536) != b""
                except ConnectionError:
                    open_ = False
        assert not open_


def test_one_address_takes_not_all_connections(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running_edge(tmp_path) as edge, ExitStack() as links:
        links.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2 * MOST_OF_ONE, hard)), hard))

        def connect(address: str) -> socket.socket:
            return links.enter_context(socket.create_connection(("127.0.0.1", edge.port), PATIENCE_S, (address, 0)))

        for _ in range(MOST_OF_ONE):
            connect("127.0.0.1")
        assert connect("127.0.0.1").recv(65536).startswith(b"HTTP/1.1 503 ")
        other = connect("127.0.0.2")
        other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
