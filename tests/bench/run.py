"""The benchmarks, one command: `make bench`. All programs side by side on this machine, over the same input, with their answers compared.

    a   floor               consume, typed decode, RocksDB get, one WriteBatch a batch of 1,000      (floor.py)
    b   Beckon, one rule    no history, no duplicate check: what the peer does
    b2  the same with both
    c   Quix Streams, one rule, exactly-once                                                          (quix.py)
    d   Beckon, 20 segments, everything on
    d2  the same in two processes, each with half of the partitions
    p   the same over events as they come: neither cleaned nor linked
    i   d, over events with ids as browsers send them: each person is linked once or twice, and its history joins
    e   Beckon, 200 segments, everything on
    replay  `beckon replay` of the same plan over the same events in a file, with its output and report
    memory, latency, fill   (memory.py, latency.py, fill.py)
    duplicates              who a changed profile may be a duplicate of, among 1,000,000 persons (duplicates.py)
    edge                    events over HTTP into Kafka, on one core (edge.py)

Every program is run `--runs` times, in an order that turns round each time, so that drift of the machine hits all the same; the median
counts. Each run is two: on the first 400 records, then on all. The first is what starting and ending costs; the difference of the two, by
the difference of records, is the steady rate and the CPU time an event. Beckon's runs are bounded: they include the time that passes at
the end of the input.

    .venv/bin/python -m tests.bench.run                                        everything, about an hour on two cores
    .venv/bin/python -m tests.bench.run --events 20000 --runs 1 --only b,c     a smoke test
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench import compare, duplicates, edge, fill, latency, memory, peer, plans, topics
from tests.bench.generate import SEED, Shape, cached
from tests.bench.measure import ROOT, WORK, BenchError, Command, Cost, beckon, replay, run
from tests.kafka_broker import Broker

START = 400
"""Records of the run that tells what starting and ending costs."""
MEANS = 500_000
"""Events from which on the figures mean something."""
EXTRAS = ("memory", "latency", "fill", "duplicates", "edge")


@dataclass(frozen=True)
class Program:
    """A program of the table; `plan` is the kind of plan that Beckon runs, None for the others. A `replay` reads the file, and no topic;
    with `browsers` the ids are as these send them."""

    key: str
    title: str
    plan: str | None = None
    processes: int = 1
    replay: bool = False
    browsers: bool = False


PROGRAMS = (
    Program("a", "floor: consume, decode, get, one WriteBatch"),
    Program("b", "Beckon, one rule, no history, no duplicate check", "one_rule"),
    Program("b2", "Beckon, one rule, with both", "one_rule_full"),
    Program("c", "Quix Streams, one rule, exactly-once"),
    Program("d", "Beckon, 20 segments, everything on", "twenty"),
    Program("d2", "the same, two processes", "twenty", 2),
    Program("p", "the same, neither clean nor identify", "twenty_plain"),
    Program("i", "the same, ids as browsers send them", "twenty", browsers=True),
    Program("e", "Beckon, 200 segments, everything on", "two_hundred"),
    Program("replay", "beckon replay, 200 segments, from a file", "two_hundred", replay=True),
)


@dataclass(frozen=True)
class Sample:
    """One run: costs of starting alone and of the whole, and what follows from them."""

    start: Cost
    whole: Cost
    records: int

    @property
    def rate(self) -> float:
        """Steady events a second."""
        return (self.records - START) / max(self.whole.wall_s - self.start.wall_s, 1e-3)

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event, steady."""
        return (self.whole.cpu_s - self.start.cpu_s) / (self.records - START) * 1e6


@dataclass(frozen=True)
class Ask:
    """A figure to reach: `figure` of the medians must be at least (or at most) `bound`."""

    what: str
    needs: tuple[str, ...]
    figure: Callable[[dict[str, dict[str, float]]], float]
    bound: float
    most: bool = False

    def met(self, figure: float) -> bool:
        """Whether the figure reaches the bound."""
        return figure <= self.bound if self.most else figure >= self.bound


