"""Reading from Kafka, on the real broker: the contract of sources, and what goes wrong with topics and brokers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
from confluent_kafka import Producer, TopicPartition
from structlog.testing import capture_logs

from flows.connectors.kafka_settings import KafkaSettings
from flows.connectors.kafka_source import KafkaPartition, KafkaSource
from flows.connectors.kafka_topics import Topic, describe
from flows.stop import stop
from operators.lane.ports import Batch
from schemas.errors import UnavailableError, UsageError
from tests.flows.connectors.contract import (
    IdleContract,
    ManualClock,
    Partition,
    SourceContract,
    assert_one_sentence,
    events,
    read,
    values,
)
from tests.flows.connectors.kafka_logs import KafkaSourceLog, end_of, goes_on, produce, settle, told
from tests.kafka_broker import Broker


@pytest.fixture
def log(broker: Broker, plan_name: str) -> KafkaSourceLog:
    """The input topic of a plan, with one partition."""
    broker.create_topic(f"{plan_name}.events")
    return KafkaSourceLog(broker, plan_name)


class TestKafkaSource(SourceContract, IdleContract):
    @pytest.fixture
    def log(self, broker: Broker, plan_name: str) -> KafkaSourceLog:
        broker.create_topic(f"{plan_name}.events")
        return KafkaSourceLog(broker, plan_name)

    def step(self, partition: Partition, clock: ManualClock, seconds: float) -> list[Batch]:
        """Asks once, and then until all that is in the topic is there: a broker's answer takes its time, and the clock stands meanwhile."""
        assert isinstance(partition, KafkaPartition)
        found = super().step(partition, clock, seconds)
        found += settle(partition, end_of(partition._settings, partition._partition.topic))
        # What was on its way when the partition was first asked makes it idle once more at most.
        return [batch for batch in found if batch.records] or found


def live(log: KafkaSourceLog, start: int = 0, watch_s: float = 5) -> KafkaPartition:
    """A live partition that looks at its topic every `watch_s`."""
    return KafkaSource(log.settings, describe(log.settings, log.topic), lambda _: start, watch_s=watch_s).build_part("in", "0", None)


def test_reads_the_partitions_that_it_is_given(broker: Broker, plan_name: str) -> None:
    settings = KafkaSettings(brokers=broker.address)
    name = broker.create_topic(f"{plan_name}.events", 4)
    topic = describe(settings, name)
    for partition in range(4):
        produce(settings, name, events(3, first=10 * partition), partition)
    source = KafkaSource(settings, topic, lambda partition: partition, parts=[1, 3], bounded=True)
    assert source.list_parts() == ["1", "3"]
    for number in (1, 3):
        batches = read(source.build_part("in", str(number), None))
        assert events(3, first=10 * number)[number:] == values(batches)
        assert {(number, number)} == {(batch.partition, batch.start) for batch in batches}
    with pytest.raises(UsageError) as caught:
        KafkaSource(settings, topic, lambda _: 0, parts=[2, 4])
    assert_one_sentence(caught.value)


def test_records_bring_their_offset_and_log_time_and_no_value_is_an_empty_one(log: KafkaSourceLog) -> None:
    producer = Producer({"bootstrap.servers": log.settings.brokers})
    for value, ms in ((b"a", 1_700_000_000_123), (None, 1_700_000_000_456)):
        producer.produce(log.topic, value, timestamp=ms)
    producer.flush()
    records = list(chain.from_iterable(batch.records for batch in read(log.build())))
    assert records == [(0, 1_700_000_000_123, b"a"), (1, 1_700_000_000_456, b"")]


def test_reads_what_is_committed_past_markers_and_aborted_records(log: KafkaSourceLog) -> None:
    producer = Producer({"bootstrap.servers": log.settings.brokers, "transactional.id": log.topic})
    producer.init_transactions()
    for number in range(4):
        producer.begin_transaction()
        producer.produce(log.topic, b"%d" % number)
        if number % 2:
            producer.flush()
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    producer.begin_transaction()
    producer.produce(log.topic, b"open")
    producer.flush()
    batches = read(log.build())
    assert [(offset, value) for batch in batches for offset, _, value in batch.records] == [(0, b"0"), (4, b"2")]
    assert batches[-1].end
    assert read(log.build((7, "")))[0].end


def test_what_comes_after_the_start_is_behind_the_end(log: KafkaSourceLog) -> None:
    log.append(events(3))
    partition = log.build()
    log.append(events(3, first=3))
    assert events(3) == values(read(partition))


