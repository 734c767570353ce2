"""`Overlaps`: how many persons each pair of segments shares, exactly, however many persons there are.

Persons come one by one. A segment has one bit for each of some ten thousand of them, so a pair of segments is one `and` of two long
integers for all of these at once.
"""

from __future__ import annotations

from collections.abc import Iterable

_CHUNK = 1 << 16
"""Persons that are counted at once; a segment takes an eighth of that in bytes."""


class Overlaps:
    """Sizes and shared members of segments, by their numbers; `persons` is the number of all."""

    def __init__(self, segments: int) -> None:
        self.persons = 0
        self._both = [[0] * segments for _ in range(segments)]
        self._bits = [bytearray(_CHUNK >> 3) for _ in range(segments)]
        self._filled = 0

    def add(self, members: Iterable[int]) -> None:
        """One person, who is in these segments."""
        byte, bit = self._filled >> 3, 1 << (self._filled & 7)
        for no in members:
            self._bits[no][byte] |= bit
        self.persons += 1
        self._filled += 1
        if self._filled == _CHUNK:
            self.settle()

    def settle(self) -> None:
        """Counts what has come; to be called before the sums are read."""
        rows = [(no, int.from_bytes(bits, "little")) for no, bits in enumerate(self._bits)]
        rows = [(no, bits) for no, bits in rows if bits]
        for place, (a, bits) in enumerate(rows):
            shared = self._both[a]
            for b, others in rows[place:]:
                shared[b] += (bits & others).bit_count()
        for no, _ in rows:
            self._bits[no] = bytearray(_CHUNK >> 3)
        self._filled = 0

    def size(self, no: int) -> int:
        """How many persons are in a segment."""
        return self._both[no][no]

    def both(self, a: int, b: int) -> int:
        """How many persons are in both."""
        return self._both[min(a, b)][max(a, b)]
