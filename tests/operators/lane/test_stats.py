"""What a lane counts for the audit is what it publishes, whatever the batches and crashes; and what its rules have met."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.stats import Met, read_days, read_met
from operators.lane.store import Store
from operators.language.calls.held import HIDDEN
from operators.plan.checked import Plan
from tests.audited import DAY_MS, Counted, days_of, entries_of, ids_of, persons_of
from tests.harness import STEPS, Crash, Run, make_plan, run_engine
from tests.operators.test_change import State
from tests.strategies import BASE_MS, Scenario, batch_sizes, lines, scenarios, segments, stamp

interruptions = st.fixed_dictionaries({"reopen": st.sets(st.integers(0, 8), max_size=3), "rewind": st.integers(0, 5)})
crashes = st.builds(Crash, st.integers(0, 6), st.sampled_from(STEPS))


def counted(store: Store) -> Counted:
    """The rows of a store, as the records that were published are counted."""
    found: Counted = {}
    for number, day in read_days(store):
        kinds = ((id, zip(("entered", "exited"), row, strict=True)) for id, row in day.segments.items())
        changes = Counter({(id, kind): n for id, row in kinds for kind, n in row if n})
        found[number] = (changes, flat(day.moves), flat(day.campaigns))
    # What was found in data is counted on days of its own.
    return {number: counts for number, counts in found.items() if any(counts)}


def flat(rows: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    return Counter({(outer, inner): n for outer, row in rows.items() for inner, n in row.items()})


def engine_of(scenario: Scenario, **how: Any) -> tuple[Plan, Run]:
    plan = make_plan(scenario.segments, scenario.campaigns, scenario.computed, **scenario.settings)
    return plan, run_engine(plan, scenario.lines, until_ms=scenario.until_ms, log_ms=scenario.log_ms, **how)


@given(scenarios(sending=True), batch_sizes(), interruptions, crashes)
def test_the_days_count_what_was_published_and_crashes_change_nothing(
    scenario: Scenario, batches: list[int], interruption: dict[str, Any], crash: Crash
) -> None:
    plan, whole = engine_of(scenario)
    _, broken = engine_of(scenario, batches=batches, crash=crash, **interruption)
    assert days_of(whole) == counted(whole.store) == counted(broken.store), f"{scenario}\nbatches {batches}, {interruption}, {crash}"
    assert read_met(whole.store) == read_met(broken.store)
    persons, ids = persons_of(whole.store), ids_of(plan)
    assert persons == persons_of(broken.store)
    there = {person.id for person in persons}
    entered = {(person, segment) for person, segment, _ in entries_of(whole) if person in there}
    assert entered == {(person.id, ids[no]) for person in persons for no in person.entered}


@given(segments(4), segments(4), lines(20), st.integers(0, 20))
def test_transitions_of_a_changed_plan_are_counted_too(old: dict[str, str], new: dict[str, str], stream: list[bytes], first: int) -> None:
    state = State()
    state.run(make_plan(old), stream[:first])
    state.run(make_plan(new), [])
    state.run(make_plan(new), stream[first:], end=True)
    published = Counter((each.t // DAY_MS, each.segment, each.kind) for each in state.came())
    rows = counted(state.store)
    assert published == {(day, *change): n for day, (changes, _, _) in rows.items() for change, n in changes.items()}
    ids = ids_of(make_plan(new))
    members = Counter(ids[no] for person in state.persons().values() for no in person.members if not ids[no].startswith(HIDDEN))
    standing = Counter[str]()
    for (_, id, kind), n in published.items():
        standing[id] += n if kind == "entered" else -n
    assert members == +standing
    persons = state.persons()
    came = [each for each in state.came() if each.kind == "entered" and each.segment in new and each.person in persons]
    assert {(each.person, each.segment) for each in came} == {(id, ids[no]) for id, person in persons.items() for no in person.entered}


# --- what rules have met --------------------------------------------------------------------------------------------------------------


def met(rules: Mapping[str, str], *lines: bytes, campaigns: Mapping[str, Mapping[str, Any]] | None = None, **settings: Any) -> Met:
    return read_met(run_engine(make_plan(rules, campaigns, **settings), lines, batches=1).store)


def track(name: str, n: int, person: str = "u1", **properties: Any) -> bytes:
    record = {
        "type": "track",
        "event": name,
        "userId": person,
        "messageId": f"m{n}",
        "timestamp": stamp(1000 * n),
        "properties": properties,
    }
    return json.dumps(record | {"properties": properties}).encode()


def identify(n: int, **traits: Any) -> bytes:
    return json.dumps({"type": "identify", "userId": "u1", "messageId": f"i{n}", "timestamp": stamp(1000 * n), "traits": traits}).encode()


def test_a_property_is_filled_by_the_first_event_that_has_it() -> None:
    rules = {"a": "did('A', where=x == 1 and o.y == 2) and did('B', where=x == 1)", "b": "last('A', 'z') == 'z'"}
    found = met(rules, track("A", 1, o={"x": 1}), track("A", 2, x=None, o={"y": "no number"}), track("C", 3, x=1))
    assert found.filled == {("A", ()), ("A", ("o", "y"))}
    assert met(rules, track("A", 1, x=False), track("B", 2, x=0)).filled == {("A", ()), ("A", ("x",)), ("B", ()), ("B", ("x",))}


def test_a_star_is_filled_by_any_event_that_it_begins() -> None:
    rules = {"a": "did('A*', where=x == 1) and did('*', after='B')"}
    assert met(rules, track("C", 1, x=1)).filled == {("*", ())}
    assert met(rules, track("A b", 1, x=1), track("B", 2)).filled == {("*", ()), ("A*", ()), ("A*", ("x",)), ("B", ())}


def test_campaigns_read_properties_too_unless_they_are_drafts() -> None:
    campaigns = {"c": {"on": "event A where x == 1", "key": "cart.id", "steps": [{"send": "hello"}]}}
    line = track("A", 1, x=2, cart={"id": "k"})
    assert met({"b": "did('B')"}, line, campaigns=campaigns).filled == {("A", ()), ("A", ("x",)), ("A", ("cart", "id"))}
    draft = {"c": campaigns["c"] | {"state": "draft"}}
    assert met({"b": "did('B')"}, line, campaigns=draft).filled == set()


def test_what_is_not_applied_fills_nothing() -> None:
    rules = {"a": "did('A', where=x == 1)"}
    again = json.dumps(json.loads(track("A", 1)) | {"properties": {"x": 1}}).encode()
    assert met(rules, track("A", 1), again).filled == {("A", ())}
    late = run_engine(make_plan(rules), [track("A", 1), track("A", 9, x=1)], until_ms=BASE_MS + 5000)
    assert read_met(late.store).filled == {("A", ())}


PERSON, A = (), ("A",)


@pytest.mark.parametrize(
    ("rule", "lines", "counts"),
    [
        ("trait.x > 1", [identify(1, x="2"), identify(2, x=2), identify(3, x=None), identify(4, x=True)], {(PERSON, "trait.x > 1"): 2}),
        ("trait.x == 'a'", [identify(1, x=1), identify(2, x="b")], {(PERSON, "trait.x == 'a'"): 1}),
        ("trait.x != trait.y", [identify(1, x=1, y="1"), identify(2, y=1), identify(3, x=2)], {(PERSON, "trait.x != trait.y"): 1}),
        ("trait.x in ['a', 'b']", [identify(1, x=1), identify(2, x="c")], {(PERSON, "trait.x in ['a', 'b']"): 1}),
        ("trait.x in [1, 'a']", [identify(1, x=2), identify(2, x="b"), identify(3, x=[1])], {(PERSON, "trait.x in [1, 'a']"): 1}),
        ("trait.x not in trait.l", [identify(1, x=2), identify(2, l="b"), identify(3, l=["b"])], {(PERSON, "trait.x not in trait.l"): 2}),
        ("did('A', where=x == 'a')", [track("A", 1, x=1), track("A", 2, x="b"), track("A", 3), track("B", 4, x=1)], {(A, "x == 'a'"): 1}),
        ("did('A', where=x == 'a' and y > 1)", [track("A", 1, x="a", y="2"), track("A", 2, x=2)], {(A, "x == 'a'"): 1, (A, "y > 1"): 1}),
        ("did('A', where=x > 1)", [track("A", 1, x="2"), track("A", 2, x=2), track("A", 3, x={})], {(A, "x > 1"): 2}),
        ("did('A*', where=x == 'a') or did('*', where=x == 'a')", [track("A b", 1, x=1)], {((s,), "x == 'a'"): 1 for s in ("A*", "*")}),
        ("last('A', 'x') == 1", [track("A", 1, x="1"), track("A", 2, x=2)], {(PERSON, "last('A', 'x') == 1"): 1}),
        ("since('A') >= '1s' and coalesce(trait.x, 1) == 1", [track("A", 1), track("B", 9)], {}),
    ],
)  # fmt: skip
def test_comparisons_of_two_kinds_are_counted(rule: str, lines: list[bytes], counts: dict[tuple[tuple[str, ...], str], int]) -> None:
    assert met({"a": rule}, *lines).mismatched == counts


def test_what_is_only_shown_is_not_counted() -> None:
    shown = "coalesce(trait.x if trait.y == 'a' else None, 1) == 1"
    assert met({"a": shown}, identify(1, y=1)).mismatched == {(PERSON, "trait.y == 'a'"): 1}


def test_the_conditions_of_campaigns_are_counted_once() -> None:
    campaign = {"on": "event A where x == 1", "steps": [{"send": "hello"}]}
    assert met({"b": "did('B')"}, track("A", 1, x="1"), campaigns={"c": campaign}).mismatched == {(A, "x == 1"): 1}


def test_a_state_without_these_rows_goes_on() -> None:
    plan, store = make_plan({"a": "count('A', within='3s') >= 2"}), MemoryStore()
    lines = [track("A", n) for n in range(8)]
    lane = Lane(plan, store, MemoryPublisher(output := MemoryOutput()))
    lane.apply(Batch(0, 0, [(n, None, line) for n, line in enumerate(lines[:4])]))
    for key in [key for key in store._values if key[:1] in (b"d", b"r")]:
        writes = store.writes()
        writes.delete(key)
        store.write(writes)
    lane = Lane(plan, store, MemoryPublisher(output))
    lane.apply(Batch(0, 4, [(n, None, line) for n, line in enumerate(lines[4:], 4)], end=True))
    assert read_met(store).filled == {("A", ())}
    assert list(read_days(store)) == []
