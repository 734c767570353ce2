"""The edge without a socket: `Client` asks an application as HTTP clients do, and `ListLog` is its log, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from flows.collect.log import Done, FullError, Keyed
from schemas.errors import UnavailableError


class ListLog:
    """A log in memory, which can be full or away."""

    name = "list"
    waiting_bytes = 0

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.full = self.away = False

    @property
    def records(self) -> list[Any]:
        """What was put into it."""
        return [orjson.loads(line) for line in self.lines]

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes the records, as `flows.collect.log.EventLog` says."""
        if self.full:
            raise FullError("full")
        if not self.away:
            self.lines += [line for _, line in records]
        done(UnavailableError("away") if self.away else None)

    def close(self) -> None:
        """Has nothing to write."""


class Client:
    """A client of an application, which keeps cookies."""

    def __init__(self, app: Starlette, url: str = "http://edge.example.com", headers: Mapping[str, str] | None = None) -> None:
        self._app, self._url, self._headers = app, url, dict(headers or {})
        self._cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; options are those of httpx."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=self._url, headers=self._headers, cookies=self._cookies) as client:
                answer = await client.request(method, path, **options)
                self._cookies = client.cookies
                return answer

        return asyncio.run(asked())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer to a GET."""
        return self.ask("GET", path, **options)
