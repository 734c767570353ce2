"""The parts of hostile requests: what could be honest, what is of no kind that belongs there, and how both become bytes.

Each carries `MARK` where something personal could stand, and none may be repeated in what the edge says.
"""

from __future__ import annotations

import json
import random
from typing import Any, Literal

from tests.edge import BACKEND, WEB, basic

MARK = "leak-4711@example.com"
PATHS = tuple(f"/v1/{name}" for name in ("track", "identify", "page", "screen", "group", "alias", "batch", "import"))
FIELDS = ("type", "messageId", "userId", "anonymousId", "previousId", "groupId", "event", "name", "category", "properties", "traits",
          "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "writeKey", "batch", "channel")  # fmt: skip

Then = Literal["read", "leave", "reset", "half"]
"""What the attacker does when all is sent: reads to the end, closes, resets the connection, or closes its half and reads."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**64, -(2**63) - 1, 10**400, 1e308, "", " ", "x", "null", "\x00", "a\nb", "\ud800",
    "\udfff\ud800",
    "\u202e", "💥" * 300, "u" * 2000, "'; drop table", "<script>", "../../etc/passwd", "{{7*7}}", [], {}, [[]], [None], {"": {}},
    {"a": [1, {}]},
    "2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "10000-01-01T00:00:00Z", "2026-01-01", "now",
    -62135596801,
    "2026-01-01T00:00:00+99:99", "__proto__", "constructor", MARK,
)  # fmt: skip


def http(rng: random.Random, body: bytes, path: str = "", method: str = "POST", **headers: str) -> bytes:
    """A request that is well-formed but for what is handed in; a header of None is left out, `_` stands for `-`."""
    told = {"Host": "edge", "Connection": "close", "Content-Type": "application/json", "Content-Length": str(len(body))}
    told |= basic(rng.choice((BACKEND, BACKEND, BACKEND, WEB))) | {name.replace("_", "-"): text for name, text in headers.items()}
    lines = [f"{method} {path or rng.choice(PATHS)} HTTP/1.1", *(f"{name}: {text}" for name, text in told.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def call(rng: random.Random, **more: Any) -> dict[str, Any]:
    """A call that could be honest."""
    id = rng.randrange(10**9)
    return {
        "type": rng.choice(("track", "identify", "page", "group", "alias")),
        "messageId": f"x{id}",
        "userId": f"x{id % 50}",
        "previousId": f"x{id % 47}",
        "event": "Product Viewed",
        "properties": {"email": MARK, "n": id},
        **more,
    }


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def wrapped(rng: random.Random, body: bytes) -> bytes:
    """The body, or a batch of it."""
    return body if rng.random() < 0.5 else b'{"batch":[' + body + b"]}"