ASKS = (
    Ask("b by c, events/s", ("b", "c"), lambda m: m["b"]["rate"] / m["c"]["rate"], 1.6),
    Ask("b2 by c, events/s", ("b2", "c"), lambda m: m["b2"]["rate"] / m["c"]["rate"], 1.1),
    Ask("d by a, events/s", ("d", "a"), lambda m: m["d"]["rate"] / m["a"]["rate"], 0.2),
    Ask("d by c, events/s", ("d", "c"), lambda m: m["d"]["rate"] / m["c"]["rate"], 0.8),
    Ask("e by d, CPU an event", ("e", "d"), lambda m: m["e"]["cpu_us"] / m["d"]["cpu_us"], 2.0, most=True),
    Ask("clean and identify (d by p), CPU an event", ("d", "p"), lambda m: m["d"]["cpu_us"] / m["p"]["cpu_us"], 1.6, most=True),
    Ask("with links (i by p), CPU an event", ("i", "p"), lambda m: m["i"]["cpu_us"] / m["p"]["cpu_us"], 1.6, most=True),
    Ask("two processes by one, events/s", ("d2", "d"), lambda m: m["d2"]["rate"] / m["d"]["rate"], 1.4),
    Ask("memory, ten times the persons by one", ("memory",), lambda m: m["memory"]["ratio"], 1.5, most=True),
    Ask("kill -9 to first commit, s", ("memory",), lambda m: m["memory"]["restart_s"], 10, most=True),
    Ask("explain, ms at ten times the persons, p50", ("memory",), lambda m: m["memory"]["explain_p50_ms"], 200, most=True),
    Ask("event to committed trigger, p50 ms", ("latency",), lambda m: m["latency"]["p50_ms"], 25, most=True),
    Ask("event to committed trigger, p99 ms", ("latency",), lambda m: m["latency"]["p99_ms"], 100, most=True),
    Ask("p99 ms while a changed plan is filled, by usual", ("fill",), lambda m: m["fill"]["ratio"], 2, most=True),
    Ask("duplicate among 1,000,000 persons, p50 ms", ("duplicates",), lambda m: m["duplicates"]["p50_ms"], 5, most=True),
    Ask("duplicate among 1,000,000 persons, p99 ms", ("duplicates",), lambda m: m["duplicates"]["p99_ms"], 5, most=True),
    Ask("edge, events/s in batches of 100", ("edge",), lambda m: m["edge"]["rate"], edge.ASKED),
    Ask("edge, single events/s", ("edge",), lambda m: m["edge"]["singles"], edge.SINGLE_ASKED),
    Ask("edge, p99 ms of a batch at half that rate", ("edge",), lambda m: m["edge"]["p99_ms"], 50, most=True),
    Ask("edge, memory after all events by a tenth", ("edge",), lambda m: m["edge"]["growth"], 1.1, most=True),
)


