"""Runs: through the real command as a process, and through the flow with sources in memory."""

from __future__ import annotations

import gzip
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cluster import Cluster
from flows.connectors.memory import MemoryOutput, MemoryPublisher, MemorySource, numbered
from flows.plan_folder import open_plan
from flows.run import Job, run
from flows.totals import Report
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.plan.checked import Plan
from schemas.errors import UnavailableError
from tests.command import beckon, ended, events, lines, outputs, plan_folder, start, until, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, and events of 40 persons in `events.jsonl`."""
    plan_folder(tmp_path / "plan")
    write_lines(tmp_path / "events.jsonl", events(40, 50))
    return tmp_path


@pytest.fixture
def plan(folder: Path) -> Plan:
    return open_plan(folder / "plan")


def whole(folder: Path) -> dict[str, list[bytes]]:
    """The output of an undisturbed run over `events.jsonl`."""
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--output", "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    return outputs(folder / "whole")


def one_sentence(text: str) -> str:
    """The sentence that is all of standard error."""
    assert text.startswith("beckon: "), text
    assert text.count("\n") == 1, text
    return text.removeprefix("beckon: ")


# Through the command


def test_a_file_run_says_what_it_did_in_one_line(folder: Path) -> None:
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "2,040 events in" in one_sentence(done.stderr)
    assert " 40 persons, " in done.stderr
    assert "\x1b" not in done.stderr
    assert lines(folder / "out", "triggers") != []
    assert (folder / "out" / "state" / "lane-0").is_dir()


def test_json_says_the_same_to_programs(folder: Path) -> None:
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--json", cwd=folder)
    did = json.loads(done.stdout)
    assert (did["events"], did["persons"], did["ended"], did["stopped"]) == (2040, 40, True, False)
    assert did["offsets"] == {"0": 2039}
    assert did["triggers"] == {"look": len(lines(folder / "out", "triggers"))}
    assert sum(sum(kinds.values()) for kinds in did["transitions"].values()) == len(lines(folder / "out", "transitions"))


@pytest.mark.parametrize("kind", ["stdin", "gz", "folder"])
def test_the_same_events_give_the_same_output(folder: Path, kind: str) -> None:
    data = (folder / "events.jsonl").read_bytes()
    given = "-"
    if kind == "gz":
        given = "events.jsonl.gz"
        (folder / given).write_bytes(gzip.compress(data))
    elif kind == "folder":
        given = "days"
        (folder / given).mkdir()
        half = data.index(b"\n", len(data) // 2) + 1
        (folder / given / "a.jsonl").write_bytes(data[:half])
        (folder / given / "b.jsonl").write_bytes(data[half:])
    done = beckon("run", "--plan", "plan", "--input", given, cwd=folder, stdin=data if kind == "stdin" else b"")
    assert done.returncode == 0, done.stderr
    assert whole(folder) == outputs(folder / "out")


def test_running_again_adds_nothing(folder: Path) -> None:
    before = whole(folder)
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--output", "whole", "--json", cwd=folder)
    assert (done.returncode, json.loads(done.stdout)["events"]) == (0, 0)
    assert before == outputs(folder / "whole")


def test_until_leaves_out_what_is_later(folder: Path) -> None:
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--until", "2026-01-02", "--json", cwd=folder)
    did = json.loads(done.stdout)
    # 40 sign-ups, and 24 of 50 rounds on the first day.
    assert (did["events"], did["after_until"]) == (40 + 24 * 40, 26 * 40)
    times = [json.loads(line)["time"] for line in lines(folder / "out", "transitions")]
    assert max(times) <= "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_stops_cleanly_and_the_next_run_goes_on(folder: Path, by: signal.Signals) -> None:
    data = (folder / "events.jsonl").read_bytes()
    half = data.index(b"\n", len(data) // 2) + 1
    process = start("run", "--plan", "plan", "--input", "-", "--json", cwd=folder)
    assert process.stdin is not None
    process.stdin.write(data[:half])
    process.stdin.flush()
    # The rest of the input never comes, so the run is in its middle when the signal does.
    until(lambda: len(lines(folder / "out", "transitions")) > 100, process)
    process.send_signal(by)
    done = ended(process)
    did = json.loads(done.stdout)
    assert (done.returncode, did["stopped"], did["ended"]) == (0, True, False)
    assert one_sentence(done.stderr).startswith("stopped: ")
    # What was read is whole: applied, durable and published, no more and no less.
    assert did["offsets"]["0"] + 1 == did["events"]
    assert sum(sum(kinds.values()) for kinds in did["transitions"].values()) == len(lines(folder / "out", "transitions"))
    again = beckon("run", "--plan", "plan", "--input", "-", "--json", cwd=folder, stdin=data)
    assert json.loads(again.stdout)["events"] == 2040 - did["events"]
    assert whole(folder) == outputs(folder / "out")


def test_follow_takes_up_what_is_added_and_stops_while_it_waits(folder: Path) -> None:
    expected, records = whole(folder)["transitions"], events(40, 50)
    growing = write_lines(folder / "growing.jsonl", records[:1000])
    process = start("run", "--plan", "plan", "--input", "growing.jsonl", "--follow", cwd=folder)
    until(lambda: lines(folder / "out", "triggers") != [], process)
    with growing.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in records[1000:])
    until(lambda: len(lines(folder / "out", "transitions")) > 0.9 * len(expected), process)
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert done.returncode == 0
    assert one_sentence(done.stderr).startswith("stopped: 2,040 events")
    # Without an end of the input the last windows are still open; all else is there, in its order.
    got = lines(folder / "out", "transitions")
    assert expected[: len(got)] == got[: len(expected)]


def test_a_state_in_use_is_one_sentence_and_3(folder: Path) -> None:
    process = start("run", "--plan", "plan", "--input", "events.jsonl", "--follow", cwd=folder)
    until(lambda: lines(folder / "out", "triggers") != [], process)
    second = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--output", "other", "--state", "out/state", cwd=folder)
    assert second.returncode == 3
    assert "in use" in one_sentence(second.stderr)
    process.send_signal(signal.SIGTERM)
    assert ended(process).returncode == 0


def test_an_error_in_the_middle_is_one_sentence_and_3(folder: Path) -> None:
    process = start("run", "--plan", "plan", "--input", "events.jsonl", "--follow", cwd=folder)
    until(lambda: lines(folder / "out", "triggers") != [], process)
    (folder / "events.jsonl").write_bytes(b"{}\n")
    done = ended(process)
    assert (done.returncode, done.stdout) == (3, "")
    assert "events.jsonl" in one_sentence(done.stderr)


def test_a_state_of_another_plan_is_one_sentence_and_3(folder: Path) -> None:
    whole(folder)
    (folder / "plan" / "plan.yaml").write_text("name: other\nlateness: 10s\n", encoding="utf-8")
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--output", "whole", cwd=folder)
    assert done.returncode == 3
    assert "was made with" in one_sentence(done.stderr)


def test_a_changed_plan_goes_on_with_the_state(folder: Path) -> None:
    before = len(whole(folder)["transitions"])
    segments = "segments:\n  buyers: did('Order Completed')\n  regulars: count('Order Completed', within='30d') >= 10\n"
    (folder / "plan" / "segments.yaml").write_text(segments, encoding="utf-8")
    (folder / "plan" / "campaigns" / "look.yaml").unlink()
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--output", "whole", "--json", cwd=folder)
    did = json.loads(done.stdout)
    assert (done.returncode, did["filled"], did["to_fill"], did["events"]) == (0, 40, 0, 0)
    told, said = done.stderr.splitlines()
    assert {"new": ["regulars"], "changed": [], "gone": ["looking"], "persons": 40}.items() <= json.loads(told).items()
    assert said.endswith(", 40 filled")
    came = [json.loads(line) for line in lines(folder / "whole", "transitions")[before:]]
    assert {(each["data"]["segment"], each["type"].rpartition(".")[2]) for each in came} == {("regulars", "entered"), ("looking", "exited")}
    assert all("plan" in each["data"]["cause"] for each in came)


def test_metrics_are_served_at_the_port_that_is_named(folder: Path) -> None:
    process = start("run", "--plan", "plan", "--input", "events.jsonl", "--follow", "--metrics-port", "0", cwd=folder)
    assert process.stderr is not None
    url = json.loads(process.stderr.readline())["url"]
    until(lambda: 'beckon_events_total{partition="0"} 2040.0' in fetched(url), process)
    assert 'beckon_triggers_total{campaign="look"}' in fetched(url)
    process.send_signal(signal.SIGTERM)
    assert ended(process).returncode == 0


def fetched(url: str) -> str:
    """What is served there, over a connection to this machine."""
    from urllib.request import urlopen

    with urlopen(url, timeout=10) as answer:  # noqa: S310 - the address is that of the process just started
        return str(answer.read().decode())


# Through the flow


def job(plan: Plan, folder: Path, partitions: list[list[dict[str, Any]]], output: MemoryOutput, **more: Any) -> Job:
    """A job over lists of events, one a partition, in batches of 50."""
    given = [numbered([json.dumps(event).encode() for event in part]) for part in partitions]
    source = MemorySource(given, batch_records=50, follow=more.pop("follow", False), stop=more.pop("stop", threading.Event()))
    return Job(
        plan=plan,
        source=source,
        publisher=lambda p: MemoryPublisher(output, p, behind=more.get("behind", 0)),
        state=folder / "state",
        reached=more.get("reached", lambda _: None),
    )


def spread(records: list[dict[str, Any]], partitions: int) -> list[list[dict[str, Any]]]:
    """Persons over partitions, by their numbers."""
    return [[event for event in records if int(event["userId"][1:]) % partitions == part] for part in range(partitions)]


def told(output: MemoryOutput) -> list[bytes]:
    """What was published, in an order of its own, without the lanes' numbers."""
    records = [json.loads(value) for stream in output.streams.values() for _, _, value in stream]
    return sorted(json.dumps({key: value for key, value in record.items() if key != "sequence"}).encode() for record in records)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_output_is_the_same_on_any_number_of_workers(plan: Plan, folder: Path, workers: int) -> None:
    parts = spread(events(40, 50), 4)
    alone, together = MemoryOutput(), MemoryOutput()
    for number, part in enumerate(parts):
        run(job(plan, folder / f"alone-{number}", [part], alone_lane := MemoryOutput()))
        for stream, found in alone_lane.streams.items():
            alone.streams[stream] += found
    totals = run(job(plan, folder / "together", parts, together), cluster=Cluster(workers))
    assert told(alone) == told(together)
    assert (totals.counts().events, totals.counts().persons, totals.counts().ended) == (2040, 40, True)
    assert {part: len(records) - 1 for part, records in enumerate(parts)} == totals.offsets()


