"""`MemoryStore`: a store for tests and for runs that need not outlive the process."""

from __future__ import annotations

from bisect import bisect_left, insort

from operators.lane.store import Writes


class MemoryWrites:
    """Writes gathered in a dict; None marks a deletion."""

    def __init__(self) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self._bytes = 0

    def put(self, key: bytes, value: bytes) -> None:
        self.changes[key] = value
        self._bytes += len(key) + len(value)

    def delete(self, key: bytes) -> None:
        self.changes[key] = None
        self._bytes += len(key)

    def size_in_bytes(self) -> int:
        return self._bytes


class MemoryStore:
    """Keys and values in the process; the same contract as `RocksStore`, but for durability."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        first = bisect_left(self._keys, start)
        last = min(bisect_left(self._keys, end), first + limit)
        return [(key, self._values[key]) for key in self._keys[first:last]]

    def values(self, start: bytes, end: bytes) -> list[bytes]:
        return [value for _, value in self.scan(start, end, len(self._keys))]

    def writes(self) -> MemoryWrites:
        return MemoryWrites()

    def write(self, writes: Writes) -> None:
        assert isinstance(writes, MemoryWrites)
        for key, value in writes.changes.items():
            if value is None:
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value

    def compact(self) -> None:
        """What was taken away is gone already."""

    def size(self) -> int:
        return sum(len(key) + len(value) for key, value in self._values.items())

    def close(self) -> None:
        """Keeps what it holds: the next lane over the same object continues."""
