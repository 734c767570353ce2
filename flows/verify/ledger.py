"""`Ledger`: what was asked, found, told and spent, in one SQLite file.

| table | keeps |
|---|---|
| `meta` | the salt of the hashes, and the version of this layout |
| `answers` | by mailbox: when it was asked of whom, and the verdict; none yet: asked, and no answer came |
| `domains` | by domain: what it said of itself, until when that holds, how often nobody answered |
| `told` | by person and trait: the last look-up that is in the input, and the time of its event |
| `spent` | by service and month (UTC): paid look-ups |
| `breakers` | by service: failures in a row, and until when it is left alone |

*Guarantees*: no address, domain or name of a person is in the file: they are hashed with a salt of 32 bytes that the file alone has. A paid
look-up is in it before it is sent. One process at a time has it open.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from flows.verify.hosts import Finding
from flows.verify.verdict import Reason, Verdict
from operators.instants import format_instant
from schemas.errors import UnavailableError

LEDGER = "verify.sqlite"
"""The file beside the lanes of a state."""
FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (salt BLOB NOT NULL, format INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answers (mailbox BLOB PRIMARY KEY, service TEXT NOT NULL, checked INTEGER NOT NULL, reason TEXT, mx INTEGER,
    detail TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS domains (domain BLOB PRIMARY KEY, finding TEXT NOT NULL, until INTEGER NOT NULL, tries INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (person BLOB, trait TEXT, mailbox BLOB NOT NULL, service TEXT NOT NULL, checked INTEGER NOT NULL,
    told INTEGER NOT NULL, PRIMARY KEY (person, trait)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (service TEXT, month TEXT, lookups INTEGER NOT NULL, PRIMARY KEY (service, month)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS breakers (service TEXT PRIMARY KEY, failures INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
"""


class Known(NamedTuple):
    """What is known of a domain until an instant; `tries` counts how often nobody answered."""

    finding: Finding
    until_ms: int
    tries: int


class Told(NamedTuple):
    """Which look-up was told, by an event of that time."""

    mailbox: bytes
    service: str
    checked_ms: int
    told_ms: int


