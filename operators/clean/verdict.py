"""`email_verdict`: what an address tells of itself, without asking anybody.

Whether mail arrives there is another matter, which `beckon verify` looks up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from disposable_email_domains import blocklist
from rapidfuzz.distance import OSA

from operators.clean.providers import FREE, ROLES

_NOT_COM = frozenset({"cm", "cmo", "co", "coj", "com.com", "comm", "con", "coom", "cpm", "ocm", "om", "vom", "xom"})
"""What fingers make of `com`."""
_LEAST = 5
"""Shorter names have too many neighbours that are somebody's own."""


def email_verdict(text: str, canonical: str | None) -> dict[str, Any]:
    """The verdict on an address whose canonical form is `canonical`: `syntax` is `valid` or `invalid`; `suggestion` is there where it looks
    mistyped, and `role`, `disposable` and `free` (a mailbox for everybody) are where they are true.

    >>> email_verdict("anna@gamil.com", "anna@gamil.com"), email_verdict("info@example.com", "info@example.com")
    ({'syntax': 'valid', 'suggestion': 'anna@gmail.com'}, {'syntax': 'valid', 'role': True})
    >>> email_verdict("anna@gmail,com", None)
    {'syntax': 'invalid', 'suggestion': 'anna@gmail.com'}
    """
    verdict: dict[str, Any] = {"syntax": "invalid" if canonical is None else "valid"}
    address = canonical or _mended(text)
    local, at, domain = address.rpartition("@")
    if not at or not local:
        return verdict
    meant, disposable, free = _domain(domain)
    if meant is not None or (canonical is None and free):
        verdict["suggestion"] = f"{local}@{meant or domain}"
    if canonical is None:
        return verdict
    if local.lower().partition("+")[0] in ROLES:
        verdict["role"] = True
    if disposable:
        verdict["disposable"] = True
    if free:
        verdict["free"] = True
    return verdict


def _mended(text: str) -> str:
    """What was meant by an address with a comma, a space or a second mark in it."""
    return "".join(text.split()).replace(",", ".").replace("..", ".").replace("@@", "@").rstrip(".").lower()


@lru_cache(maxsize=4096)
def _domain(domain: str) -> tuple[str | None, bool, bool]:
    """Of a domain: the provider's that it was meant for, whether its mailboxes are thrown away, whether everybody gets one there."""
    free = domain in FREE
    return None if free else _meant(domain), domain in blocklist, free


def _meant(domain: str) -> str | None:
    """The provider's domain that this one was meant for; None where it looks like one of its own."""
    name, _, end = domain.partition(".")
    end = "com" if end in _NOT_COM else end
    if f"{name}.{end}" in FREE:
        return f"{name}.{end}" if f"{name}.{end}" != domain and len(name) >= _LEAST else None
    near = [(distance, known) for known in _names(end) if (distance := OSA.distance(name, known)) <= (2 if len(known) >= 2 * _LEAST else 1)]
    return f"{min(near)[1]}.{end}" if near else None


@lru_cache(maxsize=64)
def _names(end: str) -> tuple[str, ...]:
    """The names of providers under an ending."""
    split = (domain.partition(".") for domain in FREE)
    return tuple(sorted(name for name, _, rest in split if rest == end and len(name) >= _LEAST))
