"""Where rejects lie, and what was sent again of them: `FilesRejects`, an output folder, and `KafkaRejects`, the topics of a plan.

Which were retried is kept beside them: in `retries.jsonl` of the folder, in the compacted topic `<plan>.retries`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from flows.connectors.kafka_settings import KafkaSettings
from flows.rejects.records import Refused, refused_of
from flows.replay.drive import batches_of
from flows.replay.inputs import KafkaLog
from schemas.errors import UnavailableError

RETRIES = "retries"


class Retry(msgspec.Struct, frozen=True):
    """That a reject was mended and sent again: its id, the messageId under which that was, and when."""

    mends: str
    message_id: str
    time: str


_decode = msgspec.json.Decoder(Retry).decode
_encode = msgspec.json.Encoder().encode


class Rejects(Protocol):
    """The rejects of a job."""

    def read(self) -> Iterator[Refused]:
        """All of them, in their order in each partition."""

    def retried(self) -> dict[str, Retry]:
        """What was sent again, by the id of the reject."""


class FilesRejects:
    """An output folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> Iterator[Refused]:
        """Those of `rejects.jsonl`; UnavailableError where there is no such file."""
        path = self.folder / "rejects.jsonl"
        if not path.is_file():
            raise UnavailableError(f"there is no {path}; give the --output of the job")
        return map(refused_of, _lines(path))

    @property
    def ledger(self) -> Path:
        """The file that says which were retried."""
        return self.folder / f"{RETRIES}.jsonl"

    def retried(self) -> dict[str, Retry]:
        """As the ledger has it."""
        return {retry.mends: retry for retry in map(_decode, _lines(self.ledger))} if self.ledger.is_file() else {}


class KafkaRejects:
    """The topics of a plan."""

    def __init__(self, settings: KafkaSettings, plan: str) -> None:
        self._settings = settings
        self.topic, self.ledger = f"{plan}.rejects", f"{plan}.{RETRIES}"

    def read(self) -> Iterator[Refused]:
        """Those that are there now; UnavailableError where there is no such topic."""
        return map(refused_of, self._records(KafkaLog(self._settings, self.topic)))

    def retried(self) -> dict[str, Retry]:
        """As the ledger has it; none where that topic is not there yet."""
        from flows.connectors.kafka_topics import Cluster

        if Cluster(self._settings).find([self.ledger])[self.ledger] is None:
            return {}
        return {retry.mends: retry for retry in map(_decode, self._records(KafkaLog(self._settings, self.ledger)))}

    def _records(self, log: KafkaLog) -> Iterator[bytes]:
        for partition, (_, end) in log.bounds().items():
            source = log.open(partition, (-1, ""), end)
            try:
                for batch in batches_of(source):
                    yield from (raw for _, _, raw in batch.records)
            finally:
                source.close()


def retry_line(retry: Retry) -> bytes:
    """A line of the ledger."""
    return _encode(retry)


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file; the job may be writing the last one."""
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror}") from error
