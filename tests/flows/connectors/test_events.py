"""The log of events, a folder or a topic: one contract. What `done` calls durable is there, in order, and nothing waits without end."""

from __future__ import annotations

import ctypes
import queue
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from flows.collect.log import EventLog, FullError, Keyed, TooLargeError
from flows.connectors.files_events import FilesEvents, next_events_name
from flows.connectors.files_input import add_records, next_name
from flows.connectors.folder_lock import writing
from flows.connectors.kafka_events import KafkaEvents
from flows.connectors.kafka_settings import KafkaSettings
from flows.connectors.kafka_topics import BROKERS_BYTES, ensure_topic
from flows.stop import stop
from schemas.errors import BeckonError, UnavailableError
from tests.kafka_broker import Broker

WAIT_S = 60


class Opened:
    """A log that is open, and all lines that it has."""

    def __init__(self, log: EventLog, lines: Callable[[], list[bytes]]) -> None:
        self.log, self.lines = log, lines

    def put(self, *records: bytes, key: str | None = "anna") -> BeckonError | None:
        """Puts records and waits for what becomes of them."""
        return put(self.log, [(key, record) for record in records])


def put(log: EventLog, records: list[Keyed]) -> BeckonError | None:
    told: queue.Queue[BeckonError | None] = queue.Queue()
    log.put(records, told.put)
    return told.get(timeout=WAIT_S)