@dataclass
class Bench:
    """A run of the benchmarks on one broker and one input."""

    broker: Broker
    path: Path
    shape: Shape
    folder: Path
    log: compare.Log = field(init=False)
    expected: list[compare.Change] = field(init=False)
    digests: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Loads the input, whole and its beginning, and folds it for the comparison."""
        self.log = compare.Log.read(self.path)
        self.expected = compare.expected(self.log, self.shape.last_ms)
        for topic, end in (("bench-whole", None), ("bench-start", START)):
            for name, browsers in ((topic, False), (f"{topic}-browsers", True)):
                topics.load(self.broker, topics.create_input(self.broker, name), self.path, end=end, browsers=browsers)

    def sample(self, program: Program, number: int) -> Sample:
        """One run of a program, on the beginning of the input and on the whole."""
        start = self._cost(program, "bench-start", f"bench-{program.key}-{number}-start", START)
        whole = self._cost(program, "bench-whole", f"bench-{program.key}-{number}", self.shape.events)
        return Sample(start, whole, self.shape.events)

    def _cost(self, program: Program, topic: str, name: str, records: int) -> Cost:
        folder = self.folder / name
        folder.mkdir()
        topic += "-browsers" if program.browsers else ""
        if program.plan is not None and not program.replay:
            topics.create_outputs(self.broker, name)
        elif program.key == "c":
            self.broker.create_topic(name, topics.PARTITIONS)
        cost = run(self._commands(program, topic, name, folder, records), folder / "log")
        if records == self.shape.events:
            self._compare(program, name, folder)
        shutil.rmtree(folder)
        return cost

    def _commands(self, program: Program, topic: str, name: str, folder: Path, records: int) -> list[Command]:
        here, state, address = Path(__file__).parent, folder / "state", self.broker.address
        if program.key == "a":
            return [[sys.executable, here / "floor.py", address, topic, state]]
        if program.plan is None:
            return [[peer.python(), here / "quix.py", address, topic, name, state, str(records)]]
        plan = plans.write(program.plan, name, folder / "plan")
        if program.replay:
            return [replay(plan, self._file(records), folder / "out")]
        shares = [range(each, topics.PARTITIONS, program.processes) for each in range(program.processes)]
        return [beckon(plan, address, topic, state, until_ms=self.shape.last_ms, partitions=share) for share in shares]

    def _file(self, records: int) -> Path:
        """The input, or its beginning, as a file."""
        if records == self.shape.events:
            return self.path
        start = self.folder / "start.jsonl"
        if not start.exists():
            with self.path.open("rb") as file:
                start.write_bytes(b"".join(itertools.islice(file, records)))
        return start

    def _compare(self, program: Program, name: str, folder: Path) -> None:
        if program.plan is not None:
            transitions = compare.read(self._transitions(program, name, folder))
            if program.browsers:
                inside = [compare.members(changes) for changes in (self.expected, compare.changes_of(transitions))]
                self._find("" if inside[0] == inside[1] else f"{name}: other members of {compare.SEGMENT} at the end")
                return
            self._find(compare.difference(name, self.expected, compare.changes_of(transitions)))
            digests = compare.digests(transitions)
            before = self.digests.setdefault(program.plan, digests)
            differ = [segment for segment in sorted({*before, *digests}) if before.get(segment) != digests.get(segment)]
            if differ:
                self._find(f"{name}: not the transitions of the first run of this plan, in the segments {', '.join(differ)}")
        elif program.key == "c":
            noticed = compare.noticed(topics.committed(self.broker, name))
            self._find(compare.difference(name, compare.at_events(self.log, self.expected), noticed))

    def _transitions(self, program: Program, name: str, folder: Path) -> Iterable[bytes]:
        if program.replay:
            return (folder / "out" / "transitions.jsonl").read_bytes().splitlines()
        return topics.committed(self.broker, f"{name}.transitions")

    def _find(self, text: str) -> None:
        if text:
            self.findings.append(text)
            print(f"      DIFFERENT: {text}", flush=True)


def rounds(bench: Bench, programs: Sequence[Program], runs: int) -> dict[str, list[Sample]]:
    """All samples by program, round by round, in an order that turns each time."""
    samples: dict[str, list[Sample]] = {program.key: [] for program in programs}
    total, began = len(programs) * runs, time.monotonic()
    for number in range(runs):
        for program in programs[:: -1 if number % 2 else 1]:
            sample = bench.sample(program, number)
            samples[program.key].append(sample)
            done = sum(map(len, samples.values()))
            left_s = (time.monotonic() - began) / done * (total - done)
            print(
                f"[{done:2}/{total}] {program.key:6} {program.title:50} {sample.rate:9,.0f}/s {sample.cpu_us:6.1f} us"
                f"   whole {sample.whole.wall_s:5.1f} s, start {sample.start.wall_s:4.1f} s   about {left_s:3.0f} s to go",
                flush=True,
            )
    return samples


def medians(samples: dict[str, list[Sample]]) -> dict[str, dict[str, float]]:
    """The median of each figure, by program."""
    return {
        key: {
            "rate": statistics.median(each.rate for each in some),
            "cpu_us": statistics.median(each.cpu_us for each in some),
            "whole_rate": statistics.median(each.records / each.whole.wall_s for each in some),
            "start_s": statistics.median(each.start.wall_s for each in some),
        }
        for key, some in samples.items()
    }


def report(programs: Sequence[Program], figures: dict[str, dict[str, float]], smoke: bool) -> list[dict[str, object]]:
    """Prints the tables, and gives what was asked for with its figure; a smoke test is not judged."""
    if programs:
        print(f"\n{'':6} {'program':50} {'events/s':>10} {'us/event':>9} {'by floor':>9} {'by Quix':>8} {'with start':>11}")
    for program in programs:
        mine = figures[program.key]
        by = [f"{mine['rate'] / figures[other]['rate']:.2f}" if other in figures else "-" for other in ("a", "c")]
        rate, cpu_us, whole_rate = mine["rate"], mine["cpu_us"], mine["whole_rate"]
        print(f"{program.key:6} {program.title:50} {rate:10,.0f} {cpu_us:9.1f} {by[0]:>9} {by[1]:>8} {whole_rate:9,.0f}/s")
    print(f"\n{'asked':47} {'':8} {'measured':>9}")
    rows: list[dict[str, object]] = []
    for ask in ASKS:
        if all(need in figures for need in ask.needs):
            figure = ask.figure(figures)
            word = "not judged" if smoke else "met" if ask.met(figure) else "MISSED"
            print(f"{ask.what:47} {'<=' if ask.most else '>='} {ask.bound:5} {figure:9.2f}  {word}")
            rows.append({"asked": ask.what, "bound": ask.bound, "at_most": ask.most, "measured": figure, "verdict": word})
    return rows


def main() -> int:
    """Runs what was asked for; 1 where the answers of the programs differ."""
    asked = arguments()
    only = asked.only.split(",") if asked.only else [program.key for program in PROGRAMS] + list(EXTRAS)
    programs = [program for program in PROGRAMS if program.key in only]
    folder = WORK / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"making the input: {asked.events:,} events of {asked.persons:,} persons", flush=True)
    if asked.events < MEANS:
        print(f"a smoke test: with fewer than {MEANS:,} events rates drown in what starting and ending costs", flush=True)
    path, shape = cached(asked.events, asked.persons, SEED)
    if "c" in only:
        peer.prepare()
    figures: dict[str, dict[str, float]] = {}
    samples: dict[str, list[Sample]] = {}
    findings: list[str] = []
    if programs:
        print("starting Kafka and loading the input", flush=True)
        with Broker(folder / "kafka") as broker:
            bench = Bench(broker, path, shape, folder)
            bench.prepare()
            samples = rounds(bench, programs, asked.runs)
            findings = bench.findings
        figures |= medians(samples)
    if "memory" in only:
        figures["memory"] = memory.measure(asked.events, asked.persons, folder)
    if "latency" in only:
        figures["latency"] = latency.measure(asked.seconds, folder)
    if "fill" in only:
        figures["fill"] = fill.measure(asked.events, asked.persons, asked.runs, folder)
    if "duplicates" in only:
        figures["duplicates"] = duplicates.measure(duplicates.PERSONS if asked.events >= MEANS else asked.persons, folder)
    if "edge" in only:
        figures["edge"] = edge.measure(asked.events, asked.runs, folder)
    rows = report(programs, figures, asked.events < MEANS)
    if programs:
        print("\nthe transitions of all programs agree" if not findings else "\nTHE PROGRAMS DISAGREE:\n" + "\n".join(findings))
    result = {
        "input": asdict(shape),
        "runs": asked.runs,
        "medians": figures,
        "asked": rows,
        "samples": {key: [asdict(each) for each in some] for key, some in samples.items()},
        "disagreements": findings,
    }
    (WORK / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"all figures: {(WORK / 'result.json').relative_to(ROOT)}")
    shutil.rmtree(folder)
    return 1 if findings else 0


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Runs the benchmarks; about an hour for all of them.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--persons", type=int, help="a tenth of the events unless given")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--only", default="", help=f"of {','.join([program.key for program in PROGRAMS] + list(EXTRAS))}, with commas between"
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long latency is measured")
    asked = parser.parse_args()
    asked.persons = asked.persons or asked.events // 10
    unknown = set(filter(None, asked.only.split(","))) - {program.key for program in PROGRAMS} - set(EXTRAS)
    if unknown or asked.events < 10 * START or asked.runs < 1:
        parser.error(
            f"--only knows no {', '.join(sorted(unknown))}" if unknown else f"--events must be at least {10 * START}, --runs at least 1"
        )
    return asked


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(3)
