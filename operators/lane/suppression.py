"""`Suppression`: the addresses of persons who were erased, as keyed hashes: enough to write to none of them again, and to tell nobody whose
they were.

The hash is HMAC-SHA256 over what all spellings of a mailbox have in common (`operators.clean.email.email_key`). Without the key a list of
addresses cannot be tried against it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec

from operators.clean.email import canonical_email, email_key
from operators.lane.keys import SUPPRESSED, SUPPRESSED_END, Suppressed
from operators.lane.store import Store, Writes
from schemas.errors import UnavailableError

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Suppressed).decode


class Suppression:
    """The list of one lane. UnavailableError where it was made with another key."""

    def __init__(self, store: Store, key: bytes, partition: int) -> None:
        self._store, self._key = store, key
        self.key_id = hmac.digest(key, b"beckon suppression", "sha256")[:4].hex()
        self._added: dict[bytes, Suppressed] = {}
        found = store.scan(SUPPRESSED, SUPPRESSED_END, 1)
        self._empty = not found
        if found and (made_with := _decode(found[0][1]).key) != self.key_id:
            raise UnavailableError(
                f"partition {partition}: the suppression list was made with the key {made_with}, and this one is {self.key_id}; give that "
                f"key in BECKON_SUPPRESSION_KEY, or put the file with it back beside the lanes"
            )

    def hash(self, address: str) -> str | None:
        """The hash of an address in hexadecimal digits; None for what is no address."""
        mailbox = mailbox_of(address)
        return None if mailbox is None else hmac.digest(self._key, mailbox.encode(), "sha256").hex()

    def erased_at(self, address: str) -> int | None:
        """When the person was erased whose the address was; None where that never was."""
        if self._empty or (found := self.hash(address)) is None:
            return None
        row = self._row(SUPPRESSED + bytes.fromhex(found))
        return None if row is None else row.t

    def add(self, hashes: Iterable[str], t: int) -> None:
        """Puts addresses on the list, erased at the instant `t`."""
        for each in hashes:
            key = SUPPRESSED + bytes.fromhex(each)
            before = self._row(key)
            self._added[key] = Suppressed(self.key_id, t if before is None else max(t, before.t))
            self._empty = False

    def flush(self, writes: Writes) -> None:
        """Puts what was added into a batch of writes."""
        for key, row in self._added.items():
            writes.put(key, _encode(row))
        self._added.clear()

    def _row(self, key: bytes) -> Suppressed | None:
        if key in self._added:
            return self._added[key]
        raw = self._store.get(key)
        return None if raw is None else _decode(raw)


def mailbox_of(text: str) -> str | None:
    """What all spellings of an address have in common, also of one that breaks the rules; None for what is none.

    >>> mailbox_of("Anna.Berg+news@GoogleMail.com"), mailbox_of(" Anna@home"), mailbox_of("anna")
    ('annaberg@gmail.com', 'anna@home', None)
    """
    canonical = canonical_email(text)
    if canonical is not None:
        return email_key(canonical)
    return text.strip().lower() if "@" in text else None