class Ledger:
    """The open file."""

    def __init__(self, db: sqlite3.Connection, salt: bytes) -> None:
        self._db, self._salt = db, salt

    def hash(self, text: str) -> bytes:
        """What stands in the file for a text."""
        return blake2b(text.encode(), digest_size=16, key=self._salt).digest()

    def verdict(self, mailbox: bytes) -> Verdict | None:
        """What was found of a mailbox, however old."""
        row = self._db.execute("SELECT reason, service, checked, mx, detail FROM answers WHERE mailbox = ?", (mailbox,)).fetchone()
        if row is None:
            return None
        reason: Reason = row[0] or "no_answer"
        return Verdict(reason, row[1], row[2], None if row[3] is None else bool(row[3]), row[4])

    def keep(self, mailbox: bytes, verdict: Verdict) -> None:
        """Takes a verdict in; durable with the next `commit`."""
        v = verdict
        self._db.execute("REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", (mailbox, v.service, v.checked_ms, v.reason, v.mx, v.detail))

    def asking(self, mailbox: bytes, service: str, now: int, most: int | None, *, mx: bool | None) -> bool:
        """Takes note, durably, that a paid look-up is about to be sent; false where the month has had its `most`."""
        if most is not None and self.spent(service, now) >= most:
            return False
        self._spend(service, now, 1)
        self._db.execute("REPLACE INTO answers VALUES (?, ?, ?, NULL, ?, '')", (mailbox, service, now, mx))
        self._db.commit()
        return True

    def not_asked(self, mailbox: bytes, service: str, asked_ms: int) -> None:
        """Takes back what `asking` noted at that instant: the service has surely verified nothing."""
        self._spend(service, asked_ms, -1)
        self._db.execute("DELETE FROM answers WHERE mailbox = ? AND reason IS NULL", (mailbox,))
        self._db.commit()

    def spent(self, service: str, now: int) -> int:
        """The paid look-ups of the month so far."""
        row = self._db.execute("SELECT lookups FROM spent WHERE service = ? AND month = ?", (service, _month(now))).fetchone()
        return 0 if row is None else int(row[0])

    def _spend(self, service: str, now: int, lookups: int) -> None:
        self._db.execute(
            "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET lookups = lookups + excluded.lookups",
            (service, _month(now), lookups),
        )

    def domain(self, domain: str) -> Known | None:
        """What is known of a domain, also what holds no longer."""
        row = self._db.execute("SELECT finding, until, tries FROM domains WHERE domain = ?", (self.hash(domain),)).fetchone()
        return None if row is None else Known(*row)

    def keep_domain(self, domain: str, known: Known) -> None:
        """Takes in what a domain said; durable with the next `commit`."""
        self._db.execute("REPLACE INTO domains VALUES (?, ?, ?, ?)", (self.hash(domain), *known))

    def told(self, person: bytes, trait: str) -> Told | None:
        """The last that a person was told of a trait."""
        row = self._db.execute(
            "SELECT mailbox, service, checked, told FROM told WHERE person = ? AND trait = ?", (person, trait)
        ).fetchone()
        return None if row is None else Told(*row)

    def tell(self, rows: Sequence[tuple[bytes, str, Told]]) -> None:
        """Takes note of what is in the input; durable with the next `commit`."""
        self._db.executemany("REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?)", [(person, trait, *told) for person, trait, told in rows])

    def breaker(self, service: str) -> tuple[int, int]:
        """The failures in a row, and the instant until which the service is left alone."""
        row = self._db.execute("SELECT failures, until FROM breakers WHERE service = ?", (service,)).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def set_breaker(self, service: str, failures: int, until_ms: int) -> None:
        """Takes both in, durably."""
        self._db.execute("REPLACE INTO breakers VALUES (?, ?, ?)", (service, failures, until_ms))
        self._db.commit()

    def forget(self, before_ms: int) -> None:
        """Drops what is older, but for what was paid."""
        self._db.execute("DELETE FROM answers WHERE checked < ?", (before_ms,))
        self._db.execute("DELETE FROM domains WHERE until < ?", (before_ms,))
        self._db.execute("DELETE FROM told WHERE told < ?", (before_ms,))
        self._db.commit()

    def erase(self, persons: Iterable[str], mailboxes: Iterable[str]) -> None:
        """Takes out what was told to persons and what was found of mailboxes and their domains, so that it is in no page of the file."""
        keys = set(mailboxes)
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.executemany("DELETE FROM told WHERE person = ?", [(self.hash(person),) for person in persons])
        self._db.executemany("DELETE FROM answers WHERE mailbox = ?", [(self.hash(key),) for key in keys])
        self._db.executemany("DELETE FROM domains WHERE domain = ?", [(self.hash(key.rpartition("@")[2]),) for key in keys])
        self._db.commit()
        self._db.execute("VACUUM")

    def commit(self) -> None:
        """Makes durable what was taken in."""
        self._db.commit()


def _month(now: int) -> str:
    return format_instant(now)[:7]


@contextmanager
def open_ledger(path: Path, *, writable: bool = True) -> Iterator[Ledger]:
    """The ledger in a file, made where there is none; where it is not `writable` it is only read, and is empty where there is none.
    UnavailableError where it is in use, cannot be reached, or is no ledger."""
    try:
        db = _connected(path, writable=writable)
        try:
            yield _opened(db)
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise UnavailableError(f"the ledger {path} is in use by another `beckon verify`; wait for it to end") from error
        raise UnavailableError(f"the ledger {path} cannot be read or written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise UnavailableError(f"the ledger {path} is broken or no ledger ({error}); give another --ledger") from error


def _connected(path: Path, *, writable: bool) -> sqlite3.Connection:
    if not writable and not path.exists():
        return sqlite3.connect(":memory:")
    if writable:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Nobody else need read what was asked of whom.
            path.touch(mode=0o600)
        except OSError as error:
            raise UnavailableError(f"the ledger {path} cannot be made: {error.strerror}") from error
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={'rw' if writable else 'ro'}", uri=True, timeout=1)
    if writable:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN EXCLUSIVE")
        db.commit()
    return db


def _opened(db: sqlite3.Connection) -> Ledger:
    if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone() == (0,):
        db.executescript(_TABLES)
        db.execute("INSERT INTO meta VALUES (?, ?)", (secrets.token_bytes(32), FORMAT))
        db.commit()
    salt, format = db.execute("SELECT salt, format FROM meta").fetchone()
    if format != FORMAT:
        raise sqlite3.DatabaseError(f"its version is {format}, this program knows {FORMAT}")
    return Ledger(db, salt)
