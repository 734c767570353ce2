"""Publishes a lane's outbox rows to Kafka, each output once to read-committed readers: rows and progress in one transaction.

*Guarantees*: the transactional id `beckon-<plan>-<partition>` lets one publisher of a lane live; an older one is fenced and ends in words.
The progress record of a transaction becomes visible with its outputs or not at all, so after an error whose outcome is unknown the producer
is thrown away, the progress is read, and only what lies above it is published again. What is not published stays in the lane's outbox.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException

from flows.connectors.kafka_progress import last_record, patience, progress_of
from flows.connectors.kafka_settings import FENCED, REFUSED, TOO_LARGE, AwayError, KafkaSettings, refusal
from flows.connectors.kafka_topics import Cluster, Topic, all_there, always_there, progress_topic
from flows.connectors.kafka_transactions import Lane, Transactions
from flows.stop import stop
from operators.lane.ports import Progress, Row
from schemas.errors import UnavailableError

MAX_OUTPUTS = 10_000
MAX_BYTES = 8 * 1024 * 1024
"""A transaction takes the rows that wait, until it holds so much."""
QUEUE_BYTES = 32 * 1024 * 1024
"""Where so much waits, `put` waits too."""
GIVE_UP_S = 10
"""After the wish to stop, a broker that has been away for so long is no longer waited for."""

_OUTPUT_BYTES = 256  # what an output costs beside its value
_OFFSET_EVERY_S = 1.0  # how often an offset without output is published
_CHECK_S = 5.0
_SAY_S = 2.0


class KafkaPublisher:
    """The publisher of lane `partition` of `plan`.

    `source` is the input topic: the progress records name it, and are checked against it. `wait_s`: how long `open` waits for a broker.
    `transaction_ms`: after how long the broker aborts an open transaction, so that the readers of a process that died need not wait for its
    next start. `reached` is told the steps of each transaction.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        plan: str,
        partition: int,
        *,
        source: Topic | None = None,
        wait_s: float = 30,
        transaction_ms: int = 30_000,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._lane = Lane(plan, partition, source)
        self._wait_s = wait_s
        self._transaction_ms = transaction_ms
        self._reached = reached
        self._transactions: Transactions | None = None
        self._outage = _Outage(settings.brokers)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"publisher-{partition}", daemon=True)
        # What the lane's thread and ours share, under the lock of `_changed`.
        self._changed = threading.Condition()
        self._waiting = _Waiting()
        self._put = self._published = 0
        self._busy = self._hurry = False
        self._due_s = 0.0
        self._error: BaseException | None = None

    def open(self) -> Progress:
        """Fences older publishers of this lane, and gives what is published."""
        self._check_topics(self._wait_s)
        progress = self._begin(patience(self._settings, self._wait_s))
        self._put = self._published = progress.sequence
        self._thread.start()
        return progress

    def put(self, row: Row | None, offset: int) -> None:
        """Takes a row for publishing, or the news that `offset` moved on; waits while too much waits already."""
        with self._changed:
            self._await(lambda: row is None or self._waiting.size < QUEUE_BYTES)
            if row is None:
                self._waiting.move(offset)  # nobody is woken: it goes with the next row, or when a second has passed
                return
            row = _above(row, self._put)
            if row.first != self._put + 1:
                raise ValueError(f"a row begins at {row.first}, and {self._put} was the last one put")
            if row.outputs:
                self._waiting.add(row, offset)
                self._put = row.last
                self._changed.notify_all()

    @property
    def published(self) -> int:
        """The last sequence number that is durably published."""
        return self._published

    def wait(self) -> None:
        """Returns when everything put so far is durably published, the last offset too."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._await(lambda: not (self._busy or self._waiting))
            self._hurry = False

    def close(self) -> None:
        """Lets go of the producer; a transaction under way is waited for as long as the broker answers."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._drop()

    def _drop(self) -> None:
        if self._transactions is not None:
            self._transactions.drop()
        self._transactions = None

    def _await(self, done: Callable[[], bool]) -> None:
        while True:
            if self._error is not None:
                raise self._error
            if done():
                return
            if stop.is_set() and self._outage.seconds > GIVE_UP_S:
                raise UnavailableError(
                    f"Kafka at {self._settings.brokers} does not answer, so the last output is not published yet: "
                    "it is kept with the state, and published at the next start"
                )
            self._changed.wait(1)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                work = self._take()
                if work is not None:
                    self._publish(*work)
                else:
                    self._listen()
        except _ClosedError:
            return
        except BaseException as error:  # noqa: BLE001  handed to the lane's thread, which raises it
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _listen(self) -> None:
        """Lets an idle producer say what it has to; where it has failed, it is thrown away."""
        try:
            if self._transactions is not None:
                self._transactions.poll()
        except KafkaException as problem:
            self._judge(problem.args[0], 0)
            self._drop()

    def _take(self) -> tuple[list[Row], int] | None:
        """The rows of the next transaction and the offset that it reaches; None where a second brought nothing to do."""
        with self._changed:
            if not self._ready():
                self._changed.wait(max(0.01, min(1.0, self._due_s - time.monotonic())) if self._waiting else 1.0)
            if not self._ready():
                return None
            self._busy = True
            work = self._waiting.take()
            self._changed.notify_all()
            return work

    def _ready(self) -> bool:
        return bool(self._waiting.size) or (bool(self._waiting) and (self._hurry or time.monotonic() >= self._due_s))

    def _publish(self, rows: list[Row], offset: int) -> None:
        last = rows[-1].last if rows else self._published
        while self._transactions is None or not self._attempt(self._transactions, rows, Progress(last, offset)):
            progress = self._begin_again()
            if progress.sequence > last:
                raise self._rival()
            rows = [row for row in (_above(row, progress.sequence) for row in rows) if row.outputs]
            if progress.sequence == last and progress.offset >= offset:
                break
        self._outage.over()
        with self._changed:
            self._published = last
            self._busy = False
            self._due_s = time.monotonic() + _OFFSET_EVERY_S
            self._changed.notify_all()

    def _attempt(self, transactions: Transactions, rows: list[Row], progress: Progress) -> bool:
        """Whether the transaction is committed; raises where trying again would not help."""
        try:
            transactions.publish(rows, progress)
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            self._judge(error, transactions.age_s)
            self._outage.failed(error.str())
            return False
        return True

    def _begin_again(self) -> Progress:
        """Throws the producer away and starts as `open` does, only that a broker that is away is waited for without end."""
        while True:
            self._drop()
            progress = self._begin(self._held)
            try:
                # A topic that was deleted shows in no error of a transaction: it just takes too long.
                self._check_topics(_CHECK_S)
            except AwayError as error:
                self._held(str(error))
            else:
                return progress

    def _begin(self, held: Callable[[str], None]) -> Progress:
        """Starts a new producer, which fences older ones, and gives what is published then."""
        pause_s = 0.1
        while True:
            transactions = Transactions(self._settings, self._lane, self._transaction_ms, self._reached, self._held)
            try:
                transactions.fence(held)
                record = last_record(self._settings, self._lane.plan, self._lane.partition, held)
            except KafkaException as problem:
                self._judge(problem.args[0], 0)
                held(problem.args[0].str())
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, 5)
            else:
                self._transactions = transactions
                return progress_of(record, self._lane.source)

    def _judge(self, error: KafkaError, age_s: float) -> None:
        """Raises where the error does not mend itself."""
        # The broker fences a producer too whose transaction it aborted for its age: only before that age is it surely a rival.
        if error.code() in FENCED and age_s * 1000 < self._transaction_ms:
            raise self._rival()
        if error.code() in REFUSED:
            raise refusal(self._settings, error)
        if error.code() in TOO_LARGE:
            raise UnavailableError(
                f"an output of lane {self._lane.partition} is larger than its topic takes: give the topics {self._lane.plan}.* a higher "
                "max.message.bytes and start again; the output is kept with the state"
            )

    def _rival(self) -> UnavailableError:
        return UnavailableError(
            f"another process runs lane {self._lane.partition} of the plan {self._lane.plan} and has taken its place: "
            "run one process for each partition"
        )

    def _check_topics(self, wait_s: float) -> None:
        plan, partition = self._lane.plan, self._lane.partition
        names = [progress_topic(plan), *always_there(plan)]
        progress, *outputs = all_there(Cluster(self._settings, wait_s=wait_s).find(names))
        if partition >= progress.partitions:
            raise UnavailableError(f"the topic {progress.name} has no partition {partition}: give it as many partitions as the input has")
        self._lane = self._lane._replace(keyless=partition % min(topic.partitions for topic in outputs))

    def _held(self, reason: str) -> None:
        if self._closing.is_set():
            raise _ClosedError
        self._outage.held(reason)


