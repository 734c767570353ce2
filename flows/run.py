"""The main flow, read top to bottom as the path: input, to the lane of each partition, to those who watch.

`run` drives it to the end of its input, or until `flows.stop.stop` is set.

*Guarantees*: a clean stop ends each source after the batch that it has handed on, applies that, publishes what is committed and returns.
Where something breaks, `run` raises that very error, whatever Bytewax made of it on its way through threads and processes, and leaves no
state or output locked; nothing that was committed is lost.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main

from flows.cluster import ALONE, Cluster, joining
from flows.failure import Failure
from flows.lane_step import LaneLogic, Lanes, Reached, no_failpoint
from flows.opening import OpeningSource, Source
from flows.totals import Totals
from flows.watch import Watcher, WatchSink
from operators.lane.ports import Batch, Publisher
from operators.lane.split import StageName
from operators.plan.checked import Plan

EPOCH = timedelta(milliseconds=200)
"""A source reads at most one epoch ahead of a lane on another worker, so this bounds what waits in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is run: a plan over a source, into a publisher for each partition, with the states in the folder `state`. `stage` is the one
    that is run alone."""

    plan: Plan
    source: Source
    publisher: Callable[[int], Publisher]
    state: Path
    stage: StageName = "all"
    until_ms: int | None = None
    reached: Reached = no_failpoint


def run(
    job: Job, *, totals: Totals | None = None, watchers: Sequence[Watcher] = (), cluster: Cluster = ALONE, key: str | None = None
) -> Totals:
    """Runs to the end of the input, or until `stop`; gives what the lanes of this process did, which `totals` tells all the while.
    `key` is that of the suppression list; without one a file beside the states has it."""
    failure, totals = Failure(), totals or Totals()
    sink = WatchSink([totals.add, *watchers], failure)
    lanes = Lanes(
        job.plan,
        job.state,
        job.publisher,
        stage=job.stage,
        until_ms=job.until_ms,
        reached=job.reached,
        watch=sink.see,
        key=key,
    )
    try:
        with failure.in_its_own_words(), joining(cluster) as joined, no_collections():
            source = OpeningSource(job.source, failure, joined)
            flow = flow_of(source, lanes, sink, failure)
            # Not `run_main`: that prints a trace of Rust's stack for each error.
            cluster_main(  # type: ignore[no-untyped-call]  # comes from Rust, without types
                flow, list(cluster.addresses), cluster.process, epoch_interval=EPOCH, worker_count_per_proc=cluster.workers
            )
    finally:
        lanes.let_go()
    return totals


def flow_of(source: OpeningSource, lanes: Lanes, sink: WatchSink, failure: Failure) -> Dataflow:
    """The path of a batch."""
    flow = Dataflow("beckon")
    batches = op.input("input", flow, source)
    by_partition = op.key_on("partition", batches, key_of)
    reports = op.stateful_batch("lane", by_partition, lambda _: LaneLogic(lanes, failure))
    seen = op.key_rm("report", reports)
    op.output("watch", seen, sink)
    return flow


def key_of(batch: Batch) -> str:
    """The key of a batch's lane.

    Bytewax places a key by a fixed hash of its text; with these words the lanes 0 to 3 lie evenly on 2 workers and more of them on 4, with
    bare numbers all four on one.
    """
    return f"beckon lane {batch.partition}"


@contextmanager
def no_collections() -> Iterator[None]:
    """Keeps Python's cycle collector off while the job runs.

    The persons kept decoded are hundreds of thousands of containers that live on; looking through them again and again for cycles cost a
    third of the time. The path of a batch makes no cycles, so reference counts free all that it makes.
    """
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
