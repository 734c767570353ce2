"""`SnsHttp`: what is fetched from Amazon SNS: the certificates of its signatures, and the address that confirms a subscription.

*Guarantees*: no redirects; an answer of more than 64 KB is none. A certificate is kept for a day, one that is not there for 5 minutes. At
most 4 are asked for at a time, and 60 in a minute, so nobody can have this machine ask without end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import httpx

from schemas.errors import UnavailableError

# httpx logs each URL, and in it the token of a confirmation.
logging.getLogger("httpx").setLevel(logging.WARNING)

MOST_BYTES = 64 * 1024
MOST_KEPT = 64
KEPT_S, GONE_S = 86_400.0, 300.0
AT_ONCE, A_MINUTE = 4, 60
WAIT_S = 5.0


class SnsHttp:
    """Connections to SNS. `transport` is how they are made, where that is not over the network."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(WAIT_S), follow_redirects=False, transport=transport)
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._asked: deque[float] = deque(maxlen=A_MINUTE)
        self._fetching: dict[str, asyncio.Task[bytes | None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def certificate(self, url: str) -> bytes | None:
        """The certificate at a URL, in PEM; None where there is none. UnavailableError where SNS does not answer."""
        kept = self._kept.get(url)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        fetching = self._fetching.get(url)
        if fetching is None:
            fetching = self._fetching[url] = asyncio.create_task(self._fetched(url))
            fetching.add_done_callback(lambda task: self._done(url, task))
        # Others may wait for the same, also where this one goes away.
        return await asyncio.shield(fetching)

    def _done(self, url: str, task: asyncio.Task[bytes | None]) -> None:
        del self._fetching[url]
        if not task.cancelled():
            # Said to whoever waits; perhaps nobody does any more.
            task.exception()

    async def _fetched(self, url: str) -> bytes | None:
        async with self._places:
            now = self._clock()
            status, body = await self._get(url, now)
        if status != 200 and not 400 <= status < 500:
            raise UnavailableError("Amazon SNS does not give the certificate of its signature")
        pem = body if status == 200 else None
        self._kept[url] = (now + (KEPT_S if pem is not None else GONE_S), pem)
        self._kept.move_to_end(url)
        while len(self._kept) > MOST_KEPT:
            # What is not there goes first, so that nobody who makes up URLs drives out a certificate.
            self._kept.pop(next((each for each, (_, kept) in self._kept.items() if kept is None), next(iter(self._kept))))
        return pem

    async def confirm(self, url: str) -> None:
        """Confirms a subscription. UnavailableError where SNS does not say that it is."""
        async with self._places:
            status, _ = await self._get(url, self._clock())
        if status != 200:
            raise UnavailableError("Amazon SNS does not confirm the subscription")

    async def _get(self, url: str, now: float) -> tuple[int, bytes]:
        if len(self._asked) == A_MINUTE and now < self._asked[0] + 60:
            raise UnavailableError("Amazon SNS was asked too often within a minute")
        self._asked.append(now)
        body = bytearray()
        try:
            async with self._client.stream("GET", url) as response:
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise UnavailableError("Amazon SNS answers with more than can be a certificate")
        except httpx.HTTPError:
            raise UnavailableError("Amazon SNS cannot be reached") from None
        return response.status_code, bytes(body)

    async def close(self) -> None:
        """Lets go of connections."""
        await self._client.aclose()
