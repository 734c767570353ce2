"""What a lane is joined to: batches that come in, a publisher that takes its output away.

`flows/connectors` holds the implementations (Kafka, files, memory); each pair passes one contract suite, `tests/flows/connectors/`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from schemas.output import Output


class Batch(msgspec.Struct, gc=False):
    """Records of one partition, in their order, as a source hands them on.

    `records`: `(offset, log time in ms or None, bytes)`; offsets rise, with gaps allowed. `start` is the offset that the source was asked
    to begin at when this reading of the input started: a lane that has applied less than `start - 1` knows that records were skipped.
    `wall_ms` is the wall clock when the batch was closed, None where the input is bounded. `idle` is true where a live input has been read
    to its end and nothing has come for 5 s. `end` is true on the last batch of a bounded input. `lag` is the number of records that the
    source knows to be behind this batch. `hint` is what a source needs to find the place after the last record of this batch (a file and a
    byte position; empty for Kafka).
    """

    partition: int
    start: int
    records: list[tuple[int, int | None, bytes]]
    wall_ms: int | None = None
    idle: bool = False
    end: bool = False
    lag: int = 0
    hint: str = ""


class Row(msgspec.Struct, gc=False, array_like=True):
    """The output of one batch, as it stands in the outbox: `first` is the sequence number of the first of `outputs`, the others follow
    without a gap."""

    first: int
    outputs: list[Output]

    @property
    def last(self) -> int:
        """The sequence number of the last output."""
        return self.first + len(self.outputs) - 1


class Progress(msgspec.Struct, gc=False, frozen=True):
    """What the output side knows of a lane: the last sequence number that is published there (0: none), and the input offset applied then
    (-1: none)."""

    sequence: int = 0
    offset: int = -1


class Publisher(Protocol):
    """Takes outbox rows away and makes them visible, each output once.

    *Guarantees*: after `open`, no older publisher of the same lane can publish. Rows become visible in the order given, whole, once.
    `published` only grows, and what it names is durable. Nothing raised by a broker that is away: the publisher waits and goes on. An error
    that cannot mend itself is raised by the next `put` or `wait`.
    """

    def open(self) -> Progress:
        """Fences older publishers of this lane, and gives what is published."""

    def put(self, row: Row | None, offset: int) -> None:
        """Takes a row for publishing; outputs of it that are published already are left out. Returns at once, or when there is room again.
        `offset` is the highest input offset that was applied when the row was committed; None for a row says that `offset` moved on without
        output."""

    @property
    def published(self) -> int:
        """The last sequence number that is durably published."""

    def wait(self) -> None:
        """Returns when everything put so far is durably published."""

    def close(self) -> None:
        """Lets go of all resources, at once; what is not published by then stays in the outbox."""
