"""The command `beckon` as a process of its own: run to its end, or started and looked at while it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "deploy" / "shop"
CACHE = ROOT / ".cache" / "data"
WAIT_S = 60


def environment(**more: str) -> dict[str, str]:
    """This environment without settings of Beckon, and with wide lines of help."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "160", "NO_COLOR": "1", **more}


def words(*arguments: object) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "flows.cli", *map(str, arguments)]


def beckon(*arguments: object, cwd: Path, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    done = subprocess.run(words(*arguments), cwd=cwd, input=stdin, env=environment(**env), capture_output=True, timeout=WAIT_S, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*arguments: object, cwd: Path, **env: str) -> subprocess.Popen[bytes]:
    """Starts it, with pipes at its standard input, output and error."""
    pipe = subprocess.PIPE
    return subprocess.Popen(words(*arguments), cwd=cwd, env=environment(**env), stdin=pipe, stdout=pipe, stderr=pipe)


def ended(process: subprocess.Popen[bytes]) -> subprocess.CompletedProcess[str]:
    """What it said, once it has ended; its standard input stays open until then."""
    process.wait(WAIT_S)
    out, err = process.communicate(timeout=WAIT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Waits until something holds; AssertionError where the process ends before, or it takes too long."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert process.poll() is None, ended(process).stderr
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines(folder: Path, stream: str) -> list[bytes]:
    """The whole lines of an output stream."""
    path = folder / f"{stream}.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def outputs(folder: Path) -> dict[str, list[bytes]]:
    """All of an output folder."""
    return {stream: lines(folder, stream) for stream in ("transitions", "triggers", "decisions", "rejects")}


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


def plan_folder(folder: Path, name: str = "tiny") -> Path:
    """A small plan: who viewed without an order within an hour, who ever ordered; a mail to the first, and to whoever signs up."""
    (folder / "campaigns").mkdir(parents=True)
    (folder / "plan.yaml").write_text(f"name: {name}\nlateness: 10s\n", encoding="utf-8")
    (folder / "segments.yaml").write_text(
        "segments:\n"
        "  looking: did('Product Viewed', within='1h') and not did('Order Completed', within='1h')\n"
        "  buyers: did('Order Completed')\n",
        encoding="utf-8",
    )
    (folder / "campaigns" / "look.yaml").write_text("on: enters looking\nre_enter: always\nsteps:\n  - send: look\n", encoding="utf-8")
    return folder


def events(persons: int, each: int) -> list[dict[str, Any]]:
    """Events of a plan like that, in the order of their times: everybody signs up, then views, and orders at every fourth view."""
    made: list[dict[str, Any]] = [
        {
            "type": "identify",
            "messageId": f"i{p}",
            "userId": f"p{p}",
            "timestamp": f"2026-01-01T00:00:{p % 60:02}Z",
            "traits": {"email": f"p{p}@example.com"},
        }
        for p in range(persons)
    ]
    for n in range(each):
        when = f"2026-01-{1 + n // 24:02}T{n % 24:02}:30:00Z"
        for p in range(persons):
            name = "Order Completed" if (n + p) % 4 == 3 else "Product Viewed"
            made.append({"type": "track", "messageId": f"t{p}-{n}", "userId": f"p{p}", "event": name, "timestamp": when})
    return made
