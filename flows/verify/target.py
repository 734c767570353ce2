"""`Target`: the input of a job, where records go to be read as all others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flows.connectors.files_input import add_records, check_input
from flows.connectors.kafka_settings import KafkaSettings
from flows.settings import Settings

Keyed = tuple[str, bytes]
"""A person and a record."""


class Target(Protocol):
    """Where records go."""

    @property
    def name(self) -> str:
        """The file, folder or topic."""

    def send(self, records: Sequence[Keyed]) -> None:
        """Sends them all, or raises UnavailableError; they are durable when it returns."""


class FilesTarget:
    """A file or folder that a job reads."""

    def __init__(self, path: Path) -> None:
        # Before anything is paid.
        check_input(path)
        self._path = path

    @property
    def name(self) -> str:
        """The file or folder."""
        return str(self._path)

    def send(self, records: Sequence[Keyed]) -> None:
        """To the end of the file, or into a new one of the folder."""
        add_records(self._path, [raw for _, raw in records])


class KafkaTarget:
    """A topic that a job reads. `sender` is who sends: a newer one of this name fences an older."""

    def __init__(self, settings: KafkaSettings, topic: str, sender: str = "verify") -> None:
        from flows.connectors.kafka_topics import describe

        self._settings, self._topic, self._sender = settings, topic, sender
        describe(settings, topic)

    @property
    def name(self) -> str:
        """The topic."""
        return self._topic

    def send(self, records: Sequence[Keyed]) -> None:
        """In one transaction, each on the partition of its person."""
        from flows.connectors.kafka_input import produce_records

        produce_records(self._settings, f"beckon-{self._topic}-{self._sender}", [(self._topic, records)])


def target_of(input: Path | None, settings: Settings, brokers: str | None, topic: str, sender: str = "verify") -> Target:
    """The file or folder, else the topic at the brokers."""
    if input is not None:
        return FilesTarget(input)
    from flows.launch import kafka_settings

    return KafkaTarget(kafka_settings(settings, brokers or ""), topic, sender)
