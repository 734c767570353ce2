"""Publishing to Kafka, on the real broker: the contract of publishers, and each output once through kills, bounces and rivals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import Producer
from structlog.testing import capture_logs

from flows.connectors import kafka_publisher
from flows.connectors.kafka_progress import read_progress, start_after
from flows.connectors.kafka_publisher import KafkaPublisher
from flows.connectors.kafka_settings import MAX_MESSAGE_BYTES, KafkaSettings
from flows.connectors.kafka_topics import Topic, describe, ensure_topics, output_topic
from flows.stop import stop
from operators.lane.ports import Progress, Row
from schemas.errors import UnavailableError
from schemas.output import STREAMS, Output
from tests.flows.connectors.contract import OutputLog, PublisherContract, assert_one_sentence, expected, put_after, sample_rows
from tests.flows.connectors.kafka_logs import KafkaOutputLog, end_of, read_committed, told, until
from tests.kafka_broker import Broker

ROOT = Path(__file__).resolve().parents[3]
STEPS = ("after_begin", "after_produce", "before_commit", "after_commit")

Topics = Callable[..., str]


@pytest.fixture
def log(broker: Broker, topics: Topics) -> KafkaOutputLog:
    """The outputs of a plan, empty."""
    return KafkaOutputLog(broker, topics())


class TestKafkaPublisher(PublisherContract):
    @pytest.fixture
    def log(self, broker: Broker, topics: Topics) -> OutputLog:
        return KafkaOutputLog(broker, topics())


def wait_for(look: Callable[[], object], wanted: object) -> None:
    """A commit is seen a moment after it has returned."""
    until(lambda: look() == wanted)


def publish(publisher: KafkaPublisher, rows: list[Row]) -> None:
    """Opens, puts what is missing, waits and closes."""
    put_after(publisher, rows, publisher.open().sequence)
    publisher.wait()
    publisher.close()


def test_a_person_lies_where_java_clients_put_it(broker: Broker, topics: Topics) -> None:
    settings, plan = KafkaSettings(brokers=broker.address), topics(4)
    keys = ["21", "foobar", "a-little-bit-long-string", "ключ"]
    publish(KafkaPublisher(settings, plan, 2), [Row(1, [Output(1, key, key.encode()) for key in keys])])
    found = [read_committed(settings, f"{plan}.triggers", partition) for partition in range(4)]
    assert [[key for key in keys if murmur2(key.encode()) % 4 == partition] for partition in range(4)] == [
        sorted((value.decode() for value in values), key=keys.index) for values in found
    ]
    wait_for(lambda: read_progress(settings, plan, 2), Progress(4, 40))
    wait_for(lambda: read_progress(settings, plan, 1), Progress())


@pytest.mark.parametrize(("partitions", "lies_in"), [(4, 2), (1, 0)])
def test_what_has_no_key_lies_in_one_partition(broker: Broker, plan_name: str, partitions: int, lies_in: int) -> None:
    settings = KafkaSettings(brokers=broker.address)
    for index in range(len(STREAMS)):
        broker.create_topic(output_topic(plan_name, index), partitions)
    broker.create_topic(f"{plan_name}.progress", 4)
    rejects = [b"%d" % number for number in range(20)]
    publish(KafkaPublisher(settings, plan_name, 2), [Row(1, [Output(STREAMS.index("rejects"), None, value) for value in rejects])])
    assert rejects == read_committed(settings, f"{plan_name}.rejects", lies_in)


def test_progress_tells_sequence_and_offset_and_the_input(broker: Broker, topics: Topics) -> None:
    settings, plan = KafkaSettings(brokers=broker.address), topics()
    source = describe(settings, f"{plan}.events")
    publisher = KafkaPublisher(settings, plan, 0, source=source)
    assert publisher.open() == Progress(0, -1)
    assert start_after(settings, plan, source)(0) == 0
    publisher.put(None, 17)
    publisher.wait()
    wait_for(lambda: read_progress(settings, plan, 0), Progress(0, 17))
    publisher.put(sample_rows(1)[0], 20)
    publisher.put(None, 23)
    publisher.wait()
    publisher.close()
    wait_for(lambda: read_progress(settings, plan, 0), Progress(1, 23))
    wait_for(lambda: start_after(settings, plan, source)(0), 24)
    [*_, last] = read_committed(settings, f"{plan}.progress")
    assert {"sequence": 1, "offset": 23, "topic": source.name, "topic_id": source.id, "partitions": 1} == json.loads(last)


def test_an_offset_without_output_is_published_now_and_then(log: KafkaOutputLog) -> None:
    publisher = KafkaPublisher(log.settings, log.plan, 0)
    publisher.open()
    publisher.put(None, 0)
    publisher.wait()
    for offset in range(1, 2_001):
        publisher.put(None, offset)
    until(lambda: read_progress(log.settings, log.plan, 0).offset == 2_000)
    publisher.close()
    assert len(read_committed(log.settings, f"{log.plan}.progress")) < 10


def test_another_input_than_before_is_refused(broker: Broker, topics: Topics) -> None:
    settings, plan = KafkaSettings(brokers=broker.address), topics()
    source = describe(settings, f"{plan}.events")
    publish(KafkaPublisher(settings, plan, 0, source=source), sample_rows(1))
    others = {
        "was begun on the topic": Topic("other.events", source.id, 1),
        "made anew": Topic(source.name, "another", 1),
        "has 2 partitions now and had 1 when": Topic(source.name, source.id, 2),
    }
    for words, other in others.items():
        for use in (lambda other=other: start_after(settings, plan, other)(0), KafkaPublisher(settings, plan, 0, source=other).open):
            with pytest.raises(UnavailableError, match=words) as caught:
                use()
            assert_one_sentence(caught.value)


def test_the_progress_is_found_behind_what_others_left(log: KafkaOutputLog) -> None:
    publish(KafkaPublisher(log.settings, log.plan, 0), sample_rows(3))
    producer = Producer({"bootstrap.servers": log.settings.brokers, "transactional.id": f"{log.plan}-stranger"})
    producer.init_transactions()
    producer.begin_transaction()
    for _ in range(3_000):
        producer.produce(f"{log.plan}.progress", b'{"sequence":999,"offset":999}', "lane-0")
    producer.flush()
    producer.abort_transaction()
    for number in range(100):
        producer.begin_transaction()
        producer.produce(f"{log.plan}.progress", b"{}", f"lane-{number + 1}", partition=0)
        producer.commit_transaction()
    wait_for(lambda: read_progress(log.settings, log.plan, 0), Progress(sample_rows(3)[-1].last, sample_rows(3)[-1].last * 10))


def test_a_reader_does_not_wait_for_an_open_transaction(log: KafkaOutputLog) -> None:
    rows = sample_rows(2)
    publish(KafkaPublisher(log.settings, log.plan, 0), rows[:1])
    held, go = threading.Event(), threading.Event()

    def reached(step: str) -> None:
        if step == "before_commit":
            held.set()
            go.wait()

    publisher = KafkaPublisher(log.settings, log.plan, 0, reached=reached)
    publisher.open()
    publisher.put(rows[1], 99)
    assert held.wait(60)
    wait_for(lambda: read_progress(log.settings, log.plan, 0), Progress(1, 10))
    go.set()
    publisher.wait()
    publisher.close()
    wait_for(lambda: read_progress(log.settings, log.plan, 0), Progress(rows[1].last, 99))


@pytest.mark.parametrize("step", STEPS)
def test_each_output_once_through_kills_at_every_step(log: KafkaOutputLog, step: str) -> None:
    rows = sample_rows(8)
    published = 0
    for kill in (1, 2, 3):
        done = run_until_killed(log, step, kill)
        assert published <= done
        published = read_progress(log.settings, log.plan, 0).sequence
    publish(KafkaPublisher(log.settings, log.plan, 0), rows)
    assert expected(rows) == log.read()


def run_until_killed(log: KafkaOutputLog, step: str, nth: int) -> int:
    """Lets a process publish row by row and kill itself at the n-th `step`; gives the sequence that it found at its start."""
    argv = [sys.executable, "-c", PROGRAM, log.settings.brokers, log.plan, step, str(nth)]
    process = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert process.returncode == -signal.SIGKILL, process.stderr
    return int(process.stdout.split()[0])


PROGRAM = """
import itertools, os, signal, sys
from flows.connectors.kafka_publisher import KafkaPublisher
from flows.connectors.kafka_settings import KafkaSettings
from tests.flows.connectors.contract import sample_rows
brokers, plan, step, nth = sys.argv[1:]
count = itertools.count(1)

