"""Load on an HTTP server from one process that costs little: requests made beforehand, over connections that stay open.

`closed` sends as fast as the answers come: that is the most the server can. `paced` sends at set times whether or not the server keeps up,
and each time counts from when the request was due, so a server that stalls cannot hide it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop

from tests.bench.measure import BenchError

OK = b"HTTP/1.1 200 "


class Link(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._answer = b""
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[None]:
        """Done when the answer is there; BenchError where it is none of 200."""
        self._answer, self._waiting = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or self._waiting is None:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        waiting, self._waiting = self._waiting, None
        if self._answer.startswith(OK) and b'"rejected"' not in body:
            waiting.set_result(None)
        else:
            waiting.set_exception(BenchError(f"the server answered {self._answer[:300]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BenchError(f"the server closed the connection: {exc}"))

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()


async def _links(port: int, count: int) -> list[Link]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Link, "127.0.0.1", port))[1] for _ in range(count)]


def closed(port: int, requests: Sequence[bytes], count: int, connections: int) -> float:
    """The seconds that so many requests take, the given ones by turns, always one under way on each connection."""

    async def main() -> float:
        links = await _links(port, connections)
        turns: Iterator[bytes] = itertools.islice(itertools.cycle(requests), count)

        async def worker(link: Link) -> None:
            for request in turns:
                await link.ask(request)

        began = time.perf_counter()
        await asyncio.gather(*map(worker, links))
        took_s = time.perf_counter() - began
        for link in links:
            link.close()
        return took_s

    return uvloop.run(main())


def paced(port: int, requests: Sequence[bytes], rate: float, seconds: float, connections: int) -> list[float]:
    """The times in ms, smallest first, from when a request was due to its answer; so many requests a second, at even distances."""

    async def main() -> list[float]:
        free = deque(await _links(port, connections))
        due: deque[tuple[float, bytes]] = deque()
        times: list[float] = []
        running: set[asyncio.Task[None]] = set()

        async def one(link: Link) -> None:
            while due:
                at, request = due.popleft()
                await link.ask(request)
                times.append((time.perf_counter() - at) * 1000)
            free.append(link)

        began = time.perf_counter()
        for number, request in zip(range(int(rate * seconds)), itertools.cycle(requests), strict=False):
            at = began + number / rate
            if (wait_s := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait_s)
            due.append((at, request))
            if free:
                task = asyncio.create_task(one(free.popleft()))
                running.add(task)
                task.add_done_callback(running.discard)
        await asyncio.gather(*running)
        return sorted(times)

    return uvloop.run(main())
