"""Drives the engine without a dataflow: a plan from texts, a stream in batches, what came out parsed.

A run can close and open the lane again, or crash, in the middle.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.connectors.files_source import LogRecord
from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.lane.store import Store
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from schemas.counts import Counts
from schemas.output import ERASED
from tests.oracle import Line

STEPS = ("after_poll", "mid_batch", "before_write", "after_write")
"""The steps of a lane's commit at which a run can be made to crash."""


COUNTED = ("events", "duplicates", "late", "out_of_order", "clamped", "after_until", "linked", "conflicts", "erased")
"""The counts that oracle and engine both keep; of a batch after whose write the run crashed they are lost."""


class CrashError(Exception):
    """Stands for the end of the process."""


@dataclass(frozen=True)
class Crash:
    """A crash in batch `batch` (from 0) at `step`."""

    batch: int
    step: str


@dataclass
class Run:
    """What the engine made of an input, as the oracle writes it and in the order of the lane's sequence numbers.

    `published` is every output as it stands, by stream; `records` are all of them, decoded; `profiles` what a reader of that stream knows
    of each person in the end. `store` is the state; one on disk is closed.
    """

    transitions: list[Line] = field(default_factory=list)
    sendings: list[Line] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    published: dict[str, list[tuple[int, str | None, bytes]]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    store: Store = field(default_factory=MemoryStore, compare=False)


def make_plan(
    segments: Mapping[str, str],
    campaigns: Mapping[str, Mapping[str, Any]] | None = None,
    computed: Mapping[str, str] | None = None,
    **settings: Any,
) -> Plan:
    """The plan of these rules by id, campaigns by id as their files say, computed values by name, and settings of plan.yaml.

    Raises FindingsError as `read_plan`.
    """
    files = {"plan.yaml": {"name": "test", **settings}, "segments.yaml": {"segments": dict(segments)}}
    files |= {"computed.yaml": {"computed": dict(computed)}} if computed else {}
    files |= {f"campaigns/{id_}.yaml": dict(campaign) for id_, campaign in (campaigns or {}).items()}
    return read_plan({file: json.dumps(value, ensure_ascii=False) for file, value in files.items()})


def run_engine(
    plan: Plan,
    lines: Sequence[bytes],
    *,
    batches: Sequence[int] | int = 1000,
    until_ms: int | None = None,
    log_ms: int | None = None,
    directory: Path | None = None,
    reopen: Collection[int] = (),
    rewind: int = 0,
    crash: Crash | None = None,
    behind: int = 0,
) -> Run:
    """The outcome of a bounded input.

    `batches` are sizes, taken in turn; `log_ms` is the log's time of all records. The state is kept in RocksDB in `directory`, or in memory
    where none is given. The lane is closed and opened again before each batch of `reopen`, and after `crash`; the source then begins
    `rewind` records before the first that is not applied. `behind` is how many rows the publisher holds back. Raises what the lane raises.
    """
    driver = _Driver(plan, until_ms, log_ms, directory, crash, behind)
    sizes = itertools.cycle([batches] if isinstance(batches, int) else list(batches))
    start = 0
    try:
        for number in itertools.count():
            if number in reopen:
                start = driver.open_again(rewind)
            size = next(sizes)
            if driver.apply(lines, start, size):
                start += size
                if start >= len(lines):
                    break
            else:
                start = driver.open_again(rewind, crashed=True)
    finally:
        driver.close()
    run = parsed(driver.output, driver.counts)
    run.store = driver.store
    return run


class _Driver:
    """A lane that is opened, fed and closed; counts of batches that were not written do not count."""

    def __init__(
        self, plan: Plan, until_ms: int | None, log_ms: int | None, directory: Path | None, crash: Crash | None, behind: int
    ) -> None:
        self.plan, self.until_ms, self.log_ms, self.directory, self.crash, self.behind = plan, until_ms, log_ms, directory, crash, behind
        self.output, self.counts, self.applied = MemoryOutput(), Counts(), 0
        self.memory, self.first = MemoryStore(), 0
        self.lane = self.open()

    def open(self) -> Lane:
        self.store: Store = self.memory if self.directory is None else open_store(self.directory)
        publisher = MemoryPublisher(self.output, behind=self.behind)
        return Lane(self.plan, self.store, publisher, until_ms=self.until_ms, reached=self.reached)

    def reached(self, step: str) -> None:
        if self.crash == Crash(self.applied, step):
            self.crash = None
            raise CrashError(step)

    def apply(self, lines: Sequence[bytes], start: int, size: int) -> bool:
        """Hands on one batch; false where the lane crashed in it."""
        # As a source of lines does: blank ones are counted and are no records.
        numbered = enumerate(lines[start : start + size], start)
        records: list[LogRecord] = [(offset, self.log_ms, line) for offset, line in numbered if line.strip()]
        batch = Batch(0, self.first, records, end=start + size >= len(lines))
        try:
            counts = self.lane.apply(batch)
        except CrashError:
            return False
        self.applied += 1
        self.add(counts)
        return True

    def add(self, counts: Counts) -> None:
        for name in ("records", "replayed", "persons", *COUNTED):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(counts, name))
        for name in ("rejects", "transitions", "triggers", "decisions"):
            getattr(self.counts, name).update(getattr(counts, name))

    def open_again(self, rewind: int, *, crashed: bool = False) -> int:
        """Lets the lane go, cleanly or as a crash does, opens it over the same state, and gives the offset to read from."""
        if crashed:
            self.store.close()
        else:
            self.lane.close()
        self.lane = self.open()
        self.first = max(0, self.lane.offset + 1 - rewind)
        return self.first

    def close(self) -> None:
        self.lane.close()


