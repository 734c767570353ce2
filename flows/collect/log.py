"""`EventLog`: where accepted records go, Kafka or a folder: one contract.

*Guarantees*: `done` says None only when all records of the `put` are durable; the lines of one `put` stand in its order. What `done` names
an error for may be in the log all the same, so its sender sends it again, under the same messageId.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from schemas.errors import BeckonError, UnavailableError

Keyed = tuple[str | None, bytes]
"""The id by which a record finds its lane, None where it has none, and the record: JSON in one line."""
Done = Callable[[BeckonError | None], None]
"""Called once for a `put`, on any thread."""


class FullError(UnavailableError):
    """So much waits for the log that it takes no more for now."""


class TooLargeError(BeckonError):
    """A record is larger than the log takes, however often it is sent. The others of its `put` are in the log."""


class EventLog(Protocol):
    """A log of events, open for writing."""

    @property
    def name(self) -> str:
        """The folder or topic, for people."""

    @property
    def waiting_bytes(self) -> int:
        """The bytes that were taken and are not durable yet."""

    def put(self, records: Sequence[Keyed], done: Done) -> None:
        """Takes the records, or raises FullError at once and takes none. Never waits."""

    def close(self) -> None:
        """Returns when `done` was called for all that was taken. May be called again."""
