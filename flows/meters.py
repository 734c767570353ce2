"""`Meters`: metrics for Prometheus, made from a table that names every one of them, and served.

*Guarantees*: names and labels are those of the table, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, start_http_server

from schemas.errors import UnavailableError

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The bounds of the distributions; a micro-batch is meant to take 0.1 s."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is: a sum (served with `_total` behind its name), a standing, or a distribution of seconds."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("partition",)


class Meters:
    """The metrics of a table, in a registry of their own."""

    def __init__(self, table: Mapping[Any, Metric]) -> None:
        # Else every sum has a second series beside it, with the time at which it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, metric in table.items():
            if metric.kind == "counter":
                self._counters[name] = Counter(name, metric.help, metric.labels, registry=self.registry)
            elif metric.kind == "gauge":
                self._gauges[name] = Gauge(name, metric.help, metric.labels, registry=self.registry)
            else:
                self._histograms[name] = Histogram(name, metric.help, metric.labels, registry=self.registry, buckets=SECONDS)

    def count(self, name: str, number: int, *labels: str) -> None:
        """Adds to a sum."""
        self._counters[name].labels(*labels).inc(number)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """A standing, to be set."""
        return self._gauges[name].labels(*labels) if labels else self._gauges[name]

    def took(self, name: str, seconds: float) -> None:
        """Adds to a distribution."""
        self._histograms[name].observe(seconds)

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