def test_starts_at_the_earliest_record_where_nothing_was_applied(log: KafkaSourceLog, broker: Broker) -> None:
    log.append(events(10))
    delete_before(broker, log.topic, 4)
    batches = read(log.build())
    assert events(6, first=4) == values(batches)
    assert [batch.start for batch in batches] == [4]


def test_offsets_that_are_gone_are_refused(log: KafkaSourceLog, broker: Broker) -> None:
    log.append(events(10))
    delete_before(broker, log.topic, 6)
    with pytest.raises(UnavailableError, match=r"offsets 4 to 5 are no longer in .* partition 0 \(earliest is 6\)") as caught:
        log.build((3, ""))
    assert_one_sentence(caught.value)
    with pytest.raises(UnavailableError, match=r"offset 12 is not in .* partition 0 \(it ends at 10\)") as caught:
        log.build((11, ""))
    assert_one_sentence(caught.value)


def test_offsets_that_go_while_running_are_refused(log: KafkaSourceLog, broker: Broker) -> None:
    partition = live(log)
    settle(partition, 0)
    # Held back before the consumer, so that the records are gone before it has fetched them.
    partition._consumer.pause([TopicPartition(log.topic, 0)])
    log.append(events(10))
    delete_before(broker, log.topic, 8)
    partition._consumer.resume([TopicPartition(log.topic, 0)])
    with pytest.raises(UnavailableError, match="offsets 0 to 7 are no longer in") as caught:
        goes_on(partition, lambda _: False)
    assert_one_sentence(caught.value)
    partition.close()


def test_a_topic_that_is_deleted_or_made_anew_while_running_is_refused(log: KafkaSourceLog, broker: Broker) -> None:
    for again, words in ((False, "was deleted"), (True, "deleted and made anew")):
        partition = live(log, watch_s=0.05)
        log.append(events(2))
        goes_on(partition, values)
        broker.delete_topic(log.topic)
        if again:
            broker.create_topic(log.topic)
        with pytest.raises(UnavailableError, match=words) as caught:
            goes_on(partition, lambda _: False)
        assert_one_sentence(caught.value)
        with pytest.raises(UnavailableError, match=words):
            partition.next_batch()
        partition.close()
        if not again:
            broker.create_topic(log.topic)


def test_a_changed_partition_count_is_refused(log: KafkaSourceLog) -> None:
    was = describe(log.settings, log.topic)
    for before in (Topic(was.name, was.id, 3), Topic(was.name, "another", 1)):
        partition = KafkaSource(log.settings, before, lambda _: 0).build_part("in", "0", None)
        with pytest.raises(UnavailableError, match=r"had 3 when|made anew") as caught:
            goes_on(partition, lambda _: False)
        assert_one_sentence(caught.value)
        partition.close()


@pytest.mark.parametrize("kill", [False, True])
def test_goes_on_when_the_broker_is_back(broker: Broker, plan_name: str, kill: bool) -> None:
    broker.create_topic(f"{plan_name}.events")
    log = KafkaSourceLog(broker, plan_name)
    partition = live(log)
    log.append(events(3))
    found = goes_on(partition, lambda batches: len(values(batches)) == 3)
    with capture_logs() as lines:
        broker.kill() if kill else broker.stop()
        found += goes_on(partition, lambda _: told(lines))
        broker.start()
        log.append(events(3, first=3))
        found += goes_on(partition, lambda batches: values(batches) and len(told(lines)) == 2)
    assert events(6) == values(found)
    assert not any(batch.idle for batch in found)
    assert told(lines) == [("warning", "Kafka does not answer; waiting for it"), ("info", "Kafka answers again")]
    partition.close()


def test_stops_while_the_broker_is_away(own_broker: Broker) -> None:
    own_broker.start()
    own_broker.create_topic("x.events")
    partition = live(KafkaSourceLog(own_broker, "x"))
    own_broker.stop()
    goes_on(partition, lambda _: not partition._watch.answering)
    stop.set()
    with pytest.raises(StopIteration):
        partition.next_batch()
    partition.close()


@pytest.fixture(autouse=True)
def no_stop() -> Iterator[None]:
    """Takes back the wish to stop that a test has set."""
    yield
    stop.clear()


def delete_before(broker: Broker, topic: str, offset: int) -> None:
    """Deletes the records before an offset, as retention does."""
    where = TopicPartition(topic, 0, offset)
    broker.admin.delete_records([where])[where].result()
