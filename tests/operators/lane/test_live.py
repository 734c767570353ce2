"""A person of a live state: read beside the lane that has it open, and under a newer plan just as the lane will make it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.keys import FORMAT, META, layout_key, person_key
from operators.lane.lane import Lane
from operators.lane.live import Onlooker, read_live
from operators.lane.people import person_of
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person
from tests.harness import make_plan
from tests.strategies import BASE_MS, stamp

SECOND = 1000
OLD = {"a": "did('A', within='1m')", "gone": "did('A')", "same": "count('B') >= 1"}
NEW = {"a": "count('A', within='2m') >= 2", "same": "count('B') >= 1", "z": "held(did('A'), at_least='1s') and did('B', after='A')"}
MAIL: dict[str, dict[str, Any]] = {"mail": {"on": "enters z", "existing": True, "steps": [{"send": "x"}]}}


def track(event: str, offset_ms: int, person: str = "u", kind: str = "track") -> bytes:
    record = {"type": kind, "event": event, "userId": person, "timestamp": stamp(offset_ms), "messageId": f"{event}{offset_ms}"}
    return json.dumps(record | {"traits": {"email": "u@example.com"}} if kind == "identify" else record).encode()


GIVEN = [
    track("", 0, kind="identify"),
    track("A", 0),
    track("A", 30 * SECOND),
    track("B", 40 * SECOND),
    track("B", 100 * SECOND, "v"),
]


@contextmanager
def lane_of(folder: Path, plan: Plan, partition: int = 0) -> Iterator[Lane]:
    """A lane over a state in RocksDB, open."""
    store = open_store(folder / f"lane-{partition}")
    lane = Lane(plan, store, MemoryPublisher(MemoryOutput(), behind=10), partition)
    try:
        yield lane
    finally:
        store.close()


def read(lane: Lane, given: list[bytes], first: int = 0) -> None:
    lane.apply(Batch(0, first, [(first + number, None, line) for number, line in enumerate(given)]))


def test_a_person_is_read_while_the_lane_goes_on(tmp_path: Path) -> None:
    plan = make_plan(OLD)
    with lane_of(tmp_path, plan) as lane:
        read(lane, GIVEN[:3])
        before = read_live(tmp_path, "u")
        read(lane, GIVEN[3:], 3)
        after = read_live(tmp_path, "u", Onlooker(plan))
    assert [(live.person.count, live.now - BASE_MS, len(live.past), live.adopted) for live in (before, after)] == [
        (3, 30 * SECOND, 3, False),
        (4, 90 * SECOND, 4, False),
    ]


def test_of_several_lanes_the_one_with_the_latest_clock_tells(tmp_path: Path) -> None:
    for partition, given in enumerate((GIVEN[:2], GIVEN[2:4], GIVEN[:1])):
        with lane_of(tmp_path, make_plan(OLD), partition) as lane:
            read(lane, given)
    live = read_live(tmp_path, "u")
    assert (live.meta.partition, live.person.clock - BASE_MS) == (1, 40 * SECOND)


@pytest.mark.parametrize("spelling", ["u", "ab@gmail.com", "A.b+news@GoogleMail.com", " a.B@gmail.com"])
def test_a_person_is_found_by_any_spelling_of_its_address(tmp_path: Path, spelling: str) -> None:
    told = {"type": "identify", "userId": "u", "timestamp": stamp(0), "messageId": "m", "traits": {"email": "a.b+x@gmail.com"}}
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, [json.dumps(told).encode()])
    assert read_live(tmp_path, spelling).person.id == "u"
    with pytest.raises(UnavailableError, match="knows no such person"):
        read_live(tmp_path, "abc@gmail.com")


def as_lane_makes_it(folder: Path, plan: Plan, person: str) -> Person:
    """The person once a lane with the plan has come to it."""
    with lane_of(folder, plan) as lane:
        lane.apply(Batch(0, lane.offset + 1, []))
        assert not lane.filling
    store = open_store(folder / "lane-0")
    known = person_of(store.get(person_key(person)))
    store.close()
    assert known is not None
    return known


@pytest.mark.parametrize("person", ["u", "v"])
def test_under_a_newer_plan_a_person_is_as_the_lane_will_make_it(tmp_path: Path, person: str) -> None:
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, GIVEN)
    plan = make_plan(NEW)
    live = read_live(tmp_path, person, Onlooker(plan))
    assert live.adopted
    assert read_live(tmp_path, person).person != live.person
    made = as_lane_makes_it(tmp_path, plan, person)
    live.person.layout, live.person.armed = made.layout, made.armed
    assert made == live.person
    assert not read_live(tmp_path, person, Onlooker(plan)).adopted


def test_looking_starts_no_campaign(tmp_path: Path) -> None:
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, GIVEN)
    plan = make_plan(NEW, MAIL, caps=[{"most": 1, "within": "1d"}])
    onlooker = Onlooker(plan)
    live = read_live(tmp_path, "u", onlooker)
    assert "z" in {rule.id for rule in onlooker.stage.rules.rules if rule.no in live.person.members}
    assert (live.person.sent, live.person.entries) == ([], {})
    made = as_lane_makes_it(tmp_path, plan, "u")
    assert (len(made.sent), list(made.entries)) == (1, ["mail"])


def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no state in"):
        read_live(tmp_path, "u")
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, GIVEN)
    with pytest.raises(UnavailableError, match="knows no such person"):
        read_live(tmp_path, "nobody")
    with pytest.raises(UsageError, match="was made with the plan test, not with other; give that plan"):
        read_live(tmp_path, "u", Onlooker(make_plan(OLD, name="other")))


def test_a_state_of_another_format_is_refused(tmp_path: Path) -> None:
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, GIVEN)
    store = open_store(tmp_path / "lane-0")
    meta = msgspec.msgpack.decode(store.get(META) or b"")
    writes = store.writes()
    writes.put(META, msgspec.msgpack.encode([FORMAT + 1, *meta[1:]]))
    store.write(writes)
    store.close()
    with pytest.raises(UnavailableError, match=f"the state has format {FORMAT + 1}, this version of Beckon reads {FORMAT}"):
        read_live(tmp_path, "u")


def test_a_state_that_does_not_say_what_it_means_is_read_by_its_own_plan_alone(tmp_path: Path) -> None:
    with lane_of(tmp_path, make_plan(OLD)) as lane:
        read(lane, GIVEN)
    store = open_store(tmp_path / "lane-0")
    writes = store.writes()
    writes.delete(layout_key(0))
    store.write(writes)
    store.close()
    assert not read_live(tmp_path, "u", Onlooker(make_plan(OLD))).adopted
    with pytest.raises(UnavailableError, match="give that version of it"):
        read_live(tmp_path, "u", Onlooker(make_plan(NEW)))
