"""The lane: the same bytes come out whatever the batches, wherever it is closed or crashes; what was applied or published is so once."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane import lane as module
from operators.lane import timers
from operators.lane.keys import OUTBOX, OUTBOX_END, TIMERS, TIMERS_END
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.people import person_of
from operators.lane.ports import Batch, Progress, Row
from operators.lane.rocks import open_store, read_position
from operators.lane.store import Store
from operators.plan.checked import Plan
from schemas.counts import Counts
from schemas.errors import UnavailableError
from tests.harness import CrashError, make_plan, run_engine

BASE = 1_767_571_200_000
STEPS = ("after_poll", "mid_batch", "before_write", "after_write")
Streams = dict[str, list[tuple[int, str | None, bytes]]]

RULES = {
    "active": 'count("A", within="30s") >= 2',
    "bought": 'did("B", within="1m")',
    "idle": 'since("*") >= "20s"',
    "left": 'did("A", within="40s") and not did("B", within="40s")',
    "long_active": 'in_segment_for("active") > "5s"',
    "old": 'age(trait.born) > "1m"',
    "rich": 'trait.plan == "gold" or last("B", "price") > 5',
}
CAMPAIGNS = {
    "hello": {"on": "enters active", "re_enter": "after 30s", "steps": [{"send": "hello"}]},
    "bye": {"on": "exits left", "re_enter": "always", "steps": [{"send": "bye"}]},
    "order": {"on": "event B where price > 3", "key": "price", "steps": [{"send": "thanks"}]},
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(RULES, CAMPAIGNS, lateness="5s", caps=[{"most": 2, "within": "1m"}], holdout="20%")


def stamp(ms: int) -> str:
    minute, rest = divmod(ms, 60_000)
    return f"2026-01-05T{minute // 60:02d}:{minute % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}Z"


def line(t: int, user: str = "u", name: str = "A", id: str | None = None, type: str = "track", **properties: object) -> bytes:
    record = {"type": type, "event": name, "userId": user, "timestamp": stamp(t), "properties": properties, "traits": properties}
    return json.dumps(record | ({"messageId": id} if id is not None else {})).encode()


def mixed(number: int, persons: int, seed: int = 1) -> list[bytes]:
    """Tracks, pages, identifies, groups, duplicates, late events and rejects of some persons."""
    chance, lines, t = random.Random(seed), list[bytes](), 10_000
    for _ in range(number):
        t += chance.choice((0, 1, 500, 1000, 4000))
        user, when = f"u{chance.randrange(persons)}", max(0, t - chance.choice((0, 0, 0, 0, 2000, 9000, 40_000)))
        kind = chance.randrange(12)
        if kind == 0:
            lines.append(b'{"type": "track", "poison": \xff}')
        elif kind == 1:
            lines.append(line(when, "", "A"))
        elif kind == 2 and lines:
            lines.append(chance.choice(lines))
        elif kind == 3:
            plan = chance.choice(("gold", "tin"))
            lines.append(line(when, user, type="identify", email=f"{user}@example.com", plan=plan, born=BASE + when))
        elif kind == 4:
            lines.append(line(when, user, type=chance.choice(("page", "group"))))
        else:
            lines.append(line(when, user, chance.choice("AAB"), price=chance.randrange(8)))
    return lines


class Driver:
    """A lane over a store that outlives it, driven by a source that goes on where the lane says; `published` is what readers see."""

    def __init__(self, plan: Plan, open_store: Callable[[], Store], *, behind: int = 0, crash: tuple[str, int] | None = None) -> None:
        self.plan, self.open_store, self.behind = plan, open_store, behind
        self.output = MemoryOutput()
        self.crash = crash
        self.steps = itertools.count()
        self.most_persons = 0
        self.lane = self.open()

    def open(self) -> Lane:
        self.store = self.open_store()
        return Lane(self.plan, self.store, MemoryPublisher(self.output, behind=self.behind), reached=self.reached)

    def reached(self, step: str) -> None:
        if self.crash is not None and step == self.crash[0] and next(self.steps) == self.crash[1]:
            self.crash = None
            raise CrashError(step)

    def run(self, lines: Sequence[bytes], sizes: Sequence[int] = (1000,), rewind: int = 0) -> Streams:
        """Everything published for these lines as a bounded input."""
        sizes_left, first = itertools.cycle(sizes), 0
        next_offset, ended = 0, False
        while not ended:
            size = next(sizes_left)
            records: list[tuple[int, int | None, bytes]] = [
                (offset, None, raw) for offset, raw in enumerate(lines[next_offset : next_offset + size], next_offset)
            ]
            end = next_offset + size >= len(lines)
            try:
                ended = self.lane.apply(Batch(0, first, records, end=end)).ended
                next_offset += len(records)
                self.most_persons = max(self.most_persons, len(self.lane._people.hot) + len(self.lane._people.warm))
            except CrashError:
                self.store.close()
                self.lane = self.open()
                first = next_offset = max(0, self.lane.offset + 1 - rewind)
        self.lane.close()
        return self.output.streams


def memory() -> Callable[[], Store]:
    store = MemoryStore()
    return lambda: store


def numbers(streams: Streams) -> list[int]:
    return sorted(sequence for records in streams.values() for sequence, _, _ in records)


def test_the_stream_of_these_tests_has_something_of_everything(plan: Plan) -> None:
    run = run_engine(plan, mixed(400, 12))
    assert {"events", "duplicates", "late", "out_of_order"} <= set(run.counts)
    assert set(RULES) == {transition[3] for transition in run.transitions}
    assert {"trigger", "decision"} == {sending[2] for sending in run.sendings}
    assert {"not_json", "no_id"} == {reason for _, reason in run.rejects}


@pytest.mark.parametrize("backend", ["memory", "rocks"])
@pytest.mark.parametrize("size", [1, 2, 7, 399, 100_000])
def test_the_batches_change_no_byte_of_the_outputs(plan: Plan, tmp_path: Path, size: int, backend: str) -> None:
    lines = mixed(400, 12)
    opened = memory() if backend == "memory" else lambda: open_store(tmp_path / "lane-0")
    found = Driver(plan, opened).run(lines, (size,))
    assert Driver(plan, memory()).run(lines, (50, 3, 120)) == found
    assert list(range(1, len(numbers(found)) + 1)) == numbers(found)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    step=st.sampled_from(STEPS),
    number=st.integers(0, 12),
    rewind=st.integers(0, 20),
    behind=st.integers(0, 3),
)
def test_a_crash_at_any_step_changes_no_byte_of_the_outputs(
    plan: Plan, seed: int, sizes: list[int], step: str, number: int, rewind: int, behind: int
) -> None:
    lines = mixed(80, 5, seed)
    found = Driver(plan, memory(), behind=behind, crash=(step, number)).run(lines, sizes, rewind)
    assert Driver(plan, memory()).run(lines) == found


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_on_disk_changes_no_byte_of_the_outputs(plan: Plan, tmp_path: Path, step: str) -> None:
    lines = mixed(150, 8)
    driver = Driver(plan, lambda: open_store(tmp_path / "lane-0"), behind=2, crash=(step, 4))
    assert Driver(plan, memory()).run(lines) == driver.run(lines, (13,), 5)
    assert driver.crash is None


def test_closing_and_opening_again_anywhere_changes_no_byte_of_the_outputs(plan: Plan) -> None:
    lines = mixed(90, 5)
    expected = run_engine(plan, lines)
    for reopen in range(1, 9):
        found = run_engine(plan, lines, batches=10, reopen=[reopen], rewind=reopen)
        assert expected.published == found.published
        assert expected.counts == found.counts
    assert expected.published == run_engine(plan, lines, batches=1, reopen=range(90)).published


# --- offsets --------------------------------------------------------------------------------------------------------------------------


def batch(first: int, lines: Sequence[bytes], start: int | None = None) -> Batch:
    return Batch(0, first if start is None else start, [(offset, None, raw) for offset, raw in enumerate(lines, first)])


def test_what_is_applied_is_skipped_when_it_comes_again(plan: Plan) -> None:
    lane = Lane(plan, MemoryStore(), MemoryPublisher(MemoryOutput()))
    lines = [line(1000 * number, id=f"m{number}") for number in range(6)]
    assert seen(lane.apply(batch(0, lines[:4])), lane) == (4, 0, 3)
    assert seen(lane.apply(batch(0, lines[:4])), lane) == (0, 4, 3)
    assert seen(lane.apply(batch(1, lines[1:])), lane) == (2, 3, 5)
    assert seen(lane.apply(batch(2, [line(9000)])), lane) == (0, 1, 5)


def seen(counts: Counts, lane: Lane) -> tuple[int, int, int]:
    assert counts.offset == lane.offset
    return counts.events, counts.replayed, lane.offset


def test_rejects_and_events_after_until_move_the_offset_on(plan: Plan) -> None:
    lane = Lane(plan, MemoryStore(), MemoryPublisher(MemoryOutput()), until_ms=BASE + 5000)
    counts = lane.apply(batch(0, [b"no", line(5000), line(5001), b"no"]))
    assert (lane.offset, counts.events, counts.after_until, dict(counts.rejects)) == (3, 1, 1, {"not_json": 2})


@pytest.mark.parametrize("start", [5, 6, 1000])
def test_a_gap_before_a_batch_is_refused_and_nothing_is_applied(plan: Plan, start: int) -> None:
    store = MemoryStore()
    lane = Lane(plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(batch(0, [line(0), line(1), line(2), line(3)]))
    before = store.scan(b"", b"\xff", 1000)
    with pytest.raises(UnavailableError, match=rf"partition 0: the state has applied offset 3, but reading began at {start}"):
        lane.apply(batch(start, [line(9)]))
    assert before == store.scan(b"", b"\xff", 1000)


def test_offsets_may_leave_gaps_within_what_was_asked_for(plan: Plan) -> None:
    """A compacted topic, or one with transactions, has offsets that no record has."""
    lane = Lane(plan, MemoryStore(), MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 0, [(3, None, line(0)), (7, None, line(1))]))
    assert lane.apply(Batch(0, 8, [(12, None, line(2))])).events == 1
    assert lane.apply(Batch(0, 8, [(12, None, line(2)), (20, None, line(3))])).events == 1
    assert lane.offset == 20


def test_the_position_of_a_state_is_read_beside_the_running_lane(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "lane-0"
    assert read_position(path) == (-1, "")
    lane = Lane(plan, open_store(path), MemoryPublisher(MemoryOutput()))
    assert read_position(path) == (-1, "")
    records: list[tuple[int, int | None, bytes]] = [(4, None, line(0))]
    lane.apply(Batch(0, 0, records, hint="file:17"))
    assert (4, "file:17") == read_position(path) == (lane.offset, lane.hint)
    lane.apply(Batch(0, 0, [], hint="elsewhere", end=True))
    assert read_position(path) == (4, "file:17")
    lane.close()
    assert read_position(path) == (4, "file:17")


# --- outbox ---------------------------------------------------------------------------------------------------------------------------


class Recorder:
    """A publisher that keeps what it was given, and publishes only when told to."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.given: list[tuple[Row | None, int]] = []
        self.events: list[str] = []

    def open(self) -> Progress:
        self.events.append("open")
        return self.progress

    def put(self, row: Row | None, offset: int) -> None:
        self.events.append("put")
        self.given.append((row, offset))

    @property
    def published(self) -> int:
        return self.progress.sequence

    def wait(self) -> None:
        self.events.append("wait")
        for row, offset in self.given:
            self.progress = Progress(row.last if row is not None else self.progress.sequence, offset)

    def close(self) -> None:
        self.events.append("close")


