"""What a lane keeps its state in: ordered keys to values, written in whole batches. `RocksStore` and `MemoryStore` pass one suite."""

from __future__ import annotations

from typing import Protocol


class Writes(Protocol):
    """Writes that become durable together or not at all."""

    def put(self, key: bytes, value: bytes) -> None:
        """Sets a value."""

    def delete(self, key: bytes) -> None:
        """Takes a key away; one that is not there is none the less fine."""

    def size_in_bytes(self) -> int:
        """The size of what is gathered, about."""


class Store(Protocol):
    """Ordered keys to values."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None where there is none."""

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The first `limit` pairs with `start <= key < end`, in the order of the keys. An iterator that broke raises; it never looks like
        an end."""

    def values(self, start: bytes, end: bytes) -> list[bytes]:
        """The values of all pairs that `scan` gives without a limit."""

    def writes(self) -> Writes:
        """A new, empty batch of writes."""

    def write(self, writes: Writes) -> None:
        """Makes a batch durable: when it returns, the batch is on the disk. UnavailableError where the disk refuses."""

    def compact(self) -> None:
        """Rewrites the store, so that none of its files holds what was taken away or overwritten. UnavailableError as `write`."""

    def size(self) -> int:
        """Bytes on disk, about."""

    def close(self) -> None:
        """Lets go of the store."""
