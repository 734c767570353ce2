"""The topics of a plan: their names, what is there, making them, and noticing that the input topic is no longer the same.

*Guarantees*: a broker that is away at the start is waited for up to a limit; a login that is refused is not waited for. A topic is the same
as long as its id and its partition count are: one that was deleted and made anew has another id, even where its name and offsets look
alike, and librdkafka itself goes on reading it without a word.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType, TopicDescription

from flows.connectors.kafka_settings import (
    ALL_DOWN,
    AWAY,
    MAX_MESSAGE_BYTES,
    MISSING,
    REFUSED,
    AwayError,
    KafkaSettings,
    RefusedError,
    client_config,
    refusal,
)
from operators.identity.relay import ENDING as IDENTIFY
from schemas.errors import UnavailableError
from schemas.event import MAX_RECORD_BYTES
from schemas.output import ALL_STREAMS

BROKERS_BYTES = 1_048_588
"""So much a topic takes in one go where nobody says otherwise (Kafka, "Topic configs": max.message.bytes)."""
LEAST_BYTES = MAX_RECORD_BYTES + 64 * 1024
"""So much must a topic of events take: a record, with what the edge and Kafka put around it."""
_OUTPUT_CONFIG = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
_COMPACTED = {
    "cleanup.policy": "compact",
    # Small segments, closed early: compaction leaves the open one alone, and only the last record of a key counts.
    "segment.bytes": str(8 * 1024 * 1024),
    "segment.ms": str(60 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.1",
}


class Topic(msgspec.Struct, frozen=True):
    """A topic that is there; `id` is what the cluster gave it when it was made."""

    name: str
    id: str
    partitions: int


def input_topic(plan: str) -> str:
    """The topic that a plan reads unless it is told another.

    >>> input_topic("shop"), output_topic("shop", 0), progress_topic("shop")
    ('shop.events', 'shop.transitions', 'shop.progress')
    """
    return f"{plan}.events"


def output_topic(plan: str, stream: int) -> str:
    """The topic of a stream, given by its index in `ALL_STREAMS`."""
    return f"{plan}.{ALL_STREAMS[stream]}"


def output_topics(plan: str) -> list[str]:
    """The topics of all streams by their index in `ALL_STREAMS`; empty for those that the stages of the plan never put anything into.

    >>> output_topics("shop.identify")
    ['', '', '', 'shop.rejects', 'shop.resolved', '']
    """
    if plan.endswith(IDENTIFY):
        own = plan.removesuffix(IDENTIFY)
        return [f"{own}.{stream}" if stream in ("rejects", "resolved") else "" for stream in ALL_STREAMS]
    return ["" if stream == "resolved" else output_topic(plan, number) for number, stream in enumerate(ALL_STREAMS)]


def profiles_topic(plan: str) -> str:
    """The compacted topic of unified profiles, of a plan that has them put out."""
    return output_topic(plan, ALL_STREAMS.index("profiles"))


def always_there(plan: str) -> list[str]:
    """The topics of the streams that every run of a plan has."""
    return [name for name in output_topics(plan) if name not in ("", profiles_topic(plan))]


def resolved_topic(plan: str) -> str:
    """The topic between the identify stage of a plan and its person stage.

    >>> resolved_topic("shop")
    'shop.resolved'
    """
    return f"{plan}.resolved"


def progress_topic(plan: str) -> str:
    """The compacted topic that tells what of each lane is published; partition p is lane p's."""
    return f"{plan}.progress"


def describe(settings: KafkaSettings, name: str, *, wait_s: float = 30) -> Topic:
    """The topic `name`; raises `UnavailableError` where it, or the broker for `wait_s`, is not there."""
    return all_there({name: Cluster(settings, wait_s=wait_s).find([name])[name]})[0]


def ensure_topics(
    settings: KafkaSettings,
    plan: str,
    topic: str,
    *,
    create: int | None = None,
    alone: bool = False,
    profiles: bool = False,
    wait_s: float = 30,
) -> Topic:
    """The input topic of `plan`, once all its topics are there: the input, the outputs and the progress.

    `create` makes what is missing: the input with so many partitions, the others with as many as the input has. Without it a missing topic
    raises `UnavailableError`, as does a progress topic that has fewer partitions than the input, and a topic that is to be compacted and is
    not. `alone`: the input has one partition, also where it is made, and the outputs so many. `profiles`: they have a topic too.
    """
    cluster = Cluster(settings, wait_s=wait_s)
    configs: dict[str, Mapping[str, str]] = {topic: {}, **dict.fromkeys(always_there(plan), _OUTPUT_CONFIG)}
    if profiles:
        configs[profiles_topic(plan)] = _OUTPUT_CONFIG | _COMPACTED
    configs[progress_topic(plan)] = _COMPACTED
    found = cluster.find(configs)
    if create is not None and None in found.values():
        there, missing = found[topic], {name: configs[name] for name, known in found.items() if known is None}
        if alone and topic in missing:
            cluster.create({topic: missing.pop(topic)}, 1)
        cluster.create(missing, create if alone or there is None else there.partitions)
        found = cluster.find(configs, created=True)
    events, *_, progress = all_there(found)
    if alone and events.partitions > 1:
        raise UnavailableError(
            f"the topic {events.name} has {_partitions(events)}, and the identify stage needs all events in one, so as to miss no link: "
            "give it a topic with 1 partition"
        )
    if progress.partitions < events.partitions:
        raise UnavailableError(
            f"the topic {progress.name} has {_partitions(progress)}, and {events.name} has {_partitions(events)}: "
            f"every partition of the input needs its own, so give {progress.name} {events.partitions - progress.partitions} more"
        )
    for name in (progress.name, *([profiles_topic(plan)] if profiles else [])):
        if not cluster.keeps_the_last(name):
            raise UnavailableError(
                f"the topic {name} must keep the last record of each key and lose none to age: set its cleanup.policy to compact"
            )
    return events


