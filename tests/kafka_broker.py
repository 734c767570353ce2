"""A real Kafka broker on this machine, as a test needs it: started when it is ready, stopped, killed, restarted on the same data."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".cache" / "kafka" / "libs"
START = ROOT / "deploy" / "kafka" / "start"


class Broker:
    """One broker, alone, with its data in `directory`.

    `start` after `stop` or `kill` (or `restart`, which is both) goes on with the same data on the same ports, so clients find it again.
    Raises `RuntimeError` with the end of the broker's log where it does not come up or ends by itself.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "broker.log"
        self.port, self.controller_port = free_ports(2)
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: AdminClient | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def admin(self) -> AdminClient:
        """A client for what this class has no method for."""
        if self._admin is None:
            self._admin = AdminClient(
                {
                    "bootstrap.servers": self.address,
                    "reconnect.backoff.ms": 50,
                    "reconnect.backoff.max.ms": 200,
                    # The broker is away on purpose now and then; the client would say so on stderr.
                    "log_level": 0,
                }
            )
        return self._admin

    def start(self, timeout_s: float = 60) -> None:
        """Runs the broker; comes back when it answers, with all its topics led again."""
        if not (JARS / ".complete").exists():
            raise RuntimeError(f"no Kafka jars in {JARS.relative_to(ROOT)}: run 'make kafka-jars'")
        if shutil.which("java") is None:
            raise RuntimeError("no java on PATH: install Java 17 or newer")
        if self._process is not None:
            raise RuntimeError("this broker runs already")
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [START, self.directory, str(self.port), str(self.controller_port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KAFKA_LIBS": str(JARS)},
            )
        try:
            self._until("ready", timeout_s, all_led)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_s: float = 60) -> None:
        """Stops the broker cleanly, as SIGTERM does; nothing where it does not run."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """Ends the broker at once, as `kill -9` does; nothing where it does not run."""
        self._end(signal.SIGKILL, 60)

    def restart(self, *, kill: bool = False) -> None:
        """Stops (or kills) the broker and starts it again on the same data and ports."""
        if kill:
            self.kill()
        else:
            self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self._process is not None and self._process.poll() is None

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Creates the topic, waits until it can be written, and gives back its name."""
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        self.admin.create_topics([topic])[name].result()
        self._until(f"ready with the topic {name}", 30, lambda data: name in data.topics and all_led(data))
        return name

    def delete_topic(self, name: str) -> None:
        """Deletes the topic and waits until it is gone."""
        self.admin.delete_topics([name])[name].result()
        self._until(f"rid of the topic {name}", 30, lambda data: name not in data.topics)

    def log_tail(self, lines: int = 40) -> str:
        """The end of the broker's log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _until(self, what: str, timeout_s: float, holds: Callable[[ClusterMetadata], bool]) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise RuntimeError(f"the Kafka broker ended before it was {what}; its log ends:\n{self.log_tail()}")
            try:
                if holds(self.admin.list_topics(timeout=1)):
                    return
            except KafkaException:
                # Not up yet; `list_topics` has waited for up to its timeout.
                continue
            time.sleep(0.02)
        raise RuntimeError(f"the Kafka broker was not {what} within {timeout_s:g} s; its log ends:\n{self.log_tail()}")

    def _end(self, by: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"the Kafka broker did not stop within {timeout_s:g} s; its log ends:\n{self.log_tail()}") from None


def all_led(data: ClusterMetadata) -> bool:
    """Whether the broker is in the cluster's metadata, and every partition of every topic has a leader."""
    return bool(data.brokers) and all(part.leader >= 0 for topic in data.topics.values() for part in topic.partitions.values())


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens at.

    They lie below those that the system gives to outgoing connections: from there, a client that tries again and again while the broker is
    away would sooner or later be given the broker's own port, connect to itself, and keep the broker from coming back.
    """
    found: list[int] = []
    candidates = list(range(20_000, 30_000))
    random.SystemRandom().shuffle(candidates)
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free port between 20000 and 30000 on 127.0.0.1")