def outbox(store: Store) -> list[bytes]:
    return [key for key, _ in store.scan(OUTBOX, OUTBOX_END, 1000)]


def test_rows_stay_in_the_outbox_until_they_are_published_and_are_given_again_in_order(plan: Plan) -> None:
    store, first = MemoryStore(), Recorder(Progress())
    lane = Lane(plan, store, first)
    for number in range(4):
        lane.apply(batch(number, [b"poison"]))
    assert ["open", "wait", *["put"] * 4] == first.events
    assert len(outbox(store)) == 4
    second = Recorder(Progress(2, 1))  # the crash came after two rows were published
    lane = Lane(plan, store, second)
    assert ["open", *["put"] * 4, "wait"] == second.events
    assert [(row.first, row.outputs) for row, _ in first.given if row] == [(row.first, row.outputs) for row, _ in second.given if row]
    assert Progress(4, 3) == second.progress
    lane.apply(batch(4, [line(0, name="none")]))
    assert outbox(store) == []
    lane.close()
    assert second.events[-2:] == ["wait", "close"]


def test_a_batch_without_output_tells_the_offset_alone() -> None:
    plan, publisher = make_plan({"b": 'did("B")'}), Recorder(Progress())
    lane = Lane(plan, MemoryStore(), publisher)
    lane.apply(batch(0, [line(0), line(1)]))
    assert publisher.given == [(None, 1)]


