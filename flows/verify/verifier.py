"""`Verifier`: the contract of a service that verifies addresses for money, and the replies that it can give.

A look-up may cost a credit as soon as the request was sent, so it is sent once. The reply says what is known of the credit:

| reply | the credit | what becomes of the address |
|---|---|---|
| `Answered` | is spent | has a verdict |
| `Refused` | is not spent: nothing was verified | can be asked again |
| `Lost` | may be spent | counts as paid, with the verdict `no_answer`; is not asked again for a while |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from flows.verify.verdict import Reason

Cause = Literal["key", "throttled", "unreachable", "request"]
CAUSES: dict[Cause, str] = {
    "key": "refuses the key, or the account has no credits left",
    "throttled": "takes no more requests for now",
    "unreachable": "cannot be reached",
    "request": "refuses the request as one that cannot be",
}
"""Why nothing was verified, as a sentence goes on behind the name of the service."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The verdict of the service, and its own words for it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The service did not take the request up."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Lost:
    """The request was sent, and no answer came that can be read; `what` came instead."""

    what: str


Reply = Answered | Refused | Lost


class Verifier(Protocol):
    """A service that verifies addresses."""

    name: str
    at_once: int
    """So many look-ups at a time."""

    async def verify(self, address: str) -> Reply:
        """Asks for one address, once. Raises nothing that is the service's or the network's fault."""

    async def close(self) -> None:
        """Lets go of connections."""
