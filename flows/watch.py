"""`WatchSink`: hands the reports of the lanes to those who watch in this process: totals, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from flows.failure import Failure
from flows.totals import Report

Watcher = Callable[[Report], None]
"""Called after each batch, from any worker's thread."""


class WatchSink(DynamicSink[Report]):
    """The end of the flow; outputs have left by the lanes' publishers, so nothing is written here."""

    def __init__(self, watchers: Sequence[Watcher], failure: Failure) -> None:
        self._watchers = [failure.noting(watcher) for watcher in watchers]

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> WatchPartition:
        """One a worker."""
        return WatchPartition(self)

    def see(self, report: Report) -> None:
        """Calls each watcher with a report."""
        for watcher in self._watchers:
            watcher(report)


class WatchPartition(StatelessSinkPartition[Report]):
    """The end of the flow on one worker."""

    def __init__(self, sink: WatchSink) -> None:
        self._sink = sink

    def write_batch(self, items: list[Report]) -> None:
        """Lets the watchers see each report."""
        for report in items:
            self._sink.see(report)
