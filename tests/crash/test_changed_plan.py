"""A plan that changes over a state, and changes again, while the process dies at any step: nothing of it is seen in output and state."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from flows.lane_step import lane_folder
from operators.lane.keys import MET, META, OUTBOX, Meta, day_key
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.people import person_of
from operators.lane.ports import Batch
from operators.lane.rocks import open_live
from operators.lane.stats import read_days, read_met
from operators.plan.checked import Plan
from tests.command import events, write_lines
from tests.crash.outcome import State, read_state
from tests.crash.process import BECKON, JOB, Process, run
from tests.dice import Dice, drawn
from tests.drawn_rules import segments
from tests.drawn_streams import lines
from tests.harness import STEPS, Crash, CrashError, make_plan
from tests.strategies import campaigns, plan_settings, readable

# A lane that crashes


@dataclass(frozen=True)
class Turn:
    """What is done next: the plan is changed to that of number `plan`, where one is given, and a batch of so many lines is applied; None
    for `lines` is a step of the fill alone."""

    lines: int | None
    plan: int | None = None


@dataclass
class Run:
    """A lane over a state in memory, with the plans that it has one after the other. `crashes` are to come, in their turns."""

    plans: Sequence[Plan]
    given: Sequence[bytes]
    crashes: set[Crash] = field(default_factory=set)
    behind: int = 0
    store: MemoryStore = field(default_factory=MemoryStore)
    output: MemoryOutput = field(default_factory=MemoryOutput)
    number: int = 0
    place: int = 0

    def go(self, turns: Sequence[Turn]) -> None:
        """All turns, and the end of the input behind them."""
        plan = self.plans[0]
        lane = self.opened(plan)
        for number, turn in enumerate([*turns, Turn(len(self.given))]):
            self.number = number
            if turn.plan is not None:
                lane.close()
                plan = self.plans[turn.plan]
                lane = self.opened(plan)
            ends, commits = number == len(turns), self.meta.commit_no
            while True:
                try:
                    self.do(lane, turn, ends=ends)
                    break
                except CrashError:
                    lane = self.opened(plan)
                    # A batch that is not the last is one write: it is there, or it comes again.
                    if not ends and self.meta.commit_no > commits:
                        break
            self.place += turn.lines or 0
        lane.close()

    def do(self, lane: Lane, turn: Turn, *, ends: bool) -> None:
        if turn.lines is None:
            if lane.filling:
                lane.fill()
            return
        # The source may begin again before what was applied.
        records = [record for record in numbered(self.given[self.place : self.place + turn.lines], self.place) if record[2].strip()]
        lane.apply(Batch(0, min(self.place, lane.offset + 1), records, end=ends))

    def opened(self, plan: Plan) -> Lane:
        return Lane(plan, self.store, MemoryPublisher(self.output, behind=self.behind), reached=self.reached)

    def reached(self, step: str) -> None:
        crash = Crash(self.number, step)
        if crash in self.crashes:
            self.crashes.remove(crash)
            raise CrashError(step)

    @property
    def meta(self) -> Meta:
        raw = self.store.get(META)
        return msgspec.msgpack.decode(raw, type=Meta) if raw is not None else Meta(0, "", "", 0)

    def state(self) -> dict[bytes, Any]:
        """All that is kept, but for the lane's own standing and the outbox; counts as values, which have no order."""
        rows: dict[bytes, Any] = dict(self.store.scan(b"", b"\xff", 1 << 30))
        rows = {key: value for key, value in rows.items() if key[:1] not in (META, OUTBOX)}
        return rows | {MET: read_met(self.store)} | {day_key(number): day for number, day in read_days(self.store)}

    def standing(self) -> dict[str, Any]:
        """The lane's own standing, but for how many writes it took."""
        return {name: value for name, value in msgspec.structs.asdict(self.meta).items() if name != "commit_no"}


