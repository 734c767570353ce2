"""`Door`: who comes in: a write key that is known, from where it may come, and not too often. Answers for browsers of other sites (CORS).

*Guarantees*: an origin is allowed where it is, character by character, one of the plan's; no other is ever named in an answer.
Source: WHATWG, "Fetch: HTTP extensions" (CORS protocol).
"""

from __future__ import annotations

import math

from starlette.requests import Request

from flows.collect.buckets import Buckets, network
from flows.collect.edge import Clock
from flows.collect.keys import Keys
from flows.collect.refusal import Refusal
from operators.plan.checked import WriteKey

GUESS_RATE, GUESS_BURST = 5.0, 50
"""So often may an address be wrong about its key, a second and at once."""
OPEN_RATE, OPEN_BURST = 20.0, 200
"""So often may an address ask for what needs no key: forms, and webhooks before their signature is known to be right."""
PREFLIGHT_S = 86_400


class Door:
    """Decides who comes in."""

    def __init__(self, origins: tuple[str, ...], keys: Keys, clock: Clock) -> None:
        self._origins, self._keys, self._clock = frozenset(origins), keys, clock
        self._buckets = Buckets()

    def enter(self, request: Request, told: str, number: int = 1) -> WriteKey:
        """The key by which `number` events may come in now; a `Refusal` where they may not."""
        key = self._keys.find(told)
        if key is None:
            self._take(request, "", 1, GUESS_RATE, GUESS_BURST)
            raise Refusal(401, "the write key must be one of the plan's: send it as the user of HTTP basic authentication, or as writeKey")
        origin = request.headers.get("origin")
        if key.browser and origin is not None and origin not in self._origins:
            raise Refusal(403, "a browser must come from one of the plan's origins")
        self._take(request, key.name, number, key.rate, key.burst)
        return key

    def pass_by(self, request: Request, what: str) -> None:
        """Lets somebody through who needs no key; a `Refusal` where an address comes too often. `what` is where it goes."""
        self._take(request, f"/{what}", 1, OPEN_RATE, OPEN_BURST)

    def cors(self, request: Request) -> dict[str, str]:
        """The headers of an answer to a browser that is on another site; none but `Vary` where that is not allowed."""
        origin = request.headers.get("origin")
        if origin is None or origin not in self._origins:
            return {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After", "Vary": "Origin"}

    def preflight(self, request: Request) -> dict[str, str]:
        """The headers of the answer to what a browser asks before it sends; a `Refusal` where the origin is none of the plan's."""
        headers = self.cors(request)
        if "Access-Control-Allow-Origin" not in headers:
            raise Refusal(403, "a browser must come from one of the plan's origins", headers)
        allowed = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type"}
        return {**headers, **allowed, "Access-Control-Max-Age": str(PREFLIGHT_S)}

    def _take(self, request: Request, name: str, number: int, rate: float, burst: int) -> None:
        address = network(request.client.host if request.client else "")
        wait_s = self._buckets.wait_s((name, address), number, rate=rate, burst=burst, now_ms=self._clock())
        if wait_s:
            raise Refusal(429, "too much comes from this address", {"Retry-After": str(math.ceil(wait_s))})
