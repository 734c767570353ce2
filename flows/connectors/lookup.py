"""`Lookup`: a question to a paid service over HTTP: asked once, and what is known of it where no answer came.

*Guarantees*: a request is sent at most once: no retries, no redirects. No key and no address stands in a log or in an error.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import SecretStr

from flows.verify.verifier import Cause, Lost, Refused
from schemas.errors import UsageError

# httpx logs each URL, and in it the key and the address.
logging.getLogger("httpx").setLevel(logging.WARNING)

SERVICE_S = 30
"""So long a service may look, before it says that it does not know."""
READ_S = SERVICE_S + 15.0
"""So long an answer is waited for."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Errors that come before anything of the request was sent."""
_CAUSES: dict[int, Cause] = {401: "key", 402: "key", 403: "throttled", 429: "throttled"}
"""What an HTTP status says; another one below 500 says that the request cannot be, one from 500 on nothing."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Lookup:
    """A service at a URL, with its key in the query as `key_name`."""

    def __init__(self, url: str, key_name: str, key: SecretStr, read_s: float = READ_S) -> None:
        self._key_name, self._key = key_name, key
        self._client = httpx.AsyncClient(base_url=checked_url(url), timeout=httpx.Timeout(10.0, read=read_s), follow_redirects=False)

    async def get(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any] | Refused | Lost:
        """The JSON object that answers."""
        try:
            response = await self._client.get(path, params={self._key_name: self._key.get_secret_value(), **parameters})
        except NOT_SENT:
            return Refused("unreachable")
        except httpx.TimeoutException:
            return Lost("no answer in time")
        except httpx.HTTPError as error:
            return Lost(f"a broken connection ({type(error).__name__})")
        if response.status_code >= 500:
            return Lost(f"HTTP {response.status_code}")
        if response.status_code != 200:
            return Refused(_CAUSES.get(response.status_code, "request"))
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            return Lost("no JSON")
        return answer if isinstance(answer, dict) else Lost("no JSON object")

    async def close(self) -> None:
        """Lets go of connections."""
        await self._client.aclose()


def checked_url(url: str) -> str:
    """The URL; UsageError where a key would go over the network in the clear.

    >>> checked_url("https://api-eu.example.com"), checked_url("http://127.0.0.1:8000")
    ('https://api-eu.example.com', 'http://127.0.0.1:8000')
    """
    parts = urlsplit(url)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        return url
    raise UsageError("the URL of a service must begin with https://, so that nobody reads the key")


def word(value: object) -> str:
    """A word of a service's own vocabulary; what is none, such as an address, is left out.

    >>> word("do_not_mail"), word("anna@example.com"), word(None)
    ('do_not_mail', '', '')
    """
    return value if isinstance(value, str) and len(value) <= 40 and value.replace("_", "").replace("-", "").isalnum() else ""