def lines_of(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def messages(broker: Broker, topic: str, partition: int = 0) -> list[bytes]:
    """The values of a partition of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "test", "enable.partition.eof": True, "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    found = []
    while (message := consumer.poll(WAIT_S)) is not None and message.error() is None:
        found.append(message.value() or b"")
    consumer.close()
    return found


@pytest.fixture(params=["files", "kafka"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, plan_name: str) -> Iterator[Opened]:
    if request.param == "files":
        log: EventLog = FilesEvents(tmp_path / "events")
        found = Opened(log, lambda: lines_of(tmp_path / "events"))
    else:
        broker = request.getfixturevalue("broker")
        topic = broker.create_topic(f"{plan_name}.events")
        log = KafkaEvents(KafkaSettings(brokers=broker.address), topic)
        found = Opened(log, lambda: messages(broker, topic))
    yield found
    log.close()


def test_what_is_done_is_there_in_its_order(opened: Opened) -> None:
    assert opened.put(b"1", b"2", b"3") is None
    assert opened.lines() == [b"1", b"2", b"3"]
    assert opened.put(b"4", key=None) is None
    assert opened.lines() == [b"1", b"2", b"3", b"4"]
    assert opened.log.waiting_bytes == 0


def test_nothing_is_done_at_once(opened: Opened) -> None:
    assert opened.put() is None
    assert opened.lines() == []


def test_many_at_once_are_all_there_and_each_put_in_its_order(opened: Opened) -> None:
    def send(sender: int) -> None:
        for number in range(50):
            assert opened.put(*(b"%d %d %d" % (sender, number, place) for place in range(3)), key=str(sender)) is None

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = opened.lines()
    assert len(lines) == 8 * 50 * 3
    for sender in range(8):
        mine = [line for line in lines if line.startswith(b"%d " % sender)]
        assert mine == [b"%d %d %d" % (sender, number, place) for number in range(50) for place in range(3)]


def test_what_was_taken_is_done_when_it_is_closed_and_nothing_more_is_taken(opened: Opened) -> None:
    told: queue.Queue[BeckonError | None] = queue.Queue()
    for number in range(100):
        opened.log.put([("anna", b"%d" % number)], told.put)
    opened.log.close()
    assert [told.get_nowait() for _ in range(100)] == [None] * 100
    assert opened.lines() == [b"%d" % number for number in range(100)]
    with pytest.raises(FullError):
        opened.log.put([("anna", b"more")], told.put)


# --- a topic --------------------------------------------------------------------------------------------------------------------------


HASHES = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}
"""The hash of a key by Java's client, as its own tests have it (Kafka, UtilsTest.testMurmur2)."""


def test_a_record_goes_where_a_producer_in_java_would_put_it(broker: Broker, plan_name: str) -> None:
    topic = broker.create_topic(f"{plan_name}.events", partitions=7)
    log = KafkaEvents(KafkaSettings(brokers=broker.address), topic)
    for key in HASHES:
        assert put(log, [(key, key.encode())]) is None
    log.close()
    found = {key: next(number for number in range(7) if key.encode() in messages(broker, topic, number)) for key in HASHES}
    assert found == {key: (hashed & 0x7FFFFFFF) % 7 for key, hashed in HASHES.items()}


def test_a_record_that_is_too_large_is_told_from_those_that_can_be_sent_again(broker: Broker, plan_name: str) -> None:
    topic = broker.create_topic(f"{plan_name}.events", config={"max.message.bytes": "2000"})
    log = KafkaEvents(KafkaSettings(brokers=broker.address), topic, batch_bytes=2000)
    large = random.Random(0).randbytes(3000)
    assert isinstance(put(log, [("anna", b"1"), ("anna", large), ("anna", b"2")]), TooLargeError)
    assert log.waiting_bytes == 0
    # Many that are too large together go in several turns.
    many = [random.Random(number).randbytes(400) for number in range(100)]
    assert put(log, [("anna", each) for each in many]) is None
    log.close()
    found = messages(broker, topic)
    assert [each for each in found if each in many] == many
    assert large not in found


def test_a_topic_that_takes_no_large_record_is_refused(broker: Broker, plan_name: str) -> None:
    settings = KafkaSettings(brokers=broker.address)
    topic = broker.create_topic(f"{plan_name}.events", config={"max.message.bytes": "100000"})
    with pytest.raises(UnavailableError, match=r"takes messages of at most 100000 bytes, .*: set its max.message.bytes to 589824 or more"):
        ensure_topic(settings, topic, None)
    assert ensure_topic(settings, broker.create_topic(f"{plan_name}.more"), None) == BROKERS_BYTES


def test_a_producer_that_can_go_on_no_more_is_followed_by_another(broker: Broker, plan_name: str) -> None:
    topic = broker.create_topic(f"{plan_name}.events")
    log = KafkaEvents(KafkaSettings(brokers=broker.address), topic)
    assert put(log, [("anna", b"1")]) is None
    end_for_good(log._producer)
    errors = []
    while (error := put(log, [("anna", b"2")])) is not None:
        errors.append(error)
    assert put(log, [("anna", b"3")]) is None
    log.close()
    assert messages(broker, topic) == [b"1", b"2", b"3"]


def end_for_good(producer: Producer) -> None:
    """What librdkafka does when a broker takes its idempotence from it, by the function that it has for tests."""
    (library,) = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs").glob("librdkafka-*.so*")
    handle = ctypes.c_void_p.from_address(id(producer) + object.__basicsize__)
    ctypes.CDLL(str(library)).rd_kafka_test_fatal_error(handle, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, b"a test")


# --- a folder -------------------------------------------------------------------------------------------------------------------------


def test_a_torn_line_is_ended(tmp_path: Path) -> None:
    (tmp_path / "events-00000001.jsonl").write_bytes(b'{"a":1}\n{"b"')
    log = FilesEvents(tmp_path)
    assert put(log, [(None, b"2")]) is None
    log.close()
    assert (tmp_path / "events-00000001.jsonl").read_bytes() == b'{"a":1}\n{"b"\n2\n'


def test_no_file_grows_once_a_later_one_is_there(tmp_path: Path) -> None:
    log = FilesEvents(tmp_path)
    assert put(log, [(None, b"1")]) is None
    assert add_records(tmp_path, [b"2"]).name == "events-00000001.jsonl.retry-000001.jsonl"
    assert put(log, [(None, b"3")]) is None
    assert put(log, [(None, b"4")]) is None
    log.close()
    assert (tmp_path / "events-00000002.jsonl").read_bytes() == b"3\n4\n"
    assert lines_of(tmp_path) == [b"1", b"2", b"3", b"4"]


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    log = FilesEvents(tmp_path, file_bytes=10)
    for number in range(6):
        assert put(log, [(None, b"line%d" % number)]) is None
    log.close()
    assert [path.stat().st_size for path in sorted(tmp_path.glob("*.jsonl"))] == [12, 12, 12]


def test_a_second_one_is_refused_the_folder(tmp_path: Path) -> None:
    log = FilesEvents(tmp_path)
    with pytest.raises(UnavailableError, match="another `beckon collect`"):
        FilesEvents(tmp_path)
    log.close()
    FilesEvents(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "events-00000001.jsonl").mkdir()
    log = FilesEvents(tmp_path)
    error = put(log, [(None, b"1")])
    assert str(error) == f"cannot write into {tmp_path}: Is a directory"
    (tmp_path / "events-00000001.jsonl").rmdir()
    assert put(log, [(None, b"2")]) is None
    log.close()
    assert lines_of(tmp_path) == [b"2"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    with pytest.raises(UnavailableError, match=r"events\.jsonl is a file; give another one"):
        FilesEvents(tmp_path / "events.jsonl")


def test_too_much_that_waits_is_refused_at_once(tmp_path: Path) -> None:
    log = FilesEvents(tmp_path, most_bytes=10)
    told: queue.Queue[BeckonError | None] = queue.Queue()
    with writing(tmp_path):
        # The first is taken whatever its size: else it could never be.
        log.put([(None, b"x" * 20)], told.put)
        with pytest.raises(FullError):
            log.put([(None, b"1")], told.put)
        assert log.waiting_bytes == 21
    assert told.get(timeout=WAIT_S) is None
    assert put(log, [(None, b"1")]) is None
    log.close()


@given(st.lists(st.sampled_from(["events", "retry"]), max_size=12), st.sampled_from(["", "a.jsonl", "z.jsonl", "events.jsonl.gz"]))
def test_each_new_file_is_read_behind_all_others(kinds: list[str], first: str) -> None:
    there = [first] if first else []
    for kind in kinds:
        name = (next_events_name if kind == "events" else next_name)(there)
        assert name.endswith(".jsonl")
        assert not name.startswith(".")
        assert all(name > other for other in there)
        there.append(name)
    assert max(map(len, there), default=0) <= 2 * len("events-00000001.jsonl.retry-000001.jsonl")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_bug_nobody_waits_and_the_process_is_to_stop(tmp_path: Path) -> None:
    def breaks(_: BeckonError | None) -> None:
        raise ZeroDivisionError

    log, told = FilesEvents(tmp_path), queue.Queue[BeckonError | None]()
    try:
        with writing(tmp_path):
            log.put([(None, b"1")], breaks)
            log.put([(None, b"2")], told.put)
        assert isinstance(told.get(timeout=WAIT_S), UnavailableError | None)
        log.close()
        assert stop.is_set()
        with pytest.raises(FullError):
            log.put([(None, b"3")], told.put)
    finally:
        stop.clear()
