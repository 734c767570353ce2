"""Segment's HTTP API: `/v1/track identify page screen group alias`, one event each, and `/v1/batch` and `/v1/import`, up to 500.

`read` gives the records of a body, and is pure. A record goes into the log as it came, but for what the edge knows better: its time.
Source: Segment, "HTTP API Source".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from flows.collect.refusal import Refusal

CALLS = ("track", "identify", "page", "screen", "group", "alias")
BATCHES = ("batch", "import")
SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch"}
"""What analytics.js (`t` to `a`) and the mobile libraries (`b`) call them in their paths."""
MAX_BATCH = 500
MAX_SHARED_BYTES = 1 << 20
"""`context` and `sentAt` of a batch are written into each of its calls: with all of them they may have so many bytes."""

SERVERS_ONLY = frozenset({"Email Delivered", "Email Bounced", "Email Marked as Spam", "Email Verified", "Duplicate Refused"})
"""Events that a browser cannot know of, and that decide about other people's mail."""


class Unused(NamedTuple):
    """Why a record is not taken, as `schemas.output.Reject` says it of those that are."""

    reason: str
    detail: str


class Sent(NamedTuple):
    """The records of a request, with their places in it, and those that are not taken at all."""

    records: list[Any]
    places: list[int]
    refused: list[tuple[int, Unused]]


def read(call: str, body: dict[str, Any], *, browser: bool) -> Sent:
    """The records that a call brings; a `Refusal` where its body is not that of such a call."""
    if call in CALLS:
        return _sorted([_timed({**body, "type": call}, body.get("sentAt"))], browser=browser)
    items = body.get("batch")
    if not isinstance(items, list):
        raise Refusal(400, "`batch` must be a list of calls")
    if len(items) > MAX_BATCH:
        raise Refusal(400, f"a batch must have at most {MAX_BATCH} calls")
    # What is imported has happened as it says: how long it was under way tells nothing.
    context, sent_at = body.get("context"), body.get("sentAt") if call == "batch" else None
    if len(orjson.dumps((context, sent_at))) * len(items) > MAX_SHARED_BYTES:
        raise Refusal(413, f"`context` and `sentAt` of a batch must have at most {MAX_SHARED_BYTES} bytes in all of its calls together")
    return _sorted([_item(item, context, sent_at, past=call == "import") for item in items], browser=browser)


def _item(item: Any, context: Any, sent_at: Any, *, past: bool) -> Any:
    if type(item) is not dict:
        return item
    own = item.get("context")
    if type(context) is dict and (own is None or type(own) is dict):
        item["context"] = {**context, **(own or {})}
    if past:
        item.pop("sentAt", None)
        return item
    return _timed(item, sent_at)


def _timed(item: dict[str, Any], sent_at: Any) -> dict[str, Any]:
    """The record with the stamp by its sender's clock beside the time of sending, from which the job reckons how wrong that clock is."""
    if sent_at is not None and item.get("sentAt") is None:
        item["sentAt"] = sent_at
    if item.get("sentAt") is not None and item.get("timestamp") is not None and item.get("originalTimestamp") is None:
        item["originalTimestamp"] = item.pop("timestamp")
    return item


def _sorted(items: list[Any], *, browser: bool) -> Sent:
    sent = Sent([], [], [])
    for place, item in enumerate(items):
        refused = _not_allowed(item, browser=browser) if type(item) is dict else None
        if refused is not None:
            sent.refused.append((place, refused))
            continue
        if type(item) is dict:
            item.pop("writeKey", None)
        sent.records.append(item)
        sent.places.append(place)
    return sent


def _not_allowed(item: dict[str, Any], *, browser: bool) -> Unused | None:
    if item.get("type") in ("erase", "unmerge"):
        return Unused("not_allowed", "persons are erased and parted by `beckon` alone")
    if browser and item.get("type") == "alias":
        # Whoever reads the key in a page could make any two of whom it knows the ids one.
        return Unused("not_allowed", "a browser key cannot make two persons one; a server's can")
    event = item.get("event")
    if browser and type(event) is str and event in SERVERS_ONLY:
        return Unused("not_allowed", "a browser key cannot send this event; a server's can")
    return None
