"""`JsonHttp`: requests for JSON over HTTP, with a key.

*Guarantees*: a request is sent once, to its own host alone: no redirects are followed, and over the network nothing goes in the clear. An
answer has at most `MOST_BYTES`, unpacked, and `ANSWER_S`. Neither a key nor anything of an answer stands in a log or in words.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import orjson
from pydantic import SecretStr

from flows.collect.crm.ask import Answer, Ask, Failed
from flows.connectors.lookup import checked_url
from schemas.crm import AuthKind

# httpx logs each URL, in which a key can stand.
logging.getLogger("httpx").setLevel(logging.WARNING)

MOST_BYTES = 32 << 20
ANSWER_S = 60.0
_REFUSED = (401, 403)
_AGAIN = (408, 425, 429)


class JsonHttp:
    """Asks with a key, which `auth` says the place of: the header Authorization, or a header or parameter named `auth_name`."""

    def __init__(
        self, headers: Mapping[str, str], auth: AuthKind | None, auth_name: str, key: SecretStr | None, answer_s: float = ANSWER_S
    ) -> None:
        self._auth, self._auth_name, self._key, self._answer_s = auth, auth_name, key, answer_s
        own = {"Accept": "application/json", "User-Agent": "beckon", **headers}
        self._client = httpx.AsyncClient(headers=own, timeout=httpx.Timeout(answer_s, connect=10.0), follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, ask: Ask) -> Answer | Failed:
        """What comes of a request."""
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._ask(ask)
        except (TimeoutError, httpx.TimeoutException):
            return Failed("again", f"no answer within {self._answer_s:g} s")
        except httpx.HTTPError as error:
            return Failed("again", f"no connection, or a broken one ({type(error).__name__})")

    async def _ask(self, ask: Ask) -> Answer | Failed:
        headers, query = self._proof()
        url = httpx.URL(checked_url(ask.url))
        body = None if ask.body is None else orjson.dumps(ask.body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        merged = url.copy_with(params=[*url.params.multi_items(), *ask.query, *query]) if ask.query or query else url
        async with self._client.stream(ask.method, merged, content=body, headers=headers) as response:
            failed = failure(response.status_code, response.headers)
            if failed is not None:
                return failed
            found = bytearray()
            async for part in response.aiter_bytes():
                found += part
                if len(found) > MOST_BYTES:
                    return Failed("wrong", f"an answer must have at most {MOST_BYTES >> 20} MB; ask for smaller pages")
            return _answer(bytes(found), response.headers)

    def _proof(self) -> tuple[dict[str, str], list[tuple[str, str]]]:
        key = self._key.get_secret_value() if self._key is not None else ""
        match self._auth:
            case "bearer":
                return {"Authorization": f"Bearer {key}"}, []
            case "basic":
                return {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}, []
            case "header":
                return {self._auth_name: key}, []
            case "query":
                return {}, [(self._auth_name, key)]
        return {}, []


def _answer(raw: bytes, headers: Mapping[str, str]) -> Answer | Failed:
    try:
        value: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Failed("wrong", "the answer must be JSON")
    return Answer(value, date_ms(headers.get("Date")), headers.get("Link"))


def failure(status: int, headers: Mapping[str, str]) -> Failed | None:
    """What a status says that is no answer.

    >>> failure(429, {"Retry-After": "7"})
    Failed(why='again', words='HTTP 429', after_s=7.0)
    >>> failure(302, {}).why, failure(401, {}).why, failure(200, {})
    ('wrong', 'refused', None)
    """
    if 200 <= status < 300:
        return None
    if status in _REFUSED:
        return Failed("refused", f"the key is not taken (HTTP {status})")
    if status in _AGAIN or status >= 500:
        return Failed("again", f"HTTP {status}", _after_s(headers))
    return Failed("wrong", f"HTTP {status}")


def _after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date, which is counted from the date of the answer."""
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdecimal() and len(told) < 10:
        return float(told)
    until, now = date_ms(told), date_ms(headers.get("Date"))
    return None if until is None or now is None else max(until - now, 0) / 1000


def date_ms(text: str | None) -> int | None:
    """The instant of an HTTP date (RFC 9110, 5.6.7), in ms since 1970.

    >>> date_ms("Mon, 05 Jan 2026 10:00:00 GMT")
    1767607200000
    """
    try:
        return int(parsedate_to_datetime(text or "").timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, OSError):
        return None
