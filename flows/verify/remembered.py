"""`remembered`: the last verdict that a person was told of a trait, as its history has it: what a lost ledger had paid for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.verify.addresses import Address
from flows.verify.verdict import EMAIL_VERIFIED, REASONS, Verdict
from operators.clean.email import canonical_email, email_key
from operators.instants import parse_instant
from operators.lane.keys import Kept


def remembered(history: Sequence[Kept], address: Address) -> tuple[Verdict, int] | None:
    """The verdict and the time of its event; None where the last one is of another mailbox, or cannot be read. `history` is by time.

    >>> anna = Address(0, "anna", 3, "email", "anna@example.com", "anna@example.com", "anna@example.com")
    >>> told = {"email": "Anna@example.com", "trait": "email", "reason": "null_mx", "service": "mx", "mx": False}
    >>> told["checked_at"] = "1970-01-01T00:00:01Z"
    >>> remembered([Kept(2000, 0, "track", "Email Verified", told)], anna)
    (Verdict(reason='null_mx', service='mx', checked_ms=1000, mx=False, detail=''), 2000)
    """
    for kept in reversed(history):
        if kept.name == EMAIL_VERIFIED and kept.properties is not None and kept.properties.get("trait") == address.trait:
            verdict = _verdict(kept.properties) if _key(kept.properties.get("email")) == address.key else None
            return None if verdict is None else (verdict, kept.t)
    return None


def _key(email: object) -> str | None:
    canonical = canonical_email(email) if isinstance(email, str) else None
    return email if canonical is None and isinstance(email, str) else None if canonical is None else email_key(canonical)


def _verdict(properties: dict[str, Any]) -> Verdict | None:
    reason, service, mx, detail = (properties.get(name) for name in ("reason", "service", "mx", "detail"))
    try:
        checked_ms = parse_instant(properties.get("checked_at") or "")
    except (ValueError, TypeError):
        return None
    if reason not in REASONS or not isinstance(service, str):
        return None
    return Verdict(reason, service, checked_ms, mx if isinstance(mx, bool) else None, detail if isinstance(detail, str) else "")
