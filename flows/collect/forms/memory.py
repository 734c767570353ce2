"""`Memory`: which fields a person was asked before, in one SQLite file beside the edge.

| table | keeps |
|---|---|
| `meta` | the salt of the hashes, and the version of this layout |
| `ids` | by identifier: the one that it stands for (an address, else a userId), and when it was last noted |
| `asked` | by identifier: the names of fields that were answered, or left empty |
| `confirmed` | by grant of consent: that it was confirmed, until its link holds no longer |

Who answers in two browsers under one address is asked nothing twice: both stand for the address. A browser stands for the address that it
told last.

*Guarantees*: no identifier and no answer is in the file: identifiers are hashed with a salt of 32 bytes that the file alone has. What was
noted survives a crash of the process. Another process may forget somebody while the edge runs.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path

from operators.clean.email import canonical_email, email_key
from operators.forms.learn import Lesson
from schemas.errors import UnavailableError

FILE = "forms.sqlite"
FORMAT = 1
WAIT_S = 5.0
"""So long does one process wait for another that writes."""
_HOPS = 3
"""A browser stands for a user, and that one for an address."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (salt BLOB NOT NULL, format INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ids (id BLOB PRIMARY KEY, stands_for BLOB, noted INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ids_by_other ON ids (stands_for);
CREATE TABLE IF NOT EXISTS asked (id BLOB, field TEXT, PRIMARY KEY (id, field)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confirmed (grant BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
"""


class Memory:
    """The open file; one thread at a time uses it."""

    def __init__(self, db: sqlite3.Connection, salt: bytes) -> None:
        self._db, self._salt = db, salt

    def asked(self, id: str) -> frozenset[str]:
        """The names that were noted of the person of an identifier."""
        own = self._hash(id)
        rows = self._db.execute("SELECT field FROM asked WHERE id IN (?, ?)", (own, self._top(own)))
        return frozenset(row[0] for row in rows)

    def note(self, ids: Sequence[str], fields: Iterable[str], now_ms: int) -> None:
        """Notes durably that a person was asked these; `ids` are its identifiers, the highest-ranking first: an address, a userId, an
        anonymousId. The lower stand for the highest from now on."""
        self.learn([Lesson(tuple(ids), tuple(fields))], now_ms)

    def learn(self, lessons: Iterable[Lesson], now_ms: int) -> None:
        """Notes durably what was learnt. Consent that was withdrawn may be asked for again."""
        with self._db:
            for lesson in lessons:
                if lesson.withdrawn is None:
                    self._note(lesson.ids, lesson.fields, now_ms)
                else:
                    self._withdraw(lesson.ids[0], lesson.withdrawn)

    def _note(self, ids: Sequence[str], fields: Sequence[str], now_ms: int) -> None:
        hashed = list(dict.fromkeys(map(self._hash, ids)))
        top = self._top(hashed[0])
        for id in hashed:
            if id != top:
                self._db.execute("REPLACE INTO ids VALUES (?, ?, ?)", (id, top, now_ms))
                self._db.execute("INSERT OR IGNORE INTO asked SELECT ?, field FROM asked WHERE id = ?", (top, id))
                self._db.execute("DELETE FROM asked WHERE id = ?", (id,))
        self._db.execute("INSERT INTO ids VALUES (?, NULL, ?) ON CONFLICT DO UPDATE SET noted = excluded.noted", (top, now_ms))
        self._db.executemany("INSERT OR IGNORE INTO asked VALUES (?, ?)", [(top, field) for field in fields])

    def _withdraw(self, id: str, topics: Sequence[str]) -> None:
        own = self._hash(id)
        for start in [f"{topic}@" for topic in topics] or [""]:
            self._db.execute(
                "DELETE FROM asked WHERE id IN (?, ?) AND instr(field, '@') AND substr(field, 1, ?) = ?",
                (own, self._top(own), len(start), start),
            )

    def confirm(self, grant: str, until_ms: int, now_ms: int) -> None:
        """Notes durably that a grant was confirmed."""
        with self._db:
            self._db.execute("DELETE FROM confirmed WHERE until < ?", (now_ms,))
            self._db.execute("REPLACE INTO confirmed VALUES (?, ?)", (self._hash(grant), until_ms))

    def is_confirmed(self, grant: str) -> bool:
        """Whether it was."""
        return self._db.execute("SELECT 1 FROM confirmed WHERE grant = ?", (self._hash(grant),)).fetchone() is not None

    def sweep(self, before_ms: int) -> None:
        """Forgets those of whom nothing was noted since."""
        with self._db:
            self._db.execute("DELETE FROM ids WHERE noted < ?", (before_ms,))
            self._db.execute("DELETE FROM asked WHERE id NOT IN (SELECT id FROM ids)")

    def forget(self, ids: Iterable[str]) -> None:
        """Takes out what was noted of these identifiers and of those that stand for them, so that it is in no page of the file."""
        self._db.execute("PRAGMA secure_delete = ON")
        with self._db:
            for id in map(self._hash, ids):
                gone = [id, *(row[0] for row in self._db.execute("SELECT id FROM ids WHERE stands_for = ?", (id,)))]
                self._db.executemany("DELETE FROM asked WHERE id = ?", [(each,) for each in gone])
                self._db.executemany("DELETE FROM ids WHERE id = ?", [(each,) for each in gone])
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _top(self, id: bytes) -> bytes:
        """What an identifier stands for."""
        for _ in range(_HOPS):
            row = self._db.execute("SELECT stands_for FROM ids WHERE id = ?", (id,)).fetchone()
            if row is None or row[0] is None:
                break
            id = row[0]
        return id

    def _hash(self, text: str) -> bytes:
        """An address is hashed in the form in which two are compared."""
        address = canonical_email(text) if "@" in text else None
        return blake2b((email_key(address) if address else text).encode(), digest_size=16, key=self._salt).digest()


def open_memory(path: Path) -> Memory:
    """The memory in a file, made where there is none. UnavailableError where it cannot be reached or is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else need read who was asked what.
        path.touch(mode=0o600)
        db = sqlite3.connect(path, timeout=WAIT_S, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may cost the last notes: somebody is asked something again.
        db.execute("PRAGMA synchronous = NORMAL")
        return _opened(db)
    except OSError as error:
        raise UnavailableError(f"the memory of the forms {path} cannot be made: {error.strerror}") from error
    except sqlite3.OperationalError as error:
        raise UnavailableError(f"the memory of the forms {path} cannot be read or written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise UnavailableError(f"the memory of the forms {path} is broken or none ({error}); give another --data") from error


def _opened(db: sqlite3.Connection) -> Memory:
    if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone() == (0,):
        db.executescript(_TABLES)
        with db:
            db.execute("INSERT INTO meta SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM meta)", (secrets.token_bytes(32), FORMAT))
    salt, format = db.execute("SELECT salt, format FROM meta").fetchone()
    if format != FORMAT:
        raise sqlite3.DatabaseError(f"its version is {format}, this program knows {FORMAT}")
    return Memory(db, salt)
