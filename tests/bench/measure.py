"""What a program costs: wall time, CPU time of all its threads and children, from its start to its end; and the command of Beckon."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".cache" / "bench"

Command = Sequence[str | Path]


class BenchError(Exception):
    """A benchmark that cannot go on, in words."""


@dataclass(frozen=True)
class Cost:
    """`cpu_s` is user and system time."""

    wall_s: float
    cpu_s: float


def run(commands: Sequence[Command], log: Path) -> Cost:
    """The cost of these commands, started together; wall time ends with the last of them. Their output goes to `log`.

    BenchError with the end of it where one fails.
    """
    with log.open("ab") as out:
        began = time.perf_counter()
        started = [start(command, out.fileno()) for command in commands]
        used_s, failed = 0.0, False
        for process in started:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            failed = failed or process.returncode != 0
            used_s += usage.ru_utime + usage.ru_stime
        wall_s = time.perf_counter() - began
    if failed:
        tail = log.read_text(errors="replace")[-3000:]
        raise BenchError(
            f"{' '.join(map(str, commands[0]))}\nended with {[process.returncode for process in started]}; its output ends:\n{tail}"
        )
    return Cost(wall_s, used_s)


def start(command: Command, out: int) -> subprocess.Popen[bytes]:
    """A process of this command, in the project's folder, with all its output to the file descriptor `out`."""
    return subprocess.Popen(list(command), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def memory_kb(pid: int) -> tuple[int, int]:
    """The resident memory of a running process, now and at its peak; zeros where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0, 0
    # A process that has ended and waits to be reaped has no memory lines. What `wait4` tells of it would count its parent's memory too.
    found = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name in ("VmRSS", "VmHWM")}
    return found.get("VmRSS", 0), found.get("VmHWM", 0)


def beckon(
    plan: Path, brokers: str, topic: str, state: Path, *, until_ms: int | None = None, partitions: Sequence[int] | None = None
) -> Command:
    """The command `beckon run` on Kafka: bounded with `until_ms`, live without; `partitions` None takes all."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "flows.cli",
        "run",
        "--plan",
        plan,
        "--kafka",
        brokers,
        "--topic",
        topic,
        "--state",
        state,
    ]
    if until_ms is not None:
        until = datetime.fromtimestamp(until_ms // 1000, UTC)
        command += ["--until", f"{until:%Y-%m-%dT%H:%M:%S}.{until_ms % 1000:03d}Z"]
    if partitions is not None:
        command += ["--partitions", ",".join(map(str, partitions))]
    return command


def replay(plan: Path, file: Path, output: Path) -> Command:
    """The command `beckon replay` over a file, in temporary scratch."""
    return [sys.executable, "-m", "flows.cli", "replay", "--plan", plan, "--input", file, "--output", output]