class _ClosedError(Exception):
    """The publisher was closed while it waited."""


class _Work(NamedTuple):
    row: Row
    offset: int
    size: int


class _Waiting:
    """What waits to be published: rows with the offsets that they reach, or an offset alone. True where there is any.

    `size` is that of the rows, in bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._rows: deque[_Work] = deque()
        self._offset: int | None = None

    def __bool__(self) -> bool:
        return bool(self._rows) or self._offset is not None

    def add(self, row: Row, offset: int) -> None:
        """Puts a row behind the others."""
        work = _Work(row, offset, sum(len(output.value) + _OUTPUT_BYTES for output in row.outputs))
        self._rows.append(work)
        self._offset = None
        self.size += work.size

    def move(self, offset: int) -> None:
        """The offset moved on after the last row."""
        if self._rows:
            self._rows[-1] = self._rows[-1]._replace(offset=offset)
        else:
            self._offset = offset

    def take(self) -> tuple[list[Row], int]:
        """As much as one transaction takes, and the offset that it reaches; there must be something."""
        offset, self._offset = self._offset, None
        taken: list[_Work] = []
        count = size = 0
        while self._rows and (not taken or (count + len(self._rows[0].row.outputs) <= MAX_OUTPUTS and size < MAX_BYTES)):
            taken.append(work := self._rows.popleft())
            count += len(work.row.outputs)
            size += work.size
            offset = work.offset
        self.size -= size
        if offset is None:
            raise ValueError("nothing waits")
        return [work.row for work in taken], offset


class _Outage:
    """Says once that the broker keeps us waiting, and once that it is back."""

    def __init__(self, brokers: str) -> None:
        self._brokers = brokers
        self._since: float | None = None
        self._said = False

    @property
    def seconds(self) -> float:
        """For how long nothing has got through."""
        since = self._since
        return 0 if since is None else time.monotonic() - since

    def held(self, reason: str) -> None:
        """Something is being waited for."""
        self._since = self._since or time.monotonic()
        if not self._said and self.seconds >= _SAY_S:
            self._said = True
            structlog.get_logger(__name__).warning("Kafka takes no output; waiting for it", brokers=self._brokers, reason=reason)

    def failed(self, reason: str) -> None:
        """A transaction failed, and is done again."""
        self._since = self._since or time.monotonic()
        structlog.get_logger(__name__).info("a Kafka transaction failed; it is done again", brokers=self._brokers, reason=reason)

    def over(self) -> None:
        """Something got through."""
        if self._said:
            structlog.get_logger(__name__).info("Kafka takes output again", brokers=self._brokers)
        self._since, self._said = None, False


def _above(row: Row, sequence: int) -> Row:
    """The part of a row that lies above `sequence`."""
    return row if row.first > sequence else Row(sequence + 1, row.outputs[sequence + 1 - row.first :])