def reached(name):
    if name == step and next(count) == int(nth):
        os.kill(os.getpid(), signal.SIGKILL)

publisher = KafkaPublisher(KafkaSettings(brokers=brokers), plan, 0, reached=reached)
done = publisher.open().sequence
print(done, flush=True)
for row in sample_rows(8):
    publisher.put(row, row.last)
    publisher.wait()
"""


@pytest.mark.parametrize("kill", [False, True])
def test_waits_for_a_broker_that_goes_away(broker: Broker, topics: Topics, kill: bool) -> None:
    log = KafkaOutputLog(broker, topics())
    away = ("warning", "Kafka takes no output; waiting for it")
    rows = sample_rows(40)
    publisher = KafkaPublisher(log.settings, log.plan, 0)
    publisher.open()
    with capture_logs() as lines:
        for row in rows[:20]:
            publisher.put(row, row.last)
        broker.kill() if kill else broker.stop()
        for row in rows[20:]:
            publisher.put(row, row.last)
        until(lambda: away in told(lines))
        broker.start()
        publisher.wait()
    # A transaction that was under way may have failed besides.
    assert [away, ("info", "Kafka takes output again")] == [line for line in told(lines) if "is done again" not in str(line)]
    assert rows[-1].last == publisher.published
    publisher.close()
    assert expected(rows) == log.read()


def test_closes_and_stops_while_the_broker_is_away(own_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    own_broker.start()
    settings = KafkaSettings(brokers=own_broker.address)
    ensure_topics(settings, "x", "x.events", create=1)
    publishers = [KafkaPublisher(settings, "x", 0), KafkaPublisher(settings, "x", 0)]
    for publisher in publishers:
        publisher.open()
    own_broker.stop()
    closed, stopped = publishers
    for publisher in publishers:
        publisher.put(sample_rows(1)[0], 0)
    closed.close()
    monkeypatch.setattr(kafka_publisher, "GIVE_UP_S", 1)
    stop.set()
    try:
        with pytest.raises(UnavailableError, match="published at the next start") as caught:
            stopped.wait()
        assert_one_sentence(caught.value)
    finally:
        stop.clear()
    stopped.close()
    own_broker.start()
    publisher = KafkaPublisher(settings, "x", 0)
    publish(publisher, sample_rows(1))
    assert expected(sample_rows(1)) == KafkaOutputLog(own_broker, "x").read()


def test_a_transaction_that_the_broker_aborts_for_its_age_is_done_again(log: KafkaOutputLog) -> None:
    rows = sample_rows(2)
    aged: list[str] = []

    def reached(step: str) -> None:
        if step == "before_commit" and not aged:
            aged.append(step)
            # The end moves when the broker has written the marker of the abort.
            until(lambda: end_of(log.settings, f"{log.plan}.progress") > 0)

    publisher = KafkaPublisher(log.settings, log.plan, 0, transaction_ms=1_000, reached=reached)
    publish(publisher, rows)
    assert aged
    assert expected(rows) == log.read()


def test_an_output_of_any_reject_fits_and_a_larger_one_is_refused(broker: Broker, plan_name: str) -> None:
    settings = KafkaSettings(brokers=broker.address)
    ensure_topics(settings, plan_name, f"{plan_name}.events", create=1)
    # Bytes that do not become fewer when compressed.
    sizes = (MAX_MESSAGE_BYTES - 1_000, MAX_MESSAGE_BYTES + 1)
    fits, not_ = (Row(first, [Output(3, None, Random(1).randbytes(size))]) for first, size in enumerate(sizes, 1))
    publisher = KafkaPublisher(settings, plan_name, 0)
    publisher.open()
    publisher.put(fits, 1)
    publisher.wait()
    assert [fits.outputs[0].value] == read_committed(settings, f"{plan_name}.rejects")
    publisher.put(not_, 2)
    for use in (publisher.wait, lambda: publisher.put(None, 3)):
        with pytest.raises(UnavailableError, match=r"max\.message\.bytes") as caught:
            use()
        assert_one_sentence(caught.value)
    assert publisher.published == 1
    publisher.close()


def test_a_topic_that_is_deleted_while_running_is_named(broker: Broker, topics: Topics) -> None:
    log = KafkaOutputLog(broker, topics())
    publisher = KafkaPublisher(log.settings, log.plan, 0, transaction_ms=2_000)
    publisher.open()
    broker.delete_topic(f"{log.plan}.transitions")
    publisher.put(Row(1, [Output(0, "a", b"a")]), 1)
    with pytest.raises(UnavailableError, match=f"{log.plan}.transitions is not there") as caught:
        publisher.wait()
    assert_one_sentence(caught.value)
    publisher.close()


def test_put_waits_where_too_much_waits(log: KafkaOutputLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_publisher, "QUEUE_BYTES", 10_000)
    rows = sample_rows(300, padding=500)
    go = threading.Event()

    def reached(_step: str) -> None:
        go.wait()

    publisher = KafkaPublisher(log.settings, log.plan, 0, reached=reached)
    publisher.open()
    putting = threading.Thread(target=lambda: put_after(publisher, rows, 0))
    putting.start()
    until(lambda: publisher._waiting.size >= 10_000)
    assert putting.is_alive()
    assert publisher._put < rows[50].last
    go.set()
    putting.join()
    publisher.wait()
    publisher.close()
    assert expected(rows) == log.read()


def test_rows_must_not_leave_a_gap(log: KafkaOutputLog) -> None:
    publisher = KafkaPublisher(log.settings, log.plan, 0)
    publisher.open()
    with pytest.raises(ValueError, match="begins at 2, and 0 was the last"):
        publisher.put(Row(2, [Output(0, "a", b"a")]), 1)
    publisher.close()


def murmur2(data: bytes) -> int:
    """The hash of Java's clients, its sign taken off. Source: Apache Kafka, `Utils.murmur2` and `toPositive`."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for place in range(0, whole, 4):
        k = int.from_bytes(data[place : place + 4], "little") * m & mask
        h = h * m & mask ^ (k ^ k >> 24) * m & mask
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF
