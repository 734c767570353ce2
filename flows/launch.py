"""From a plan and what the command line says to a running job: `files_job`, `kafka_job`, and `launch`, which shows and measures it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from rich.console import Console

from flows import progress
from flows.cluster import ALONE, Cluster
from flows.lane_step import Reached, lane_folder, no_failpoint
from flows.metrics import Metrics
from flows.run import Job, run
from flows.settings import Settings
from flows.stop import install_signal_handlers, stop
from flows.totals import Totals
from operators.identity.relay import identify_plan
from operators.lane.rocks import read_position
from operators.lane.split import StageName
from operators.plan.checked import Plan
from schemas.counts import Counts
from schemas.output import ALL_STREAMS, STREAMS, Stream

if TYPE_CHECKING:
    from flows.connectors.kafka_settings import KafkaSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did: sums, the offsets reached by partition, its duration, and whether it was stopped before the end."""

    counts: Counts
    offsets: dict[int, int]
    seconds: float
    stopped: bool


def files_job(
    plan: Plan,
    path: str,
    output: Path,
    state: Path,
    *,
    stage: StageName = "all",
    until_ms: int | None = None,
    follow: bool = False,
    reached: Reached = no_failpoint,
) -> Job:
    """A job from a file, a folder or `-` into a folder; it goes on where the state stands."""
    from flows.connectors.files_publisher import FilesPublisher
    from flows.connectors.files_source import FilesSource

    start = read_position(lane_folder(state, 0))
    source = FilesSource(path, start=start, follow=follow)
    # A stream that the plan no longer has put out still holds numbers that the others lack.
    streams = [each for each in ALL_STREAMS if each in streams_of(plan, stage) or (output / f"{each}.jsonl").exists()]
    return Job(
        plan=plan,
        source=source,
        publisher=lambda _: FilesPublisher(output, streams),
        state=state,
        stage=stage,
        until_ms=until_ms,
        reached=reached,
    )


def streams_of(plan: Plan, stage: StageName) -> tuple[Stream, ...]:
    """The streams that there is a file of."""
    if stage == "identify":
        return (*STREAMS, "resolved")
    return (*STREAMS, "profiles") if plan.profiles else STREAMS


def kafka_settings(settings: Settings, brokers: str) -> KafkaSettings:
    """How to reach these brokers: the environment says how to log in."""
    from flows.connectors.kafka_settings import KafkaSettings

    return KafkaSettings(
        brokers=brokers,
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        sasl_username=settings.kafka_sasl_username,
        sasl_password=settings.kafka_sasl_password,
        tls_ca=settings.kafka_tls_ca,
        tls_cert=settings.kafka_tls_cert,
        tls_key=settings.kafka_tls_key,
        tls_key_password=settings.kafka_tls_key_password,
    )


def kafka_job(
    plan: Plan,
    settings: Settings,
    brokers: str,
    state: Path,
    *,
    topic: str | None = None,
    partitions: Sequence[int] | None = None,
    create: int | None = None,
    stage: StageName = "all",
    until_ms: int | None = None,
    reached: Reached = no_failpoint,
) -> Job:
    """A job from a topic into the plan's topics; live, unless `until_ms` is given. `create` makes topics that are missing, with so many
    partitions. The identify stage alone reads one partition, and is joined to the person stage by the topic `resolved`."""
    from flows.connectors.kafka_progress import start_after
    from flows.connectors.kafka_publisher import KafkaPublisher
    from flows.connectors.kafka_source import KafkaSource
    from flows.connectors.kafka_topics import ensure_topics, input_topic, resolved_topic

    kafka, name = kafka_settings(settings, brokers), plan.name
    own = topic or (resolved_topic(name) if stage == "person" else input_topic(name))
    if stage == "identify":
        name = identify_plan(plan).name
    source = ensure_topics(kafka, name, own, create=create, alone=stage == "identify", profiles=plan.profiles and stage != "identify")
    return Job(
        plan=plan,
        source=KafkaSource(kafka, source, start_after(kafka, name, source), parts=partitions, bounded=until_ms is not None),
        publisher=lambda partition: KafkaPublisher(kafka, name, partition, source=source, reached=reached),
        state=state,
        stage=stage,
        until_ms=until_ms,
        reached=reached,
    )


def launch(job: Job, settings: Settings, *, live: bool, cluster: Cluster = ALONE, metrics_port: int | None = None) -> Outcome:
    """Runs a job with a progress display, metrics and a clean stop at SIGTERM and Ctrl-C. Must be called on the main thread."""
    install_signal_handlers()
    totals, metrics = Totals(), Metrics()
    started = time.monotonic()
    with ExitStack() as around:
        if metrics_port is not None:
            port = around.enter_context(metrics.served(settings.metrics_host, metrics_port))
            log.info("metrics are served", url=f"http://{settings.metrics_host}:{port}/metrics")
        around.enter_context(progress.shown(Console(stderr=True), totals, live=live))
        key = settings.suppression_key
        run(job, totals=totals, watchers=[metrics.observe], cluster=cluster, key=None if key is None else key.get_secret_value())
    return Outcome(totals.counts(), totals.offsets(), time.monotonic() - started, stop.is_set())
