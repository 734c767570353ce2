"""The peer's own virtual environment, made once from the lock beside this file: Quix Streams wants other versions than the project."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import WORK, BenchError

LOCK = Path(__file__).with_name("requirements.txt")
FOLDER = WORK / "quix"


def python() -> Path:
    """The interpreter of the environment."""
    return FOLDER / "bin" / "python"


def prepare() -> None:
    """Makes the environment, unless it is there as the lock wants it."""
    done = FOLDER / "done"
    wanted = f"{sys.version_info[:2]} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"
    if done.exists() and done.read_text() == wanted:
        return
    print("making the environment of Quix Streams (once)", flush=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip: list[str | Path] = [
        python(),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        LOCK,
    ]
    environment: list[str | Path] = [sys.executable, "-m", "venv", FOLDER]
    for command in (environment, pip):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise BenchError(f"the environment of Quix Streams cannot be made:\n{made.stdout[-1500:]}{made.stderr[-1500:]}")
    done.write_text(wanted)
