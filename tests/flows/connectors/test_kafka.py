"""Reaching Kafka and its topics: settings that check themselves and keep their secrets, topics that are there, missing, made or changed."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType
from pydantic import SecretStr

from flows.connectors.kafka_progress import read_progress
from flows.connectors.kafka_publisher import KafkaPublisher
from flows.connectors.kafka_settings import KafkaSettings, client_config, consumer_config, producer_config
from flows.connectors.kafka_source import KafkaSource
from flows.connectors.kafka_topics import Topic, describe, ensure_topics, progress_topic
from operators.lane.ports import Progress
from schemas.errors import UnavailableError, UsageError
from schemas.output import STREAMS
from tests import kafka_broker
from tests.flows.connectors.contract import assert_one_sentence, read
from tests.kafka_broker import START, Broker, free_ports

SECRET = SecretStr("hunter2")
LOGIN: dict[str, Any] = {"sasl_mechanism": "PLAIN", "sasl_username": "anna", "sasl_password": SECRET}
HERE = Path(__file__)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"brokers": ""}, "must be like"),
        ({"brokers": "a:9092,"}, "must be like"),
        ({"brokers": "http://a:9092"}, "must be like"),
        ({"security_protocol": "TLS"}, "one of PLAINTEXT"),
        ({"sasl_mechanism": "GSSAPI", "sasl_username": "a", "sasl_password": SECRET}, "one of PLAIN, SCRAM"),
        ({"sasl_username": "a", "sasl_password": SECRET}, "all three"),
        ({"sasl_mechanism": "PLAIN", "sasl_username": "a", "sasl_password": SecretStr("")}, "all three"),
        ({"security_protocol": "SASL_SSL"}, "needs a SASL mechanism"),
        ({"security_protocol": "PLAINTEXT", **LOGIN}, "takes no SASL login"),
        ({"security_protocol": "PLAINTEXT", "tls_ca": HERE}, "takes no TLS files"),
        ({"tls_ca": HERE / "no"}, "no TLS file"),
        ({"tls_cert": HERE}, "both its files"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        KafkaSettings(**{"brokers": "a:9092"} | given)
    assert_one_sentence(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"tls_ca": HERE}, "SSL"),
        ({"tls_cert": HERE, "tls_key": HERE, "tls_key_password": SECRET}, "SSL"),
        ({"security_protocol": "SSL"}, "SSL"),
        (LOGIN, "SASL_SSL"),
        ({"security_protocol": "SASL_PLAINTEXT", **LOGIN, "sasl_mechanism": "SCRAM-SHA-512"}, "SASL_PLAINTEXT"),
    ],
)
def test_the_protocol_follows_from_what_is_given(given: dict[str, Any], protocol: str) -> None:
    settings = KafkaSettings(brokers="a:9092, [::1]:9093,c", **given)
    config = client_config(settings, print)
    assert protocol == settings.protocol == config["security.protocol"]
    assert "hunter2" not in repr(settings)
    assert settings.sasl_password is None or config["sasl.password"] == "hunter2"


def test_clients_are_told_what_exactly_once_needs() -> None:
    settings = KafkaSettings(brokers="a:9092")
    consumer = consumer_config(settings, print)
    assert {"error", "read_committed"} == {consumer["auto.offset.reset"], consumer["isolation.level"]}
    assert consumer["enable.auto.commit"] is False
    assert 5 <= consumer["fetch.queue.backoff.ms"] <= 20
    producer = producer_config(settings, print, "beckon-x-0", 1_000)
    assert tuple(producer[k] for k in ("transactional.id", "partitioner", "transaction.timeout.ms")) == (
        "beckon-x-0",
        "murmur2_random",
        1_000,
    )


def test_missing_topics_are_named_all_and_made_when_asked(broker: Broker, plan_name: str) -> None:
    settings = KafkaSettings(brokers=broker.address)
    name = f"{plan_name}.events"
    with pytest.raises(UnavailableError, match="--create-topics") as caught:
        ensure_topics(settings, plan_name, name)
    assert_one_sentence(caught.value)
    assert all(f"{plan_name}.{each}" in str(caught.value) for each in ("events", *STREAMS, "progress"))
    made = ensure_topics(settings, plan_name, name, create=3)
    assert (name, 3) == (made.name, made.partitions)
    assert (
        made == ensure_topics(settings, plan_name, name) == ensure_topics(settings, plan_name, name, create=5) == describe(settings, name)
    )
    assert [describe(settings, f"{plan_name}.{each}").partitions for each in (*STREAMS, "progress")] == [3] * 5


def test_what_is_missing_gets_as_many_partitions_as_the_input_has(broker: Broker, plan_name: str) -> None:
    settings = KafkaSettings(brokers=broker.address)
    broker.create_topic("clicks-" + plan_name, 2)
    assert ensure_topics(settings, plan_name, "clicks-" + plan_name, create=7).partitions == 2
    assert describe(settings, f"{plan_name}.progress").partitions == 2


@pytest.mark.parametrize(
    ("partitions", "config", "words"), [(1, {"cleanup.policy": "compact"}, "1 partition, and"), (2, {}, "cleanup.policy to compact")]
)
def test_a_progress_topic_that_cannot_serve_is_refused(
    broker: Broker, plan_name: str, partitions: int, config: dict[str, str], words: str
) -> None:
    settings = KafkaSettings(brokers=broker.address)
    broker.create_topic(progress_topic(plan_name), partitions, config)
    with pytest.raises(UnavailableError, match=words) as caught:
        ensure_topics(settings, plan_name, f"{plan_name}.events", create=2)
    assert_one_sentence(caught.value)
    with pytest.raises(UnavailableError, match="has no partition 2") as caught:
        KafkaPublisher(settings, plan_name, 2).open()
    assert_one_sentence(caught.value)


def test_the_progress_is_kept_and_large_outputs_fit(broker: Broker, plan_name: str) -> None:
    ensure_topics(KafkaSettings(brokers=broker.address), plan_name, f"{plan_name}.events", create=1)
    for topic, key, value in (("progress", "cleanup.policy", "compact"), ("rejects", "max.message.bytes", str(8 << 20))):
        resource = ConfigResource(ResourceType.TOPIC, f"{plan_name}.{topic}")
        assert broker.admin.describe_configs([resource])[resource].result()[key].value == value


def test_a_broker_that_comes_up_is_waited_for(own_broker: Broker) -> None:
    found: list[Topic] = []
    settings = KafkaSettings(brokers=own_broker.address)
    waiting = threading.Thread(target=lambda: found.append(ensure_topics(settings, "x", "x.events", create=1)))
    waiting.start()
    own_broker.start()
    waiting.join(60)
    assert [topic.name for topic in found] == ["x.events"]


USES: dict[str, Callable[[KafkaSettings], object]] = {
    "describe": lambda settings: describe(settings, "x.events", wait_s=0.3),
    "ensure": lambda settings: ensure_topics(settings, "x", "x.events", wait_s=0.3),
    "progress": lambda settings: read_progress(settings, "x", 0, wait_s=0.3),
    "publisher": lambda settings: KafkaPublisher(settings, "x", 0, wait_s=0.3).open(),
    "source": lambda settings: KafkaSource(settings, Topic("x.events", "i", 1), lambda _: 0, wait_s=0.3).build_part("in", "0", None),
}


@pytest.mark.parametrize("use", USES)
def test_a_broker_that_stays_away_is_named(use: str) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UnavailableError, match=address) as caught:
        USES[use](KafkaSettings(brokers=address))
    assert_one_sentence(caught.value)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker that wants TLS and a login, and the settings that it lets in."""
    folder = tmp_path_factory.mktemp("secure")
    keytool = ["keytool", "-keystore", str(folder / "keys.p12"), "-storepass", "changeit", "-alias", "broker"]
    subprocess.run([*keytool, "-genkeypair", "-keyalg", "RSA", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1"], check=True)
    subprocess.run([*keytool, "-exportcert", "-rfc", "-file", str(folder / "ca.pem")], check=True)
    port = free_ports(1)[0]
    copy = shutil.copytree(START.parent, folder / "copy")
    with (copy / "server.properties").open("a") as properties:
        properties.write(SECURE.replace("@keys@", str(folder / "keys.p12")).replace("@secure_port@", str(port)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_broker, "START", copy / START.name)
        with Broker(folder / "broker"):
            yield KafkaSettings(brokers=f"127.0.0.1:{port}", tls_ca=folder / "ca.pem", **LOGIN)


SECURE = """
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
listeners=PLAINTEXT://127.0.0.1:@port@,CONTROLLER://127.0.0.1:@controller_port@,SASL_SSL://127.0.0.1:@secure_port@
advertised.listeners=PLAINTEXT://127.0.0.1:@port@,SASL_SSL://127.0.0.1:@secure_port@
sasl.enabled.mechanisms=PLAIN
ssl.keystore.type=PKCS12
ssl.keystore.location=@keys@
ssl.keystore.password=changeit
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_anna="hunter2";
"""


def test_logs_in_with_a_password_over_tls(secure: KafkaSettings) -> None:
    source = ensure_topics(secure, "x", "x.events", create=1)
    publisher = KafkaPublisher(secure, "x", 0, source=source)
    assert publisher.open() == Progress()
    publisher.put(None, 7)
    publisher.wait()
    publisher.close()
    [end] = read(KafkaSource(secure, source, lambda _: 0, bounded=True).build_part("in", "0", None))
    assert end.end


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sasl_password": SecretStr("hunter3")}, "refuses the login"),
        ({"sasl_mechanism": "SCRAM-SHA-256"}, "refuses the login"),
        ({"tls_ca": None}, "gets no TLS connection"),
    ],
)
def test_a_login_that_fails_is_not_waited_for(secure: KafkaSettings, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnavailableError, match=words) as caught:
        describe(replace(secure, **changes), "x.events", wait_s=600)
    assert_one_sentence(caught.value)
    assert "hunter" not in str(caught.value)


def test_tls_that_the_other_side_does_not_speak_is_said(broker: Broker) -> None:
    with pytest.raises(UnavailableError, match=r"no Kafka broker answers.*SSL.*closed by peer") as caught:
        describe(KafkaSettings(brokers=broker.address, security_protocol="SSL"), "x.events", wait_s=0.5)
    assert_one_sentence(caught.value)