def changing_plans(dice: Dice) -> list[Plan]:
    """The first plan and up to three others, with settings of their own; those of one segment id mostly have different rules."""
    made = []
    for _ in range(2 + dice.below(3)):
        rules = segments(dice, 3)
        told = campaigns(dice, list(rules), ())
        for campaign in told.values():
            if campaign["on"].startswith(("enters", "exits")):
                campaign["existing"] = dice.chance(5)
        made.append(make_plan(rules, told, **plan_settings(dice)))
    return made


def turns(dice: Dice, plans: int) -> list[Turn]:
    """Batches and steps of the fill; at some of them the plan changes, or changes back."""
    made = [Turn(1 + dice.below(15))]
    for _ in range(dice.below(10)):
        size, plan = dice.pick((0, 1, 2, 5, None)), dice.pick((None, None, *range(plans)))
        made.append(Turn(size if plan is None else size or 0, plan))
    return made


@dataclass(frozen=True)
class Story:
    """Plans over one state, what is done with them, and where the process dies."""

    plans: list[Plan]
    turns: list[Turn]
    given: list[bytes]
    crashes: list[Crash]
    behind: int

    def __str__(self) -> str:
        return "\n".join([*map(str, self.plans), *map(str, self.turns), *map(str, self.crashes), *map(readable, self.given)])


def story(dice: Dice) -> Story:
    plans = changing_plans(dice)
    order = turns(dice, len(plans))
    crashes = [Crash(dice.below(len(order) + 1), dice.pick(STEPS)) for _ in range(1 + dice.below(5))]
    return Story(plans, order, lines(dice, 25), crashes, dice.below(3))


@pytest.fixture(scope="module", autouse=True)
def short_steps() -> Iterator[None]:
    """A step of the fill reaches one person."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operators.lane.fill.MOST_EVENTS", 1)
        patch.setattr("operators.lane.fill.PAGE", 2)
        yield


@given(drawn(story))
def test_crashes_while_the_plan_changes_are_not_seen(told: Story) -> None:
    quiet, disturbed = Run(told.plans, told.given), Run(told.plans, told.given, set(told.crashes), told.behind)
    quiet.go(told.turns)
    disturbed.go(told.turns)
    assert quiet.output.streams == disturbed.output.streams, told
    assert quiet.state() == disturbed.state(), told
    assert quiet.standing() == disturbed.standing(), told
    assert quiet.meta.fill is None
    records = [record for stream in quiet.output.streams.values() for record in stream]
    ids = Counter(json.loads(value)["id"] for _, _, value in records)
    assert [id for id, times in ids.items() if times > 1] == [], told
    assert sorted(sequence for sequence, _, _ in records) == list(range(1, len(records) + 1))


# A real process


PERSONS = 20_000
OLD = {"buyers": "did('Order Completed')", "looking": "did('Product Viewed', within='1h')"}
NEW = {
    "buyers": "did('Order Completed')",
    "keen": "count('Product Viewed', within='7d') >= 2",
    "looking": "did('Product Viewed', within='2h')",
}
CAMPAIGN = {"on": "enters keen", "existing": True, "steps": [{"send": "hello"}]}


def write_plan(folder: Path, rules: Mapping[str, str], campaign: Mapping[str, Any] | None = None) -> Path:
    (folder / "campaigns").mkdir(parents=True, exist_ok=True)
    (folder / "plan.yaml").write_text("name: changing\n", encoding="utf-8")
    (folder / "segments.yaml").write_text(json.dumps({"segments": dict(rules)}), encoding="utf-8")
    if campaign is not None:
        (folder / "campaigns" / "hello.yaml").write_text(json.dumps(campaign), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an input, and with state and output of the old plan over it; `new` is the changed plan."""
    folder = tmp_path_factory.mktemp("prepared")
    write_lines(folder / "events.jsonl", events(PERSONS, 2))
    write_plan(folder / "old", OLD)
    write_plan(folder / "new", NEW, CAMPAIGN)
    code, stderr = run([*BECKON, "run", "--plan", folder / "old", *paths(folder)], folder / "log")
    assert code == 0, stderr
    return folder


