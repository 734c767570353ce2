"""The logs that can be replayed, each read from its beginning to an end that is known before: `FilesLog` and `KafkaLog`.

*Guarantees*: a log is only read. On Kafka no group is joined, no offset is committed, and no transaction is begun.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from flows.connectors.files_source import STANDARD_INPUT, FilesSource, is_input
from flows.connectors.kafka_settings import KafkaSettings
from flows.opening import Partition
from schemas.errors import UnavailableError


class Log(Protocol):
    """What is replayed, in one or more partitions."""

    @property
    def identity(self) -> Any:
        """What tells the log from another one, and from itself after it has changed, as JSON."""

    @property
    def partitions(self) -> Sequence[int]:
        """The numbers of the partitions."""

    def bounds(self) -> dict[int, tuple[int, int]]:
        """For each partition its first offset and the one before which it ends now; empty where reading alone finds the end."""

    def open(self, partition: int, start: tuple[int, str], end: int | None) -> Partition:
        """A partition, to be read to `end`; `start` is the offset that is applied (-1: none) and the hint of its batch."""


class FilesLog:
    """A file, a folder or `-`: one partition. UnavailableError where it is not there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.partitions = (0,)

    @property
    def identity(self) -> Any:
        """The names and sizes of the files, in their order; a stream tells nothing of itself."""
        path = Path(self._path)
        try:
            if self._path == STANDARD_INPUT or not (path.is_dir() or path.is_file()):
                return []
            if path.is_file():
                return [[path.name, path.stat().st_size]]
            with os.scandir(path) as entries:
                found = sorted([entry.name, entry.stat().st_size] for entry in entries if is_input(entry))
        except OSError as error:
            raise UnavailableError(f"cannot read the input {path}: {error.strerror}") from error
        if not found:
            raise UnavailableError(f"the folder {path} holds no *.jsonl or *.jsonl.gz; give --input a file, or a folder of such")
        return found

    def bounds(self) -> dict[int, tuple[int, int]]:
        """None: a file ends where it ends."""
        return {}

    def open(self, partition: int, start: tuple[int, str], end: int | None) -> Partition:
        """The input, from behind `start`."""
        return FilesSource(self._path, start=start).build_part("input", str(partition), None)


class KafkaLog:
    """A topic, each partition from its earliest record on. UnavailableError where it, or the broker, is not there."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        from flows.connectors.kafka_topics import describe

        self._settings = settings
        self._topic = describe(settings, topic)
        self.partitions = range(self._topic.partitions)

    @property
    def identity(self) -> Any:
        """Name, id and number of partitions of the topic."""
        return [self._topic.name, self._topic.id, self._topic.partitions]

    def bounds(self) -> dict[int, tuple[int, int]]:
        """As the broker has them."""
        from flows.connectors.kafka_source import read_bounds

        return read_bounds(self._settings, self._topic)

    def open(self, partition: int, start: tuple[int, str], end: int | None) -> Partition:
        """The partition, from behind `start` to before `end`."""
        from flows.connectors.kafka_source import KafkaSource

        ends = {} if end is None else {partition: end}
        source = KafkaSource(self._settings, self._topic, lambda _: start[0] + 1, parts=[partition], bounded=True, ends=ends)
        return source.build_part("input", str(partition), None)
