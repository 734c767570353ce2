"""How to reach Kafka: `KafkaSettings`, and from them what librdkafka is told for each kind of client.

*Guarantees*: a secret never stands in a `repr`, an error or a log line. What cannot work is refused before a client is made, in one
sentence. What librdkafka has to say goes through structlog (`debug`), never to stderr by itself. Source: librdkafka, "CONFIGURATION.md".
"""

# ruff: noqa: SLF001  librdkafka's local errors have names with a leading underscore, and are public; the tables below are where they are used

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import structlog
from confluent_kafka import KafkaError
from pydantic import SecretStr

from schemas.errors import UnavailableError, UsageError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The largest output: room for the reject of any record that a broker takes by default, with every byte of it escaped."""

_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")

REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
"""Errors by which the broker, or TLS, turns us away: waiting does not mend them."""

AWAY = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._WAIT_COORD,
        KafkaError._DESTROY_BROKER,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.STALE_BROKER_EPOCH,
    }
)
"""Errors of a broker that is away, or not up yet: they mend themselves."""

MISSING = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
    }
)
"""Errors of a topic or partition that is not there."""

MOVED = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION, KafkaError.OFFSET_OUT_OF_RANGE})
"""Errors of an offset that the log does not hold."""

FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED})
"""Errors of a producer whose place another has taken, or whose transaction the broker has aborted for its age."""

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})

ALL_DOWN: int = KafkaError._ALL_BROKERS_DOWN
END_OF_PARTITION: int = KafkaError._PARTITION_EOF
TIMED_OUT: int = KafkaError._TIMED_OUT
LOADING: int = KafkaError.COORDINATOR_LOAD_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Where the brokers are and how to log in; raises `UsageError` where that cannot work.

    `security_protocol` None: SASL where a mechanism is given; TLS where SASL or any TLS file is; else neither. `tls_ca` None: the
    certificate authorities of the system.

    >>> KafkaSettings(brokers="b:9092", sasl_mechanism="PLAIN", sasl_username="u", sasl_password=SecretStr("p")).protocol
    'SASL_SSL'
    """

    brokers: str
    security_protocol: SecurityProtocol | None = None
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_key_password: SecretStr | None = None

    def __post_init__(self) -> None:
        for broker in self.brokers.split(","):
            if not _BROKER.fullmatch(broker.strip()):
                raise UsageError(f"Kafka brokers must be like 'host:9092,host2:9092'; got {self.brokers!r}")
        if self.security_protocol not in (None, *get_args(SecurityProtocol)):
            raise UsageError(f"the Kafka security protocol must be one of {', '.join(get_args(SecurityProtocol))}")
        if self.sasl_mechanism not in (None, *get_args(SaslMechanism)):
            raise UsageError(f"the Kafka SASL mechanism must be one of {', '.join(get_args(SaslMechanism))}")
        self._check_sasl()
        self._check_tls()

    def _check_sasl(self) -> None:
        given = [self.sasl_mechanism is not None, bool(self.sasl_username), bool(self.sasl_password)]
        if any(given) and not all(given):
            raise UsageError("a Kafka login needs all three: SASL mechanism, user name and password")
        if self.protocol.startswith("SASL") != any(given):
            need = "needs a SASL mechanism, user name and password" if not any(given) else "takes no SASL login"
            raise UsageError(f"the Kafka security protocol {self.protocol} {need}")

    def _check_tls(self) -> None:
        files = [file for file in (self.tls_ca, self.tls_cert, self.tls_key) if file is not None]
        if files and not self.protocol.endswith("SSL"):
            raise UsageError(f"the Kafka security protocol {self.protocol} takes no TLS files")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("a Kafka client certificate needs both its files: certificate and key")
        for file in files:
            if not file.is_file():
                raise UsageError(f"there is no TLS file {file}")

    @property
    def protocol(self) -> SecurityProtocol:
        """The security protocol, given or concluded."""
        if self.security_protocol is not None:
            return self.security_protocol
        if self.sasl_mechanism is not None:
            return "SASL_SSL"
        return "SSL" if self.tls_ca or self.tls_cert else "PLAINTEXT"


def client_config(settings: KafkaSettings, heard: Callable[[KafkaError], None]) -> dict[str, Any]:
    """What every client is told; `heard` is called with each error of the connection, from within the client's calls."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.brokers,
        "client.id": "beckon",
        "security.protocol": settings.protocol,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2_000,
        "error_cb": heard,
        "logger": _Logger(),
    }
    optional = {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password and settings.sasl_password.get_secret_value(),
        "ssl.ca.location": settings.tls_ca and str(settings.tls_ca),
        "ssl.certificate.location": settings.tls_cert and str(settings.tls_cert),
        "ssl.key.location": settings.tls_key and str(settings.tls_key),
        "ssl.key.password": settings.tls_key_password and settings.tls_key_password.get_secret_value(),
    }
    return config | {name: value for name, value in optional.items() if value is not None}


def consumer_config(settings: KafkaSettings, heard: Callable[[KafkaError], None]) -> dict[str, Any]:
    """A consumer of assigned partitions: only what is committed, in no group, never moved by itself, telling where the log ends."""
    return client_config(settings, heard) | {
        "group.id": "beckon",  # librdkafka wants a name; nothing joins or commits
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "max.poll.interval.ms": 86_400_000,  # a lane may wait for its publisher
        "fetch.wait.max.ms": 100,  # the end of a log is known this late
        "fetch.queue.backoff.ms": 10,  # 1,000 by default, which halves the rate
        "queued.max.messages.kbytes": 16_384,
    }


def producer_config(settings: KafkaSettings, heard: Callable[[KafkaError], None], transactional_id: str, timeout_ms: int) -> dict[str, Any]:
    """A transactional producer; `timeout_ms` is how long a transaction may stay open before the broker aborts it."""
    return client_config(settings, heard) | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": timeout_ms,
        "partitioner": "murmur2_random",
        "message.max.bytes": MAX_MESSAGE_BYTES + 64 * 1024,  # room for key, headers and framing
        "linger.ms": 5,  # full requests while a transaction is filled; a flush does not wait for it
        "compression.type": "lz4",
        "queue.buffering.max.kbytes": 65_536,
        "delivery.report.only.error": True,
    }


class RefusedError(UnavailableError):
    """The broker, or TLS, turns us away."""


class AwayError(UnavailableError):
    """No broker has answered for as long as was to be waited."""


def refusal(settings: KafkaSettings, error: KafkaError) -> RefusedError:
    """The sentence for an error of `REFUSED`."""
    if error.code() == KafkaError._SSL:
        return RefusedError(f"Kafka at {settings.brokers} gets no TLS connection ({error.str()}): check certificates and protocol")
    if error.code() in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        return RefusedError(f"Kafka at {settings.brokers} refuses the login ({error.str()}): check mechanism, user name and password")
    return RefusedError(f"Kafka at {settings.brokers} does not allow this ({error.str()}): check the login and its rights (ACLs)")


class _Logger:
    """Takes the log lines of librdkafka, where the client library expects a `logging.Logger`."""

    def log(self, level: int, text: str, *args: object) -> None:
        """One line; everything of weight also comes as an error, so all is `debug` here."""
        structlog.get_logger(__name__).debug("librdkafka", severity=level, text=text % args)