def test_four_lanes_lie_evenly_on_two_workers(plan: Plan, folder: Path) -> None:
    on: dict[int, set[int]] = {}

    def watch(report: Report) -> None:
        on.setdefault(threading.get_native_id(), set()).add(report.counts.partition)

    run(job(plan, folder, spread(events(8, 4), 4), MemoryOutput()), watchers=[watch], cluster=Cluster(2))
    assert [len(lanes) for lanes in on.values()] == [2, 2]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_comes_out_as_it_is_and_leaves_nothing_locked(
    plan: Plan, folder: Path, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_step: str) -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(job(plan, folder, spread(events(8, 4), 2), MemoryOutput(), reached=broken), cluster=Cluster(workers))
    for part in (0, 1):
        open_store(folder / "state" / f"lane-{part}").close()
    assert capfd.readouterr() == ("", "")


def test_what_a_crash_left_unpublished_is_published_before_anything_is_read(plan: Plan, folder: Path) -> None:
    records, output, undisturbed = events(8, 12), MemoryOutput(), MemoryOutput()
    run(job(plan, folder / "undisturbed", [records], undisturbed))

    def die(step: str) -> Callable[[str], None]:
        seen: list[str] = []

        def reached(name: str) -> None:
            seen.append(name)
            if name == step and seen.count(step) == 2:
                raise InterruptedError

        return reached

    with pytest.raises(InterruptedError):
        run(job(plan, folder, [records], output, behind=100, reached=die("after_write")))
    assert told(output) == []
    stop = threading.Event()
    # A source that has nothing, and never ends by itself.
    waiting = job(plan, folder, [[]], output, follow=True, stop=stop)
    run(waiting, watchers=[lambda _: stop.set()])
    published = told(output)
    assert published != []
    assert set(published) < set(told(undisturbed))


def test_an_error_of_the_source_comes_out_as_it_is(plan: Plan, folder: Path) -> None:
    class Gone(MemorySource):
        def list_parts(self) -> list[str]:
            raise UnavailableError("gone")

    given = Job(plan=plan, source=Gone([[]]), publisher=lambda p: MemoryPublisher(MemoryOutput(), p), state=folder / "state")
    with pytest.raises(UnavailableError, match=r"^gone$"):
        run(given)


def test_batches_can_cross_from_one_worker_to_another() -> None:
    import pickle

    batch = Batch(1, 2, [(3, None, b"{}")], 4, hint="x")
    assert batch == pickle.loads(pickle.dumps(batch))  # noqa: S301 - our own bytes, as Bytewax sends them between workers


def test_the_garbage_collector_is_left_as_it_was(plan: Plan, folder: Path) -> None:
    import gc

    seen: list[bool] = []
    assert gc.isenabled()
    run(job(plan, folder, [events(2, 2)], MemoryOutput()), watchers=[lambda _: seen.append(gc.isenabled())])
    assert gc.isenabled()
    assert set(seen) == {False}
