"""`Process`: a run of the command in a process of its own, whose standard error is kept to be read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BECKON = (str(Path(sys.executable).with_name("beckon")),)
JOB = (sys.executable, "-m", "tests.crash.job")

PATIENCE_S = 120
"""After so long what has not come to pass will not."""


class Process:
    """A running command; ended with the `with` block at the latest."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._log = log
        self._from = log.stat().st_size if log.exists() else 0
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}
        with log.open("ab") as stderr:
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**environment, "BECKON_LOG_FORMAT": "json"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            return log.read().decode(errors="replace")

    def wait(self) -> int:
        """Its exit code, below 0 for a signal, when it has ended by itself."""
        return self._popen.wait(PATIENCE_S)

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self._popen.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> int:
        """Its exit code after SIGKILL, or that of its own end before."""
        self._popen.kill()
        return self._popen.wait()

    def until(self, holds: Callable[[], bool]) -> None:
        """Asks again and again, each time of a broker or a file, until the answer is yes; AssertionError where the process ends before."""
        for _ in patiently():
            if holds():
                return
            assert self.running, f"ended with {self._popen.returncode} before its time:\n{self.stderr}"


def patiently() -> Iterator[None]:
    """Goes on as long as something is worth waiting for; TimeoutError then."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        yield
    raise TimeoutError(f"waited {PATIENCE_S} s in vain")


def run(command: Sequence[str | Path], log: Path) -> tuple[int, str]:
    """The exit code and the standard error of a command that ends by itself."""
    with Process(command, log) as process:
        return process.wait(), process.stderr