def ensure_topic(settings: KafkaSettings, name: str, create: int | None) -> int:
    """How many bytes the topic `name` takes in one go, which is made with so many partitions where it is missing and `create` says so.
    UnavailableError where it is not there, or does not take a record as large as one can be."""
    cluster = Cluster(settings)
    found = cluster.find([name])
    if create is not None and found[name] is None:
        cluster.create({name: {}}, create)
        found = cluster.find([name], created=True)
    all_there(found)
    most = cluster.takes_bytes(name)
    if most < LEAST_BYTES:
        raise UnavailableError(
            f"the topic {name} takes messages of at most {most} bytes, and a record can have {MAX_RECORD_BYTES}: "
            f"set its max.message.bytes to {LEAST_BYTES} or more"
        )
    return most


def check_same(before: Topic, now: Topic | None) -> None:
    """Raises `UnavailableError` unless `now` is the topic that `before` was."""
    if now is None:
        raise UnavailableError(f"the topic {before.name} was deleted: make it anew, and start over with a new plan name and an empty state")
    if now.name != before.name:
        raise UnavailableError(
            f"the state was begun on the topic {before.name} and {now.name} is to be read now, where offsets mean other records: "
            "read the former, or start over with a new plan name and an empty state"
        )
    if now.id != before.id:
        raise UnavailableError(
            f"the topic {now.name} was deleted and made anew since the state was begun, so offsets mean other records now: "
            "start over with a new plan name and an empty state"
        )
    if now.partitions != before.partitions:
        raise UnavailableError(
            f"the topic {now.name} has {_partitions(now)} now and had {before.partitions} when the state was begun, so persons lie on "
            f"other partitions than before: make a topic with {_partitions(before)}, or start over with a new plan name and an empty state"
        )


