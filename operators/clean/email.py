"""E-mail addresses: `canonical_email`, the form in which one is written to, and `email_key`, the form in which two are compared.

RFC 5321 leaves the case of the part before the @ to the domain, so the canonical form keeps it. No provider in use tells two mailboxes
apart by it, so the key does not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import normalize

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from operators.clean.providers import IGNORES_DOTS, IGNORES_TAGS, SAME_AS
from operators.clean.text import clean_text

MAX_LENGTH = 254
"""Of an address, in bytes (RFC 5321, 4.5.3.1.3)."""
_MAX_INPUT = 1024
"""A longer text is no address, also with a name before it."""

_PLAIN = re.compile(r"([\w+-]+(?:\.[\w+-]+)*)@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63})", re.ASCII | re.IGNORECASE)
"""What nearly all addresses look like: nothing in them needs a closer look."""
_SPECIAL = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
_ALWAYS_LOWER = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def canonical_email(text: str) -> str | None:
    """The address with its domain in lower case and, by IDNA 2008, in ASCII; None where it is none. A name around it is taken off.

    >>> canonical_email(" Anna.Smith+shop@Bücher.Example.COM "), canonical_email("Anna <anna@example.com>")
    ('Anna.Smith+shop@xn--bcher-kva.example.com', 'anna@example.com')
    >>> canonical_email("anna@example") is None
    True
    """
    text = clean_text(text)
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(text) <= MAX_LENGTH:
        local, domain = plain[1], plain[2].lower()
        # With "--" a label may be an encoded one.
        if len(local) <= 64 and "--" not in domain and domain[domain.rindex(".") + 1 :] not in _SPECIAL:
            return f"{local.lower() if local.lower() in _ALWAYS_LOWER else local}@{domain}"
    return _validated(text) if "@" in text and len(text) <= _MAX_INPUT else None


def email_key(address: str) -> str:
    """What the canonical address has in common with all others of its mailbox: lower case, and without dots and plus-tags where the
    provider is known to ignore them. A key is an address too, and its own key.

    >>> email_key("Anna.Smith+shop@googlemail.com"), email_key("Anna.Smith+shop@example.com")
    ('annasmith@gmail.com', 'anna.smith+shop@example.com')
    """
    local, _, domain = address.rpartition("@")
    local, domain = normalize("NFC", local.lower()), SAME_AS.get(domain, domain)
    if domain in IGNORES_TAGS:
        # A tag with nothing before it is no tag.
        local = local.partition("+")[0] or local
    if domain in IGNORES_DOTS:
        local = local.replace(".", "") or local
    return f"{local}@{domain}"


@lru_cache(maxsize=4096)
def _validated(text: str) -> str | None:
    """The canonical form of an address that is out of the ordinary."""
    try:
        # `.test` is a domain for tests (RFC 6761), and this runs in them too.
        found = validate_email(text, allow_display_name=True, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}"
