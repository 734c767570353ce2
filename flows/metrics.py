"""Metrics for Prometheus: `METRICS` names every one of them, `Metrics` fills them from the reports of the lanes and serves them.

Labels have few values: partitions, names that stand in the plan, and names of libraries that send events, not many of them. None holds a
person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, start_http_server

from flows.totals import Report
from schemas.counts import Quality
from schemas.errors import UnavailableError

MetricName = Literal[
    "beckon_records",
    "beckon_replayed",
    "beckon_events",
    "beckon_persons",
    "beckon_duplicates",
    "beckon_late",
    "beckon_out_of_order",
    "beckon_clamped",
    "beckon_linked_persons",
    "beckon_identity_conflicts",
    "beckon_erased_persons",
    "beckon_filled_persons",
    "beckon_rejects",
    "beckon_transitions",
    "beckon_triggers",
    "beckon_decisions",
    "beckon_quality",
    "beckon_batches",
    "beckon_batch_seconds",
    "beckon_commit_seconds",
    "beckon_outputs_published",
    "beckon_offset",
    "beckon_input_lag_records",
    "beckon_to_fill_persons",
    "beckon_watermark_timestamp_seconds",
    "beckon_watermark_lag_seconds",
    "beckon_state_bytes",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is: a sum (served with `_total` behind its name), a standing, or a distribution of seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("partition",)


METRICS: dict[MetricName, Metric] = {
    "beckon_records": Metric("counter", "records read"),
    "beckon_replayed": Metric("counter", "records read again that had been applied before"),
    "beckon_events": Metric("counter", "events applied"),
    "beckon_persons": Metric("counter", "persons seen for the first time"),
    "beckon_duplicates": Metric("counter", "events that the person had already"),
    "beckon_late": Metric("counter", "events older than the watermark"),
    "beckon_out_of_order": Metric("counter", "events older than the person's clock"),
    "beckon_clamped": Metric("counter", "events whose time lay in the future and was set to that of receipt"),
    "beckon_linked_persons": Metric("counter", "persons that became part of another one"),
    "beckon_identity_conflicts": Metric("counter", "links that were not made, since a person would have had too many identifiers"),
    "beckon_erased_persons": Metric("counter", "persons that were forgotten"),
    "beckon_filled_persons": Metric("counter", "persons brought to a changed plan"),
    "beckon_rejects": Metric("counter", "records that cannot be used, by reason", ("reason",)),
    "beckon_transitions": Metric("counter", "entries and exits of segments", ("segment", "kind")),
    "beckon_triggers": Metric("counter", "triggers, by campaign", ("campaign",)),
    "beckon_decisions": Metric("counter", "triggers that were not sent, by campaign and reason", ("campaign", "reason")),
    "beckon_quality": Metric("counter", "what was found in the data of events", Quality._fields),
    "beckon_batches": Metric("counter", "batches made durable"),
    "beckon_batch_seconds": Metric("histogram", "time from taking a batch up to its being durable", ()),
    "beckon_commit_seconds": Metric("histogram", "of that, the time of making it durable", ()),
    "beckon_outputs_published": Metric("gauge", "sequence number of the last output that readers can see"),
    "beckon_offset": Metric("gauge", "highest input offset applied"),
    "beckon_input_lag_records": Metric("gauge", "records in the input that are not applied yet"),
    "beckon_to_fill_persons": Metric("gauge", "persons that are still to be brought to a changed plan"),
    "beckon_watermark_timestamp_seconds": Metric("gauge", "the watermark, in seconds since 1970"),
    "beckon_watermark_lag_seconds": Metric("gauge", "how far the watermark is behind the wall clock"),
    "beckon_state_bytes": Metric("gauge", "size of the state on disk, about"),
}

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The bounds of the distributions; a micro-batch is meant to take 0.1 s."""


class Metrics:
    """The metrics of this process, in a registry of their own. *Guarantees*: names and labels are those of `METRICS`, and no others."""

    def __init__(self) -> None:
        # Else every sum has a second series beside it, with the time at which it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        assert tuple(METRICS) == get_args(MetricName)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, metric in METRICS.items():
            if metric.kind == "counter":
                self._counters[name] = Counter(name, metric.help, metric.labels, registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[name] = Gauge(name, metric.help, metric.labels, registry=self.registry)
            else:
                self._histograms[name] = Histogram(name, metric.help, metric.labels, registry=self.registry, buckets=SECONDS)
        self._watermarks: dict[int, int] = {}

    def observe(self, report: Report) -> None:
        """Adds the report of one batch; workers on several threads may call this."""
        counts, partition = report.counts, str(report.counts.partition)
        for name in ("records", "replayed", "events", "persons", "duplicates", "late", "out_of_order", "clamped"):
            self._count(f"beckon_{name}", getattr(counts, name), partition)
        self._count("beckon_linked_persons", counts.linked, partition)
        self._count("beckon_identity_conflicts", counts.conflicts, partition)
        self._count("beckon_erased_persons", counts.erased, partition)
        self._count("beckon_batches", 1, partition)
        self._count("beckon_filled_persons", counts.filled, partition)
        for reason, number in counts.rejects.items():
            self._count("beckon_rejects", number, reason)
        for (segment, kind), number in counts.transitions.items():
            self._count("beckon_transitions", number, segment, kind)
        for campaign, number in counts.triggers.items():
            self._count("beckon_triggers", number, campaign)
        for (campaign, reason), number in counts.decisions.items():
            self._count("beckon_decisions", number, campaign, reason)
        for found, number in counts.quality.items():
            self._count("beckon_quality", number, *found)
        self._histograms["beckon_batch_seconds"].observe(counts.batch_s)
        self._histograms["beckon_commit_seconds"].observe(counts.commit_s)
        self._stand(report, partition)

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[int]:
        """Serves them at `/metrics` of `host` and `port`, from a thread of its own; gives the port, a free one where 0 was asked for."""
        try:
            server, thread = start_http_server(port, host, self.registry)
        except OSError as error:
            raise UnavailableError(
                f"the metrics cannot be served at {host}:{port} ({error.strerror}); give another --metrics-port"
            ) from error
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _count(self, name: str, number: int, *labels: str) -> None:
        self._counters[name].labels(*labels).inc(number)

    def _stand(self, report: Report, partition: str) -> None:
        counts = report.counts
        self._gauges["beckon_outputs_published"].labels(partition).set(report.published)
        self._gauges["beckon_offset"].labels(partition).set(counts.offset)
        self._gauges["beckon_input_lag_records"].labels(partition).set(counts.lag)
        self._gauges["beckon_to_fill_persons"].labels(partition).set(counts.to_fill)
        self._gauges["beckon_state_bytes"].labels(partition).set(counts.state_bytes)
        if counts.watermark_ms is None:
            return
        if counts.partition not in self._watermarks:
            # Reckoned when somebody looks: it grows also while nothing comes.
            lag = self._gauges["beckon_watermark_lag_seconds"].labels(partition)
            lag.set_function(lambda: time.time() - self._watermarks[int(partition)] / 1000)
        self._watermarks[counts.partition] = counts.watermark_ms
        self._gauges["beckon_watermark_timestamp_seconds"].labels(partition).set(counts.watermark_ms / 1000)
