"""`retry_file`: mended records into the input of a job, once.

*Guarantees*: all records of a file can be used, or none is sent. What the ledger has is not sent again; where a crash kept a record out of
it, the record goes a second time under the same messageId, and changes nothing. On Kafka records and ledger are one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flows.connectors.files_input import add_records
from flows.connectors.kafka_settings import KafkaSettings
from flows.rejects.mending import Mended, mends_of, read_mended
from flows.rejects.streams import FilesRejects, KafkaRejects, Rejects, Retry, retry_line
from flows.replay.inputs import FilesLog, KafkaLog, Log
from flows.settings import Settings
from operators.instants import format_instant
from operators.plan.checked import Plan
from schemas.errors import UnavailableError


class Target(Protocol):
    """Where mended records go."""

    @property
    def rejects(self) -> Rejects:
        """Those that are mended."""

    @property
    def name(self) -> str:
        """The file or topic that has them."""

    @property
    def later_ms(self) -> int | None:
        """The time that the log will give them; None where it gives none."""

    def send(self, mended: Sequence[Mended], retries: Sequence[Retry]) -> None:
        """Sends them, and notes that."""

    def log(self) -> Log:
        """The whole input, for a replay."""


def target_of(settings: Settings, plan: Plan, input: Path | None, brokers: str | None, output: Path, topic: str | None) -> Target:
    """The target that is asked for: an input of files, or the brokers of a topic."""
    if input is not None:
        return FilesTarget(input, FilesRejects(output))
    from flows.connectors.kafka_topics import input_topic
    from flows.launch import kafka_settings

    kafka = kafka_settings(settings, brokers or "")
    return KafkaTarget(kafka, topic or input_topic(plan.name), plan.name, KafkaRejects(kafka, plan.name))


class FilesTarget:
    """A file or folder that a job reads, and the output folder with its rejects."""

    later_ms = None

    def __init__(self, path: Path, rejects: FilesRejects) -> None:
        self._path, self._file = path, path
        self.rejects = rejects

    @property
    def name(self) -> str:
        """The file that has the records."""
        return str(self._file)

    def send(self, mended: Sequence[Mended], retries: Sequence[Retry]) -> None:
        """The records first: where the ledger lacks one, it is a copy when it comes again."""
        self._file = add_records(self._path, [each.raw for each in mended])
        ledger = self.rejects.ledger
        try:
            ledger.touch()
            add_records(ledger, [retry_line(retry) for retry in retries])
        except OSError as error:
            raise UnavailableError(f"cannot write {ledger}: {error.strerror}; the records were sent") from error

    def log(self) -> Log:
        """The file or folder."""
        return FilesLog(str(self._path))


class KafkaTarget:
    """A topic that a job reads, and the topics of its plan."""

    def __init__(self, settings: KafkaSettings, topic: str, plan: str, rejects: KafkaRejects) -> None:
        self._settings, self.name, self._plan, self._ledger = settings, topic, plan, rejects.ledger
        self.rejects: Rejects = rejects

    @property
    def later_ms(self) -> int:
        """Now: a topic keeps the time at which a record was put there."""
        return int(time.time() * 1000)

    def send(self, mended: Sequence[Mended], retries: Sequence[Retry]) -> None:
        """Records and ledger together, each record on the partition of its person."""
        from flows.connectors.kafka_input import ensure_compacted, produce_records
        from flows.connectors.kafka_topics import describe

        describe(self._settings, self.name)
        ensure_compacted(self._settings, self._ledger)
        records = [(each.key, each.raw) for each in mended]
        noted = [(retry.mends, retry_line(retry)) for retry in retries]
        produce_records(self._settings, f"beckon-{self._plan}-retry", [(self.name, records), (self._ledger, noted)])

    def log(self) -> Log:
        """The topic, to its present end."""
        return KafkaLog(self._settings, self.name)


@dataclass(frozen=True, slots=True)
class Done:
    """What was sent, and how many of the file had been sent before."""

    sent: list[Mended]
    before: int


def retry_file(file: Path, plan: Plan, target: Target) -> Done:
    """Sends what a file mends; FindingsError where something in it is not as it must be."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise UnavailableError(f"cannot read {file}: {error.strerror}") from error
    ids = {id for line in lines if (id := mends_of(line)) is not None}
    known = {refused.id: refused for refused in target.rejects.read() if refused.id in ids}
    mended = read_mended(str(file), lines, plan, known, target.later_ms)
    retried = target.rejects.retried()
    sent = [each for each in mended if each.mends not in retried]
    if sent:
        now = format_instant(int(time.time() * 1000))
        target.send(sent, [Retry(each.mends, each.message_id, now) for each in sent])
    return Done(sent, len(mended) - len(sent))
