"""`NeverBounce`: addresses verified by NeverBounce, API v4, `GET /v4/single/check`.

Outcomes and errors are HTTP 200: `status` says whether the request was taken up, `result` what was found. Each call that was costs a
credit, one of the same address too. NeverBounce wants whole lists as jobs, not one by one, and can lock an account for it (as of 2026-08).
"""

from __future__ import annotations

from pydantic import SecretStr

from flows.connectors.lookup import READ_S, SERVICE_S, Lookup, word
from flows.verify.verdict import Reason
from flows.verify.verifier import Answered, Cause, Lost, Refused, Reply

URL = "https://api.neverbounce.com"

RESULTS: dict[str, Reason] = {
    "valid": "accepted_email",
    "invalid": "rejected_email",
    "disposable": "disposable",
    "catchall": "catch_all",
    "unknown": "not_determined",
}
"""What each result means, where the flags say no more."""
NUMBERS = ("valid", "invalid", "disposable", "catchall", "unknown")
"""The results by the numbers that go for them."""

FLAGS: dict[tuple[str, str], Reason] = {
    ("invalid", "bad_syntax"): "invalid_email",
    ("invalid", "bad_dns"): "invalid_domain",
    ("valid", "spamtrap_network"): "spam_trap",
    ("catchall", "spamtrap_network"): "spam_trap",
}
"""Where a flag says more than the result."""

STATUSES: dict[str, Cause] = {
    "auth_failure": "key",
    "bad_referrer": "key",
    "throttle_triggered": "throttled",
    "general_failure": "request",
}
"""Why a request was not taken up. `temp_unavail` is not here: a fault in the midst of it may have cost a credit."""


class NeverBounce:
    """The service, reached with a key."""

    name = "neverbounce"
    at_once = 4

    def __init__(self, key: SecretStr, url: str | None = None, read_s: float = READ_S) -> None:
        self._lookup = Lookup(url or URL, "key", key, read_s)

    async def verify(self, address: str) -> Reply:
        """Asks for one address, once."""
        answer = await self._lookup.get("/v4/single/check", {"email": address, "timeout": str(SERVICE_S)})
        return reply_of(answer) if isinstance(answer, dict) else answer

    async def close(self) -> None:
        """Lets go of connections."""
        await self._lookup.close()


def reply_of(answer: dict[str, object]) -> Reply:
    """What an answer says.

    >>> reply_of({"status": "success", "result": "invalid", "flags": ["has_dns", "bad_dns"]})
    Answered(reason='invalid_domain', detail='invalid bad_dns')
    >>> reply_of({"status": "throttle_triggered", "message": "..."})
    Refused(cause='throttled')
    """
    status = word(answer.get("status"))
    if status in STATUSES:
        return Refused(STATUSES[status])
    result = _result(answer.get("result"))
    if status != "success" or result not in RESULTS:
        return Lost(f"the status {status or 'none'}")
    flags = answer.get("flags")
    known = sorted(flag for flag in map(word, flags if isinstance(flags, list) else ()) if (result, flag) in FLAGS)
    return Answered(FLAGS[result, known[0]] if known else RESULTS[result], " ".join([result, *known]))


def _result(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(NUMBERS):
        return NUMBERS[value]
    return word(value)
