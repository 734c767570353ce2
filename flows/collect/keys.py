"""`Keys`: the write keys, and whose a request is.

*Guarantees*: a key that is told is compared by its hash under a secret of this process, so the time that it takes says nothing of the keys
there are.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request

from flows.collect.refusal import Refusal
from operators.plan.checked import Collect, WriteKey
from schemas.errors import UsageError

MAX_KEY = 1024


class Keys:
    """The write keys of a plan, those of servers by name from the environment."""

    def __init__(self, collect: Collect, servers: Mapping[str, SecretStr]) -> None:
        """UsageError where a server has no key, or one is for nobody."""
        self._secret = secrets.token_bytes(32)
        self._keys: dict[bytes, WriteKey] = {}
        told = {key.name: key.key if key.browser else _of_server(key.name, servers) for key in collect.keys}
        if unknown := sorted(servers.keys() - told.keys()):
            raise UsageError(f"BECKON_WRITE_KEYS has a key for {unknown[0]!r}, and the plan's collect.yaml no such key")
        for key in collect.keys:
            digest = self._digest(told[key.name] or "")
            if digest in self._keys:
                raise UsageError(f"the write keys {self._keys[digest].name!r} and {key.name!r} must differ; they are the same")
            self._keys[digest] = key

    def find(self, told: str) -> WriteKey | None:
        """The key of this text."""
        return self._keys.get(self._digest(told)) if 0 < len(told) <= MAX_KEY else None

    def _digest(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=16).digest()


def _of_server(name: str, servers: Mapping[str, SecretStr]) -> str:
    if name not in servers:
        raise UsageError(f"the write key {name!r} of collect.yaml has no value: set BECKON_WRITE_KEYS to '{name}=...'")
    return servers[name].get_secret_value()


def told_key(request: Request, body: Mapping[str, Any]) -> str:
    """The key that a request tells: the user of HTTP's basic authentication, else `writeKey` of the body or the query; empty where none is.

    Source: Segment, "HTTP API Source: Authentication".
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            raise Refusal(401, "the Authorization header must be HTTP basic authentication, with the write key as its user") from None
    told = body.get("writeKey")
    return told if isinstance(told, str) else request.query_params.get("writeKey", "")
