"""The real command `beckon`, made to die at a step of its commit: `job.py [--die STEP:K] [--batch N] [--fill-events N] [--no-offset-filter]
run ...`.

`--die after_write:3` ends the process, as `kill -9` does, when it reaches that step for the third time, whichever of its lanes is there.
`--batch` sets how many records a batch has at most, so that a short stream has many of them; `--fill-events` how many kept events a step
of a fill reads, so that there is time to kill it. `--no-offset-filter` breaks the engine on purpose: records that were applied are applied
again when they come again.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import flows.launch
from flows import cli
from flows.connectors import kafka_source
from operators.lane import fill
from operators.lane.lane import Lane
from operators.lane.ports import Batch
from schemas.counts import Counts


def dying_at(step: str, count: int) -> Callable[[str], None]:
    """A failpoint; lanes and publishers reach it from their own threads."""
    times = itertools.count(1)

    def reached(name: str) -> None:
        if name == step and next(times) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def without_offset_filter() -> None:
    """Lets every lane believe that the records of a batch are new to it."""
    apply = Lane.apply

    def apply_anyway(lane: Lane, batch: Batch) -> Counts:
        if batch.records:
            lane._meta.offset = batch.records[0][0] - 1
        return apply(lane, batch)

    Lane.apply = apply_anyway  # type: ignore[method-assign, assignment]  # it is what the option is for


def main() -> None:
    """Takes its own options off and runs the command with the others."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--die", default="")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--fill-events", type=int)
    parser.add_argument("--no-offset-filter", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.die:
        step, _, count = options.die.partition(":")
        flows.launch.kafka_job = partial(flows.launch.kafka_job, reached=dying_at(step, int(count)))
    if options.batch:
        kafka_source.MAX_BATCH_RECORDS = options.batch  # type: ignore[attr-defined]  # the name as that module has it
    if options.fill_events:
        fill.MOST_EVENTS = options.fill_events
    if options.no_offset_filter:
        without_offset_filter()
    sys.argv = ["beckon", *options.command]
    cli.main()


if __name__ == "__main__":
    main()