class Cluster:
    """Questions to a Kafka cluster at the start of a run; waits up to `wait_s` for a broker that is away."""

    def __init__(self, settings: KafkaSettings, *, wait_s: float = 30) -> None:
        self._settings = settings
        self._wait_s = wait_s
        self._refused: KafkaError | None = None
        self._last = ""
        self._admin = AdminClient(client_config(settings, self._heard))

    def find(self, names: Iterable[str], *, created: bool = False) -> dict[str, Topic | None]:
        """The topics of these names, None for one that is missing; waits for those too where they were `created` just now."""
        wanted = list(names)
        answers = self._ask(
            lambda limit_s: self._admin.describe_topics(TopicCollection(wanted), request_timeout=limit_s),
            AWAY | MISSING if created else AWAY,
        )
        return {name: None if isinstance(answers[name], KafkaError) else _topic(answers[name]) for name in wanted}

    def create(self, configs: Mapping[str, Mapping[str, str]], partitions: int) -> None:
        """Makes these topics, each with its settings, and the cluster's own replication; one that is there already is left as it is."""
        new = [NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(config)) for name, config in configs.items()]
        self._ask(lambda limit_s: self._admin.create_topics(new, operation_timeout=limit_s, request_timeout=limit_s))

    def keeps_the_last(self, name: str) -> bool:
        """Whether the topic is compacted, and nothing else; taken to be where we may not look."""
        return self._setting(name, "cleanup.policy") in (None, "compact")

    def takes_bytes(self, name: str) -> int:
        """How many bytes the topic takes in one go; taken to be what Kafka sets where we may not look."""
        return int(self._setting(name, "max.message.bytes") or BROKERS_BYTES)

    def _setting(self, name: str, setting: str) -> str | None:
        """A setting of a topic; None where we may not look."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            answers = self._ask(lambda limit_s: {name: self._admin.describe_configs([resource], request_timeout=limit_s)[resource]})
        except RefusedError:
            return None
        return None if isinstance(answers[name], KafkaError) else str(answers[name][setting].value)

    def _ask(self, question: Callable[[float], Mapping[str, Future[Any]]], again: frozenset[int] = AWAY) -> dict[str, Any]:
        """What each future gives, a value or an error about that topic; asks again while an error of `again` is among them."""
        deadline = time.monotonic() + self._wait_s
        while True:
            left_s = max(0.1, deadline - time.monotonic())
            answers = {name: self._answer(future) for name, future in question(min(left_s, 5)).items()}
            open_ = [answer for answer in answers.values() if isinstance(answer, KafkaError) and answer.code() in again]
            if not open_ or (time.monotonic() >= deadline and open_[0].code() not in AWAY):
                return answers
            if time.monotonic() >= deadline:
                raise AwayError(
                    f"no Kafka broker answers at {self._settings.brokers} (waited {self._wait_s:g} s; {self._last or open_[0].str()}): "
                    "start it, or give another address"
                )
            self._admin.poll(0.2)

    def _answer(self, future: Future[Any]) -> Any:
        while not future.done():
            self._admin.poll(0.02)
            if self._refused is not None:
                raise refusal(self._settings, self._refused)
        problem = future.exception()
        if problem is None:
            return future.result()
        if not isinstance(problem, KafkaException):
            raise problem
        error: KafkaError = problem.args[0]
        if error.code() in REFUSED:
            raise refusal(self._settings, error)
        if error.code() not in AWAY | MISSING | {KafkaError.TOPIC_ALREADY_EXISTS}:
            raise UnavailableError(f"Kafka at {self._settings.brokers} refuses: {error.str()}")
        return error

    def _heard(self, error: KafkaError) -> None:
        if error.code() in REFUSED:
            self._refused = error
        elif error.code() != ALL_DOWN:
            self._last = error.str()


class TopicWatch:
    """Looks every few seconds, without waiting, whether the input topic is still the same and the broker answers.

    Shared by the partitions of a source, whose threads may differ. *Guarantees*: one warning when the broker goes away, one line when it is
    back.
    """

    def __init__(self, settings: KafkaSettings, topic: Topic, *, every_s: float = 5) -> None:
        self._settings = settings
        self._topic = topic
        self._every_s = every_s
        self._again_s = 0.5
        self._admin = AdminClient(client_config(settings, lambda _: None))
        self._lock = threading.Lock()
        self._pending: Future[TopicDescription] | None = None
        self._next = 0.0
        self._doubted = False
        self._away = False
        self._problem: UnavailableError | None = None

    @property
    def answering(self) -> bool:
        """Whether the broker answered the last question, with no reason for doubt since."""
        return not (self._doubted or self._away)

    def doubt(self) -> None:
        """Says that something about the broker or the topic looks wrong: the next `look` asks at once."""
        with self._lock:
            if not self._doubted:
                self._doubted, self._pending = True, None
                self._next = min(self._next, time.monotonic() + (self._again_s if self._away else 0))

    def look(self) -> None:
        """Asks where it is time to, and takes the answer where it is there; raises `UnavailableError` once the topic is another."""
        with self._lock:
            if self._problem is not None:
                raise self._problem
            if self._pending is None and time.monotonic() >= self._next:
                self._pending = self._admin.describe_topics(TopicCollection([self._topic.name]), request_timeout=5)[self._topic.name]
            elif self._pending is not None and self._pending.done():
                answer, self._pending = self._pending, None
                self._admin.poll(0)
                self._judge(answer)

    def _judge(self, answer: Future[TopicDescription]) -> None:
        problem = answer.exception()
        missing = isinstance(problem, KafkaException) and problem.args[0].code() in MISSING
        if problem is not None and not missing:
            self._wait(str(problem))
            return
        try:
            check_same(self._topic, None if missing else _topic(answer.result()))
        except UnavailableError as error:
            self._problem = error
            raise
        if self._away:
            structlog.get_logger(__name__).info("Kafka answers again", brokers=self._settings.brokers)
        self._doubted = self._away = False
        self._again_s = 0.5
        self._next = time.monotonic() + self._every_s

    def _wait(self, reason: str) -> None:
        if not self._away:
            structlog.get_logger(__name__).warning("Kafka does not answer; waiting for it", brokers=self._settings.brokers, reason=reason)
        self._away = True
        self._next = time.monotonic() + self._again_s
        self._again_s = min(2 * self._again_s, 10)


def all_there(found: Mapping[str, Topic | None]) -> list[Topic]:
    missing = [name for name, topic in found.items() if topic is None]
    if missing:
        what, make = (f"topic {missing[0]} is", "make it") if len(missing) == 1 else (f"topics {', '.join(missing)} are", "make them")
        raise UnavailableError(f"the {what} not there: {make}, or run with --create-topics")
    return [topic for topic in found.values() if topic is not None]


def _topic(description: TopicDescription) -> Topic:
    return Topic(description.name, str(description.topic_id), len(description.partitions))


def _partitions(topic: Topic) -> str:
    return "1 partition" if topic.partitions == 1 else f"{topic.partitions} partitions"
