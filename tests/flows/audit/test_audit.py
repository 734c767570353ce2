"""The audit over generated runs says what published records and persons say, counted the long way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit.audit import Audit, QualityAudit, make_audit
from flows.audit.lanes import EXAMPLES, read_stores
from flows.connectors.files_source import LogRecord
from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.entries import MOST
from operators.lane.keys import META, Meta
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.stats import read_days
from operators.language.reads import reads_of
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from schemas.errors import UsageError
from tests.audited import DAY_MS, Counted, days_of, entries_of, members_of, persons_of
from tests.harness import STEPS, Crash, Run, make_plan, run_engine

RULES = {
    "browsers": "did('View', within='2d')",
    "quiet": "since('View') >= '36h'",
    "buyers": "did('Order')",
    "often": "count('View', within='10d') >= 3",
    "cheap": "did('Order', where=total < 10)",
    "quoted": "last('View', 'page') == 'home'",
    "gold": "trait.tier == 'gold' and segment('buyers')",
    "blinking": "since('*') < '6h'",
    "never": "did('Refund')",
    "same_as_buyers": "did('Order') and count('Order') >= 1",
}
CAMPAIGNS = {
    "hello": {"on": "enters browsers", "re_enter": "after 3d", "steps": [{"send": "hello"}]},
    "bye": {"on": "exits often", "steps": [{"send": "bye"}]},
    "idle": {"on": "enters never", "steps": [{"send": "idle"}]},
}
BEGIN = datetime(2026, 1, 20, tzinfo=UTC)
PERSONS = ("anna", "bob", "carl", "dora", "<b>eve</b>")


@st.composite
def streams(draw: Any) -> list[bytes]:
    """Events of a few persons over some weeks, mostly in their order."""
    lines, at = [], 0
    for number in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from((0, 1, 5, 9, 20, 30, 60)))
        back = draw(st.sampled_from((0, 0, 0, 0, 7, 50)))
        when = (BEGIN + timedelta(hours=at - back)).isoformat().replace("+00:00", "Z")
        record: dict[str, Any] = {"userId": draw(st.sampled_from(PERSONS)), "messageId": f"m{number}", "timestamp": when}
        kind = draw(st.integers(0, 9))
        if kind == 0:
            traits = {"tier": draw(st.sampled_from(("gold", "tin", None, 5))), "email": draw(st.sampled_from(("a@x.example", None)))}
            record |= {"type": "identify", "traits": traits}
        elif kind < 3:
            record |= {"type": "track", "event": "Order", "properties": {"total": draw(st.sampled_from((5, 50, "5", None)))}}
        else:
            record |= {"type": "track", "event": "View", "properties": {"page": draw(st.sampled_from(("home", "cart", 7)))}}
        lines.append(json.dumps(record).encode())
    return lines


PLAN = make_plan(RULES, CAMPAIGNS, holdout="20%", caps=[{"most": 2, "within": "4d"}])


def audit_of(runs: Sequence[Run], days: int, plan: Plan = PLAN) -> Audit:
    reads = reads_of(plan)
    found = read_stores([run.store for run in runs], plan, reads, days, lambda: False)
    assert found is not None
    return make_audit(plan, reads, found, days)


def expected(run: Run, audit: Audit, days: int) -> dict[str, Any]:
    """What the audit must say of the segments, by id."""
    counted, members = days_of(run), members_of(PLAN, persons_of(run.store))
    window = {datetime.fromisoformat(f"{day}T00:00:00Z").timestamp() * 1000 // DAY_MS for day in audit.days}
    assert len(window) == days
    return {id: segment(id, people, counted, sorted(window), entries_of(run)) for id, people in members.items()}


def segment(id: str, people: set[str], counted: Counted, window: list[float], entries: Counter[tuple[str, str, int]]) -> dict[str, Any]:
    changes = {day: row[0] for day, row in counted.items() if row[0][id, "entered"] or row[0][id, "exited"]}
    grown = {day: row[id, "entered"] - row[id, "exited"] for day, row in changes.items()}
    lately = Counter[str]()
    for (person, entered, day), n in entries.items():
        lately[person] += n if entered == id and day in window else 0
    often = sorted(person for person, n in lately.items() if n >= MOST)
    return {
        "size": len(people),
        "sizes": [sum(n for day, n in grown.items() if day <= end) for end in (window[0] - 1, *window)],
        "entered": sum(row[id, "entered"] for day, row in changes.items() if day in window),
        "exited": sum(row[id, "exited"] for day, row in changes.items() if day in window),
        "entered_ever": sum(row[id, "entered"] for row in changes.values()),
        "exited_ever": sum(row[id, "exited"] for row in changes.values()),
        "last_change": datetime.fromtimestamp(max(changes) * 86_400, UTC).date().isoformat() if changes else None,
        "often": len(often),
        "often_examples": often[:EXAMPLES],
    }


@given(streams(), st.sampled_from((1, 3, 30)), st.builds(Crash, st.integers(0, 6), st.sampled_from(STEPS)))
def test_all_is_as_counted_the_long_way_after_a_crash_too(lines: list[bytes], days: int, crash: Crash) -> None:
    run = run_engine(PLAN, lines, batches=7, crash=crash, rewind=3)
    audit, persons = audit_of([run], days), persons_of(run.store)
    assert audit.persons == len(persons)
    the_segments_are_right(run, audit, days)
    the_pairs_are_right(audit, members_of(PLAN, persons))
    the_counts_by_day_are_right(audit, days_of(run))
    having = {name: sum(p.traits.get(name, [0, None])[1] is not None for p in persons) for name in ("tier", "email")}
    assert {"trait.email": having["email"], "trait.tier": having["tier"]} == {each.trait: each.persons for each in audit.traits}


def the_segments_are_right(run: Run, audit: Audit, days: int) -> None:
    told = {}
    for each in audit.segments:
        told[each.id] = {name: getattr(each, name) for name in each.__struct_fields__ if name not in ("id", "title")}
    assert expected(run, audit, days) == told
    assert [each.id for each in audit.segments] == sorted(told, key=lambda id: (-told[id]["size"], id))


def the_pairs_are_right(audit: Audit, members: dict[str, set[str]]) -> None:
    shared = {frozenset((a, b)): (len(members[a] & members[b]), len(members[a] | members[b])) for a, b in combinations(members, 2)}
    told = {frozenset((pair.a, pair.b)): (pair.both, pair.either) for pair in audit.pairs}
    assert {pair: numbers for pair, numbers in shared.items() if numbers[0]} == told
    for pair in audit.pairs:
        assert pair.jaccard == pair.both / pair.either
        assert (len(members[pair.a]), len(members[pair.b])) == (pair.a_size, pair.b_size)
        assert pair.a_size <= pair.b_size


def the_counts_by_day_are_right(audit: Audit, counted: Counted) -> None:
    window = {datetime.fromisoformat(f"{day}T00:00:00Z").timestamp() * 1000 // DAY_MS for day in audit.days}
    moves, ever, lately = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for day, (_, moved, sendings) in counted.items():
        ever.update(sendings)
        if day in window:
            moves.update(moved)
            lately.update(sendings)
    assert moves == {(move.left, move.entered): move.times for move in audit.moves}
    for each in audit.campaigns:
        assert {"triggered": each.triggers_ever, **each.decisions_ever} == {"triggered": 0} | of(each.id, ever)
        assert {"triggered": each.triggers, **each.decisions} == {"triggered": 0} | of(each.id, lately)


def of(campaign: str, counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {reason: n for (id, reason), n in counts.items() if id == campaign}


@given(streams(), st.integers(1, 4))
def test_lanes_are_added_up(lines: list[bytes], days: int) -> None:
    """Each person on a lane of its own half: what the audit says of both is what it says of a lane that had all of each day."""
    halves = [[line for line in lines if (json.loads(line)["userId"] in PERSONS[:2]) is first] for first in (True, False)]
    runs = [run_engine(PLAN, half) for half in halves if half]
    for partition, run in enumerate(runs):
        renumber(run, partition)
    both = audit_of(runs, days)
    assert both.persons == sum(len(persons_of(run.store)) for run in runs)
    members = [members_of(PLAN, persons_of(run.store)) for run in runs]
    assert {each.id: each.size for each in both.segments} == {id: sum(len(each[id]) for each in members) for id in RULES}
    ever = [audit_of([run], days) for run in runs]
    for name in ("entered_ever", "exited_ever"):
        alone = Counter({each.id: 0 for each in both.segments})
        for audit in ever:
            alone.update({each.id: getattr(each, name) for each in audit.segments})
        assert alone == {each.id: getattr(each, name) for each in both.segments}
    assert both.partitions == list(range(len(runs)))


def renumber(run: Run, partition: int) -> None:
    """Makes a store that of another partition."""
    meta = msgspec.msgpack.decode(run.store.get(META) or b"", type=Meta)
    meta.partition = partition
    writes = run.store.writes()
    writes.put(META, msgspec.msgpack.encode(meta))
    run.store.write(writes)


def test_the_same_partition_twice_is_refused() -> None:
    run = run_engine(PLAN, [b'{"type":"track","event":"View","userId":"u","timestamp":"2026-01-20T00:00:00Z"}'])
    with pytest.raises(UsageError, match="partition 0 is in two of the state folders"):
        audit_of([run, run], 30)


def test_a_state_of_another_plan_is_refused() -> None:
    run = run_engine(PLAN, [b'{"type":"track","event":"View","userId":"u","timestamp":"2026-01-20T00:00:00Z"}'])
    with pytest.raises(UsageError, match="made with the plan test, not with other; give that plan"):
        audit_of([run], 30, replace(PLAN, name="other"))
    changed = make_plan({"a": "did('A')"})
    with pytest.raises(
        UsageError, match=f"the version {PLAN.version} of the plan test, the one given is {changed.version}; give the plan as"
    ):
        audit_of([run], 30, changed)


def test_an_empty_state_has_nothing_to_say() -> None:
    audit = audit_of([run_engine(PLAN, [])], 30)
    assert (audit.at, audit.persons, audit.partitions, audit.pairs, audit.moves) == (None, 0, [0], [], [])
    assert {each.size for each in audit.segments} == {0}


def view(person: int, second: int, **properties: Any) -> bytes:
    stamp = (BEGIN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
    record = {"type": "track", "event": "View", "userId": f"p{person:03}", "messageId": f"{person}-{second}", "timestamp": stamp}
    return json.dumps(record | {"properties": properties}).encode()


def test_persons_of_an_older_layout_are_told_by_it_while_a_changed_plan_reaches_them() -> None:
    before = make_plan({"b_old": "did('View', within='20d')", "c_stay": "did('View')", "a_held": "held(did('View'), at_least='1h')"})
    after = make_plan({"a_new": "did('View', where=page == 'home')", "c_stay": "did('View')", "z_held": "held(did('View'), at_least='1h')"})
    store, output, people = MemoryStore(), MemoryOutput(), 700
    first: list[LogRecord] = [(n, None, view(n, n, page="home" if n % 2 else "cart")) for n in range(people)]
    Lane(before, store, MemoryPublisher(output)).apply(Batch(0, 0, first))
    lane = Lane(after, store, MemoryPublisher(output))
    lane.apply(Batch(0, people, [(people, None, view(0, people))]))
    half = audit_of([Run(store=store)], 30, after)
    left = lane.fill().to_fill
    assert (half.persons, sizes(half)["c_stay"]) == (people, people)
    assert 0 < sizes(half)["a_new"] < people // 2
    while left:
        left = lane.fill().to_fill
    whole = audit_of([Run(store=store)], 30, after)
    assert sizes(whole) == {"a_new": people // 2, "c_stay": people, "z_held": 0}
    old = [row.segments["b_old"] for _, row in read_days(store) if "b_old" in row.segments]
    assert [sum(column) for column in zip(*old, strict=True)] == [people, people]
    assert all(each.size == each.entered - each.exited == each.sizes[-1] for each in whole.segments)
    assert {(each.event, each.property, each.filled) for each in whole.properties} == {("View", None, True), ("View", "page", True)}


def sizes(audit: Audit) -> dict[str, int]:
    return {each.id: each.size for each in audit.segments}


def test_no_size_is_below_nothing_after_somebody_was_erased() -> None:
    when = {"messageId": "e", "timestamp": "2026-01-21T00:00:00Z"}
    erased = json.dumps({"type": "erase", "userId": "p001", **when}).encode()
    audit = audit_of([run_engine(PLAN, [view(1, 0), erased])], 3)
    assert sizes(audit)["browsers"] == 0
    assert {size for each in audit.segments for size in each.sizes} == {0}


def test_a_halted_reading_gives_nothing() -> None:
    run = run_engine(PLAN, [b'{"type":"track","event":"View","userId":"u","timestamp":"2026-01-20T00:00:00Z"}'])
    assert read_stores([run.store], PLAN, reads_of(PLAN), 30, lambda: True) is None


def test_what_was_found_in_data_lately_and_ever() -> None:
    tracking = "on_breach: strip\nevents: {View: {schema: {properties: {price: {type: number}}}}}\n"
    plan = read_plan({"plan.yaml": "name: test", "segments.yaml": "segments: {a: did('View')}", "tracking.yaml": tracking})
    views = [view(0, 0, price="1"), view(1, 0, price=1), view(2, 0, price=None), view(3, 1, price=[]), view(0, 40 * 86_400, price="x")]
    assert audit_of([run_engine(plan, views)], 30, plan).quality == [QualityAudit("none", "View: price", "type", "strip", 1, 3)]