@pytest.mark.parametrize("behind", [0, 1, 5, 1000])
def test_what_was_written_and_not_published_at_a_crash_is_published_once(plan: Plan, behind: int) -> None:
    lines = mixed(120, 6)
    driver = Driver(plan, memory(), behind=behind, crash=("after_write", 7))
    assert Driver(plan, memory()).run(lines) == driver.run(lines, (11,))
    assert driver.crash is None


@pytest.mark.parametrize("progress", [Progress(3, 0), Progress(0, 5), Progress(100, 100)])
def test_a_state_that_went_backwards_is_refused(plan: Plan, progress: Progress) -> None:
    store = MemoryStore()
    Lane(plan, store, Recorder(Progress())).apply(batch(0, [b"poison", b"poison"]))
    Lane(plan, store, Recorder(Progress(2, 1)))
    with pytest.raises(UnavailableError, match=r"the state went backwards: .* restore the newest state"):
        Lane(plan, store, Recorder(progress))
    with pytest.raises(UnavailableError, match="the state went backwards"):
        Lane(plan, MemoryStore(), Recorder(progress))


def test_an_older_lane_cannot_publish_after_a_newer_one_has_opened(plan: Plan) -> None:
    output, store = MemoryOutput(), MemoryStore()
    older = Lane(plan, store, MemoryPublisher(output, behind=1))
    older.apply(batch(0, [b"poison"]))
    newer = Lane(plan, store, MemoryPublisher(output))
    with pytest.raises(UnavailableError, match="a newer run has taken over"):
        older.apply(batch(1, [b"poison"]))
    newer.close()
    assert numbers(output.streams) == [1]


