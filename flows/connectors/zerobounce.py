"""`ZeroBounce`: addresses verified by ZeroBounce, API v2, `GET /v2/validate`.

All outcomes are HTTP 200 with one of 7 statuses and a sub-status; `{"error": ...}` is a bad key or an account without credits. Each call
that gives a status other than unknown costs a credit. 100 bad requests within a minute block the caller for an hour (as of 2026-08).
"""

from __future__ import annotations

from pydantic import SecretStr

from flows.connectors.lookup import READ_S, SERVICE_S, Lookup, word
from flows.verify.verdict import Reason
from flows.verify.verifier import Answered, Lost, Refused, Reply

URL = "https://api.zerobounce.net"

STATUSES: dict[str, Reason] = {
    "valid": "accepted_email",
    "invalid": "rejected_email",
    "catch-all": "catch_all",
    "spamtrap": "spam_trap",
    "abuse": "complainer",
    "do_not_mail": "low_quality",
    "unknown": "not_determined",
}
"""What each status means, where the sub-status says no more."""

SUB_STATUSES: dict[tuple[str, str], Reason] = {
    ("valid", "accept_all"): "catch_all",
    ("valid", "role_based_accept_all"): "catch_all",
    ("invalid", "failed_syntax_check"): "invalid_email",
    ("invalid", "no_dns_entries"): "invalid_domain",
    ("invalid", "unroutable_ip_address"): "invalid_domain",
    ("invalid", "mailbox_quota_exceeded"): "mailbox_full",
    ("do_not_mail", "disposable"): "disposable",
    ("do_not_mail", "role_based"): "role",
    ("do_not_mail", "role_based_catch_all"): "role",
    ("do_not_mail", "possible_trap"): "spam_trap",
    ("do_not_mail", "possible_traps"): "spam_trap",
}
"""Where the sub-status says more than the status."""


class ZeroBounce:
    """The service, reached with a key; `url` can be that of another region."""

    name = "zerobounce"
    at_once = 8

    def __init__(self, key: SecretStr, url: str | None = None, read_s: float = READ_S) -> None:
        self._lookup = Lookup(url or URL, "api_key", key, read_s)

    async def verify(self, address: str) -> Reply:
        """Asks for one address, once."""
        answer = await self._lookup.get("/v2/validate", {"email": address, "ip_address": "", "timeout": str(SERVICE_S)})
        return reply_of(answer) if isinstance(answer, dict) else answer

    async def close(self) -> None:
        """Lets go of connections."""
        await self._lookup.close()


def reply_of(answer: dict[str, object]) -> Reply:
    """What an answer says.

    >>> reply_of({"status": "do_not_mail", "sub_status": "role_based"})
    Answered(reason='role', detail='do_not_mail role_based')
    >>> reply_of({"error": "Invalid API Key or your account ran out of credits"})
    Refused(cause='key')
    """
    status, sub_status = word(answer.get("status")), word(answer.get("sub_status"))
    if status not in STATUSES:
        return Refused("key") if not status and "error" in answer else Lost("a status that is not known")
    return Answered(SUB_STATUSES.get((status, sub_status), STATUSES[status]), f"{status} {sub_status}".strip())