def parsed(output: MemoryOutput, counts: Counts) -> Run:
    """The published records of a lane as the oracle writes them."""
    run = Run(published=output.streams)
    every = sorted((sequence, stream, value) for stream, records in output.streams.items() for sequence, _, value in records)
    assert [sequence for sequence, _, _ in every] == list(range(1, len(every) + 1))
    for _, stream, value in every:
        event = json.loads(value)
        run.records.append(event)
        _PARSERS[stream](run, event)
    run.counts = Counter({name: getattr(counts, name) for name in COUNTED if getattr(counts, name)})
    return run


def _transition(run: Run, event: dict[str, Any]) -> None:
    if event["type"] == ERASED:
        run.transitions.append((milliseconds(event["time"]), event["subject"], "erased", "", ""))
        return
    kind, cause = event["type"].removeprefix("beckon.segment."), event["data"]["cause"]
    by = "time" if cause == {"time": True} else "made" if cause["event"].startswith("made-") else cause["event"]
    run.transitions.append((milliseconds(event["time"]), event["subject"], kind, event["data"]["segment"], by))


def _trigger(run: Run, event: dict[str, Any]) -> None:
    data = event["data"]
    line = (milliseconds(event["time"]), event["subject"], "trigger", data["campaign"], f"{data['template']} to {data['to']['address']}")
    run.sendings.append(line)


def _decision(run: Run, event: dict[str, Any]) -> None:
    data = event["data"]
    run.sendings.append((milliseconds(event["time"]), event["subject"], "decision", data["campaign"], data["reason"]))


def _reject(run: Run, event: dict[str, Any]) -> None:
    run.rejects.append((event["data"]["source"]["offset"], event["data"]["reason"]))


def _profile(run: Run, event: dict[str, Any]) -> None:
    if event["data"] is None:
        run.profiles.pop(event["subject"], None)
    else:
        run.profiles[event["subject"]] = event["data"]


_PARSERS: dict[str, Callable[[Run, dict[str, Any]], None]] = {
    "transitions": _transition,
    "triggers": _trigger,
    "decisions": _decision,
    "rejects": _reject,
    "profiles": _profile,
}


def milliseconds(text: str) -> int:
    """An instant of an output, RFC 3339 with milliseconds and `Z`, in ms since 1970."""
    assert text.endswith("Z")
    assert text[-5] == "."
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def by_person(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines of each person, in their order: between persons none is promised."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line[1]].append(line)
    return dict(found)


def written(lines: Iterable[Line], base_ms: int) -> Iterator[str]:
    """Lines for people, instants as offsets from `base_ms`."""
    for t, *rest in lines:
        yield " ".join((f"{t - base_ms:+d}ms", *rest))
