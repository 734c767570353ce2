"""The JSON of a webhook, parsed only after its signature was verified wherever that stands outside of it."""

from __future__ import annotations

from typing import Any

import orjson

from flows.collect.body import MAX_DEPTH, deeper_than
from flows.collect.refusal import Refusal
from flows.collect.webhooks.scheme import BAD_PAYLOAD


def parsed(body: bytes | str) -> Any:
    """Any JSON; a Refusal (400) where it is none, or is nested too deep."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, BAD_PAYLOAD) from None
    if deeper_than(found, MAX_DEPTH):
        raise Refusal(400, BAD_PAYLOAD)
    return found


def objected(body: bytes | str) -> dict[str, Any]:
    """A JSON object; a Refusal (400) where it is none."""
    found = parsed(body)
    if not isinstance(found, dict):
        raise Refusal(400, BAD_PAYLOAD)
    return found


def listed(body: bytes | str) -> list[Any]:
    """A JSON list; a Refusal (400) where it is none."""
    found = parsed(body)
    if not isinstance(found, list):
        raise Refusal(400, BAD_PAYLOAD)
    return found