# --- time -----------------------------------------------------------------------------------------------------------------------------


def test_a_live_lane_that_is_idle_lets_the_watermark_follow_the_clock(plan: Plan) -> None:
    output = MemoryOutput()
    lane = Lane(plan, MemoryStore(), MemoryPublisher(output))
    lane.apply(batch(0, [line(0), line(0, id="m")]))
    before = len(numbers(output.streams))
    # `active` ends 30 s after the events; the watermark stays 5 s behind the clock, and a boundary is due when it has passed.
    for wall, more in ((34_000, 0), (35_000, 0), (35_001, 1)):
        transitions = lane.apply(Batch(0, 0, [], wall_ms=BASE + wall, idle=True)).transitions
        assert more == transitions["active", "exited"]
    assert before < len(numbers(output.streams))
    assert lane.apply(Batch(0, 0, [], wall_ms=BASE, idle=True)).watermark_ms == BASE + 30_001


def test_an_idle_lane_without_any_event_keeps_time_too(plan: Plan) -> None:
    lane = Lane(plan, MemoryStore(), MemoryPublisher(MemoryOutput()))
    assert lane.apply(Batch(0, 0, [], wall_ms=BASE + 60_000, idle=True)).watermark_ms == BASE + 55_000
    assert lane.apply(batch(0, [line(0)])).late == 1
    assert lane.apply(Batch(0, 0, [], end=True)).ended


@pytest.mark.parametrize("before", [[], [line(0, "w")]], ids=["no event before", "an event before"])
def test_behind_the_watermark_of_an_idle_lane_the_batches_change_no_byte_either(plan: Plan, before: list[bytes]) -> None:
    """What is due at once comes out with the event that brought it, not with the next batch."""
    published = []
    lines = [line(number * 1000, f"u{number % 3}", "AAB"[number % 3]) for number in range(1, 12)]
    for size in (1, 4, 100):
        output = MemoryOutput()
        lane = Lane(plan, MemoryStore(), MemoryPublisher(output))
        lane.apply(batch(0, before))
        lane.apply(Batch(0, 0, [], wall_ms=BASE + 3_600_000, idle=True))
        for first in range(0, len(lines), size):
            lane.apply(batch(len(before) + first, lines[first : first + size]))
        lane.close()
        published.append(output.streams)
    assert published[0] == published[1] == published[2]


@pytest.mark.parametrize(("until", "exits"), [(29_999, 0), (30_000, 1), (30_001, 1)])
def test_the_end_of_a_bounded_input_counts_boundaries_up_to_and_including_it(plan: Plan, until: int, exits: int) -> None:
    lane = Lane(plan, MemoryStore(), MemoryPublisher(MemoryOutput()), until_ms=BASE + until)
    lines = [line(0), line(0, id="m"), line(40_000, "v")]
    counts = lane.apply(Batch(0, 0, [(offset, None, raw) for offset, raw in enumerate(lines)], end=True))
    assert (exits, 1) == (counts.transitions["active", "exited"], counts.after_until)


def test_the_watermark_goes_by_records_not_by_batches(plan: Plan) -> None:
    """An event is late by the records before it, also by those of its own batch."""
    lines = [line(0), line(60_000, "v"), line(54_999), line(55_000, "w")]
    for size in (1, 4):
        assert run_engine(plan, lines, batches=size).counts["late"] == 1


