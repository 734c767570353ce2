"""`Hosts`: the contract of what knows whether domains take mail; `Domain`, what it says; `DOMAIN_REASONS`, what that means."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from flows.verify.verdict import Reason

Finding = Literal["mx", "implicit_mx", "null_mx", "no_host", "no_domain", "failed"]
DOMAIN_REASONS: dict[Finding, Reason] = {
    "mx": "mx_found",
    "implicit_mx": "mx_found",
    "null_mx": "null_mx",
    "no_host": "invalid_domain",
    "no_domain": "invalid_domain",
    "failed": "dns_failure",
}
"""What a finding means for the addresses of the domain."""


class Domain(NamedTuple):
    """What is known of a domain, for so many seconds."""

    finding: Finding
    ttl_s: int


class Hosts(Protocol):
    """Whoever knows whether a domain takes mail."""

    async def look_up(self, domain: str) -> Domain:
        """What the domain says of itself; `failed` where nobody answered."""