def paths(folder: Path) -> list[str | Path]:
    """Where a run in the folder reads and writes."""
    return ["--input", folder / "events.jsonl", "--output", folder / "out", "--state", folder / "state"]


def filled(folder: Path) -> int:
    """How many persons are brought to the new plan, as far as the state tells."""
    store = open_live(lane_folder(folder / "state", 0))
    try:
        meta = msgspec.msgpack.decode(store.get(META) or b"", type=Meta)
    finally:
        store.close()
    return meta.filled if meta.layout else 0


def outcome(folder: Path) -> tuple[dict[str, bytes], State]:
    """All output files, and the state."""
    return {path.name: path.read_bytes() for path in (folder / "out").glob("*.jsonl")}, read_state(folder / "state", 0)


def killed_at(command: Sequence[str | Path], folder: Path, shares: Sequence[float]) -> None:
    """Starts the command again and again, and kills it when that share of the persons is filled."""
    for share in shares:
        with Process(command, folder / "log") as process:
            process.until(lambda share=share: filled(folder) >= share * PERSONS)  # type: ignore[misc]  # mypy does not see the default
            assert process.kill() == -signal.SIGKILL, process.stderr
        assert filled(folder) < PERSONS


def test_kills_in_the_middle_of_a_fill_are_not_seen_in_output_and_state(prepared: Path, tmp_path: Path) -> None:
    quiet, killed = (Path(shutil.copytree(prepared, tmp_path / name)) for name in ("quiet", "killed"))
    for folder in (quiet, killed):
        command = [*BECKON, "run", "--plan", folder / "new", *paths(folder)]
        if folder is killed:
            killed_at([*JOB, "--fill-events", "500", *command[1:]], folder, (0.001, 0.2, 0.4, 0.6))
        code, stderr = run(command, folder / "log")
        assert code == 0, stderr
    assert outcome(quiet) == outcome(killed)
    keen = sum(person % 4 not in (2, 3) for person in range(PERSONS))
    assert keen == len((quiet / "out" / "triggers.jsonl").read_bytes().splitlines())


def members(state: State) -> dict[str, set[int]]:
    """The numbers of the segments that each person is in."""
    people = [person_of(raw) for key, raw in state.rows.items() if key.startswith(b"p")]
    return {person.id: set(person.members) for person in people if person is not None}


def test_kills_while_events_come_in_lose_nothing_and_double_nothing(prepared: Path, tmp_path: Path) -> None:
    live, always = Path(shutil.copytree(prepared, tmp_path / "live")), tmp_path / "always"
    given = live / "events.jsonl"
    command = [*BECKON, "run", "--plan", live / "new", *paths(live)]
    later = [event | {"messageId": f"later-{n}", "timestamp": "2026-01-01T03:00:00Z"} for n, event in enumerate(events(PERSONS, 1)[-400:])]
    for number, share in enumerate((0.1, 0.3, 0.5, 0.7)):
        with given.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(event)}\n" for event in later[number::4])
        killed_at([*JOB, "--fill-events", "500", *command[1:], "--follow"], live, (share,))
    for folder in (live, always):
        code, stderr = run([*BECKON, "run", "--plan", live / "new", "--input", given, *paths(folder)[2:]], tmp_path / "log")
        assert code == 0, stderr
    assert members(read_state(live / "state", 0)) == members(read_state(always / "state", 0))
    records = [json.loads(line) for path in (live / "out").glob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert sorted(int(record["sequence"]) for record in records) == list(range(1, len(records) + 1))
    assert len({record["id"] for record in records}) == len(records)
    # Whoever enters was out, and whoever exits was in.
    inside: set[tuple[str, str]] = set()
    for record in sorted(records, key=lambda record: int(record["sequence"])):
        if record["type"].startswith("beckon.segment."):
            place = (record["subject"], record["data"]["segment"])
            assert (place in inside) == record["type"].endswith("exited"), record
            inside ^= {place}
    assert len(inside) == sum(map(len, members(read_state(live / "state", 0)).values()))
