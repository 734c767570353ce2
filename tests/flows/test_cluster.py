"""A cluster of two processes on a real broker: it stops as one, fails as one in words, and can be left while it comes together."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.command import ended, plan_folder, start, until
from tests.kafka_broker import Broker, free_ports

Start = Callable[[int], "subprocess.Popen[bytes]"]


@pytest.fixture
def member(tmp_path: Path, broker: Broker, plan_name: str, topics: Callable[..., str]) -> Iterator[Start]:
    """Starts the process of this number."""
    plan_folder(tmp_path / "plan", topics(4))
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(2))
    started: list[subprocess.Popen[bytes]] = []

    def begin(number: int) -> subprocess.Popen[bytes]:
        options = ("--state", "state", "--addresses", addresses, "--process-id", number)
        started.append(start("run", "--plan", "plan", "--kafka", broker.address, *options, cwd=tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def joined(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits until all four lanes are open, so that both processes are at work."""
    until(lambda: all((folder / "state" / f"lane-{lane}" / "CURRENT").exists() for lane in range(4)), process)


def sentences(text: str) -> list[str]:
    """What is for people on standard error: neither logs, nor what Bytewax says of its connections."""
    return [line for line in text.splitlines() if not line.startswith(("{", "worker "))]


def test_it_stops_when_all_were_told_to(member: Start, tmp_path: Path) -> None:
    processes = [member(0), member(1)]
    joined(tmp_path, processes[0])
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        done = ended(process)
        assert (done.returncode, done.stdout) == (0, "")
        assert [line.startswith("beckon: stopped: 0 events") for line in sentences(done.stderr)] == [True]


def test_where_one_is_killed_the_other_ends_in_words(member: Start, tmp_path: Path) -> None:
    first, second = member(0), member(1)
    joined(tmp_path, first)
    second.kill()
    done = ended(first)
    assert (done.returncode, done.stdout) == (3, "")
    [sentence] = sentences(done.stderr)
    assert sentence.startswith("beckon: another process of the cluster has ended")


def test_where_one_fails_it_says_why_and_the_other_ends_too(member: Start, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    for lane in range(4):
        (tmp_path / "state" / f"lane-{lane}").write_text("no folder", encoding="utf-8")
    done = [ended(process) for process in (member(0), member(1))]
    assert [each.returncode for each in done] == [3, 3]
    assert any("state/lane-" in sentence for each in done for sentence in sentences(each.stderr))
    assert all(len(sentences(each.stderr)) == 1 for each in done)


def test_one_that_waits_for_the_others_can_be_stopped(member: Start) -> None:
    process = member(1)
    assert process.stderr is not None
    assert json.loads(process.stderr.readline())["event"] == "waiting for the other processes of the cluster"
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert (done.returncode, done.stdout) == (0, "")
    assert "stopped before the cluster had come together" in done.stderr
