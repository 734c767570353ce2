"""The real command `beckon replay`, made to die: `job.py [--die STEP:K] [--batch N] [--checkpoint S] replay ...`.

`--die after_write:3` ends the process, as `kill -9` does, when it reaches that step for the third time. `--batch` sets how many records a
batch has at most, `--checkpoint` how many seconds lie between two checkpoints; with 0 there is one after each batch.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import flows.replay.launch
from flows import cli
from flows.connectors import files_source, kafka_source
from flows.replay.drive import CHECKPOINT_S


def dying_at(step: str, count: int) -> Callable[[str], None]:
    """A failpoint."""
    times = itertools.count(1)

    def reached(name: str) -> None:
        if name == step and next(times) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def main() -> None:
    """Takes its own options off and runs the command with the others."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--die", default="never:1")
    parser.add_argument("--batch", type=int, default=files_source.MAX_BATCH_RECORDS)
    parser.add_argument("--checkpoint", type=float, default=CHECKPOINT_S)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    step, _, count = options.die.partition(":")
    files_source.MAX_BATCH_RECORDS = options.batch
    kafka_source.MAX_BATCH_RECORDS = options.batch  # type: ignore[attr-defined]  # the name as that module has it
    flows.replay.launch.launch = partial(flows.replay.launch.launch, reached=dying_at(step, int(count)), checkpoint_s=options.checkpoint)
    sys.argv = ["beckon", *options.command]
    cli.main()


if __name__ == "__main__":
    main()