# --- memory ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PERSONS", 4)
    monkeypatch.setattr(timers, "_FRONT", 3)


@pytest.mark.parametrize("size", [1, 5])
def test_persons_in_memory_are_bounded_and_the_outputs_the_same(
    plan: Plan, size: int, few_persons: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = mixed(300, 60)
    driver = Driver(plan, memory())
    found = driver.run(lines, (size,))
    assert driver.most_persons <= 2 * 4 + 2 * (size + 4)
    monkeypatch.setattr(module, "MOST_PERSONS", 20_000)
    assert Driver(plan, memory()).run(lines) == found


def crowd(persons: int) -> list[bytes]:
    """Persons that all have a boundary at about the same time, then one event that lets it pass, and some that do not move time on."""
    lines = [line(number % 7, f"u{number}", "B") for number in range(persons)]
    lines += [line(5, f"u{number}", type="identify", email="a@example.com") for number in range(0, persons, 2)]
    lines += [line(100_000, "last"), line(99_000, "u3", "B"), line(99_000, "u4"), line(99_500, "new", "B")]
    return lines


CROWDED = [*((step, number) for step in ("before_write", "after_write") for number in range(0, 24, 3)), ("mid_batch", 3), ("after_poll", 4)]


@pytest.mark.parametrize("size", [1, 16, 1000])
@pytest.mark.parametrize("crash", CROWDED, ids=lambda crash: f"{crash[0]}-{crash[1]}")
def test_a_crash_between_the_commits_of_one_pass_over_many_timers_changes_no_byte(
    plan: Plan, crash: tuple[str, int], size: int, few_persons: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = crowd(30)
    found = Driver(plan, memory(), crash=crash).run(lines, (size,), 2)
    monkeypatch.setattr(module, "MOST_PERSONS", 20_000)
    assert Driver(plan, memory()).run(lines) == found


@pytest.mark.parametrize("number", range(0, 24, 2))
def test_a_crash_between_the_commits_of_the_last_pass_changes_no_byte(
    plan: Plan, number: int, few_persons: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [*crowd(30)[:-4], line(100_000, "last")]
    found = Driver(plan, memory(), crash=("after_write", number)).run(lines, (1000,))
    monkeypatch.setattr(module, "MOST_PERSONS", 20_000)
    assert Driver(plan, memory()).run(lines) == found


def test_a_pass_over_many_timers_is_written_in_parts(plan: Plan, few_persons: None) -> None:
    """So that neither the batch nor the memory grows with the number of persons."""
    rows: list[int] = []
    publisher = Recorder(Progress())

    def reached(step: str) -> None:
        if step == "before_write":
            rows.append(len(lane._people.touched))

    lane = Lane(plan, MemoryStore(), publisher, reached=reached)
    lane.apply(batch(0, crowd(60)[:60]))
    rows.clear()
    lane.apply(batch(60, [line(100_000, "last")]))
    assert len(rows) > 10
    assert max(rows) <= 5


def test_much_input_is_written_in_parts(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 5000)
    writes: list[str] = []
    lane = Lane(plan, MemoryStore(), Recorder(Progress()), reached=writes.append)
    lane.apply(batch(0, [line(number, text="x" * 1000) for number in range(30)]))
    assert writes.count("after_write") >= 5
    writes.clear()
    lane.apply(batch(30, [b"x" * 1000 for _ in range(30)]))
    assert writes.count("after_write") >= 5


def test_stale_timers_leave_the_index(plan: Plan, few_persons: None) -> None:
    store = MemoryStore()
    lane = Lane(plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 0, [(offset, None, raw) for offset, raw in enumerate(mixed(200, 10))], end=True))
    lane.apply(Batch(0, 0, [], wall_ms=BASE + 30 * 86_400_000, idle=True))
    armed = {p.id for p in map(person_of, (value for _, value in store.scan(b"p", b"q", 1000))) if p is not None and p.armed is not None}
    assert len(armed) == len(store.scan(TIMERS, TIMERS_END, 1000))


def test_an_output_that_lacks_what_the_state_has_published_is_refused(plan: Plan) -> None:
    store, output = MemoryStore(), MemoryOutput()
    lane = Lane(plan, store, MemoryPublisher(output))
    for number in range(4):
        lane.apply(batch(number, [line(number, f"u{number}")]))
    lane.close()
    with pytest.raises(UnavailableError, match="the output ends at 0, but the state has published up to"):
        Lane(plan, store, MemoryPublisher(MemoryOutput()))
    Lane(plan, store, MemoryPublisher(output)).close()
