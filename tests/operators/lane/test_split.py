"""The identify stage and the person stage in lanes of their own: for each person the same comes out as from one lane with both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.lane.history import read_history
from operators.lane.keys import META, PERSONS, PERSONS_END, Meta
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.split import StageName, open_lane
from operators.plan.checked import Plan
from schemas.errors import UnavailableError
from schemas.person import Person
from tests.harness import STEPS, CrashError, make_plan
from tests.oracle import decode
from tests.oracle_calls import Event
from tests.strategies import lines, segments, stamp

SECOND = 1000
RULES = {"fresh": "did('A', within='1m')", "twice": "count('A') >= 2"}


class Outcome(NamedTuple):
    """By person the outputs in their order, without their numbers; and the persons."""

    outputs: dict[str | None, list[dict[str, Any]]]
    persons: dict[str, Person]


def drive(
    stage: StageName, plan: Plan, stream: Sequence[bytes], until_ms: int, size: int = 1000, crash: tuple[int, str] | None = None
) -> tuple[MemoryOutput, MemoryStore]:
    """One lane over a stream, which may die once: in that batch, at that step."""
    output, store, left = MemoryOutput(), MemoryStore(), [crash]
    applied = 0

    def reached(step: str) -> None:
        if left[0] == (applied, step):
            left[0] = None
            raise CrashError(step)

    lane = open_lane(stage, plan, store, MemoryPublisher(output), until_ms=until_ms, reached=reached)
    start = first = 0
    while True:
        records = numbered(stream[start : start + size], start)
        try:
            lane.apply(Batch(0, first, records, end=start + size >= len(stream)))
        except CrashError:
            lane = open_lane(stage, plan, store, MemoryPublisher(output), until_ms=until_ms, reached=reached)
            start = first = lane.offset + 1
            continue
        applied += 1
        start += size
        if start >= len(stream):
            lane.close()
            return output, store


def outputs_of(outputs: Sequence[MemoryOutput]) -> dict[str | None, list[dict[str, Any]]]:
    found: dict[str | None, list[dict[str, Any]]] = {}
    for output in outputs:
        streams = [each for stream, each in output.streams.items() if stream != "resolved"]
        every = sorted((sequence, key or "", value) for each in streams for sequence, key, value in each)
        for _, key, value in every:
            record = json.loads(value)
            del record["sequence"], record["source"]
            found.setdefault(key, []).append(record)
    return found


def persons_of(store: MemoryStore) -> dict[str, Person]:
    found = [msgspec.msgpack.decode(value, type=Person) for _, value in store.scan(PERSONS, PERSONS_END, 10_000)]
    return {p.id: msgspec.structs.replace(p, rank=0, came=-1, ties=None, armed=None, heap=sorted(p.heap)) for p in found if p.to is None}


def fused(plan: Plan, stream: Sequence[bytes], until_ms: int) -> Outcome:
    output, store = drive("all", plan, stream, until_ms)
    return Outcome(outputs_of([output]), persons_of(store))


def split(
    plan: Plan, stream: Sequence[bytes], until_ms: int, lanes: int, size: int = 1000, crashes: Sequence[tuple[int, str]] = ()
) -> Outcome:
    """Through an identify lane into so many lanes of persons, each of which dies at most once."""
    left = [*crashes, *[None] * (lanes + 1)]
    resolved, _ = drive("identify", plan, stream, until_ms, size, left[0])
    shares: list[list[bytes]] = [[] for _ in range(lanes)]
    for _, key, value in resolved.streams.get("resolved", []):
        shares[crc32((key or "").encode()) % lanes].append(value)
    runs = [drive("person", plan, share, until_ms, size, crash) for share, crash in zip(shares, left[1:], strict=False)]
    persons = {id: p for _, store in runs for id, p in persons_of(store).items()}
    return Outcome(outputs_of([resolved, *(output for output, _ in runs)]), persons)


def record(at: float, kind: str = "A", **more: Any) -> bytes:
    made = {"type": "track", "event": kind, "messageId": f"{kind}{at:g}", "timestamp": stamp(round(at * SECOND))}
    return json.dumps(made | more).encode()


def says(kind: str, at: float, user: str, previous: str) -> bytes:
    return record(at, kind, type=kind, userId=user, previousId=previous)


STORY = [
    record(0, anonymousId="a"),
    record(1, userId="u"),
    record(2, "Login", userId="u", anonymousId="a"),
    record(3, anonymousId="a"),
    record(4, userId="v"),
    says("alias", 5, "u", "v"),
    record(6, userId="v"),
    record(7, userId="null"),
    says("unmerge", 8, "u", "v"),
    record(9, userId="v"),
    record(100, userId="u"),
]
ERASED = [*STORY[:10], record(10, "erase", type="erase", userId="u"), record(11, userId="v"), record(100, anonymousId="a")]


@pytest.mark.parametrize("story", [STORY, ERASED, [*ERASED, *STORY[2:6]]])
@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_a_story_is_the_same_in_one_lane_as_in_many(lanes: int, story: list[bytes]) -> None:
    plan, until = make_plan(RULES), 2_000_000_000_000
    assert fused(plan, story, until) == split(plan, story, until, lanes)


def profile(at: float, user: str, **traits: str) -> bytes:
    told = {"name": "Anna Bergmann", "birthday": "1985-03-02", "phone": "+491715550142", **traits}
    return record(at, "identify", type="identify", userId=user, traits=told)


TWICE = [
    profile(0, "u"),
    record(1, userId="u"),
    profile(2, "v", name="Hans Kern", birthday="1979-11-20"),
    profile(3, "w", name="Anna Bergman"),
    record(4, userId="w"),
    profile(5, "v", name="Anna Bergmann", birthday="1985-03-02"),
    says("unmerge", 6, "u", "w"),
    record(7, userId="w"),
    profile(8, "x", birthday="1985-03-20"),
    record(9, "Duplicate Refused", userId="x", properties={"other": "u"}),
    profile(10, "x"),
    record(100, userId="u"),
]


@pytest.mark.parametrize("lanes", [1, 3])
def test_duplicates_are_found_and_merged_by_the_identify_stage(lanes: int) -> None:
    plan, until = make_plan(RULES, duplicate_persons={"review": 0.6, "merge": 0.9}), 2_000_000_000_000
    one = fused(plan, TWICE, until)
    assert one == split(plan, TWICE, until, lanes)
    assert set(one.persons) < {"u", "v", "w", "x"}
    found = [drive(stage, plan, TWICE, until)[1].scan(b"c", b"d", 100) for stage in ("all", "identify")]
    assert found[0] == found[1] != []


def test_what_no_identify_stage_said_is_refused() -> None:
    with pytest.raises(UnavailableError, match="the record 0 is none of the identify stage"):
        drive("person", make_plan(RULES), STORY[:1], 2_000_000_000_000)


def test_the_states_of_the_stages_are_not_taken_for_each_other() -> None:
    plan = make_plan(RULES)
    _, store = drive("identify", plan, STORY, 2_000_000_000_000)
    with pytest.raises(UnavailableError, match=r"the state was made with the plan test\.identify, this one is test"):
        open_lane("person", plan, store, MemoryPublisher(MemoryOutput()))


def test_a_lane_of_persons_counts_them() -> None:
    resolved, _ = drive("identify", make_plan(RULES), STORY, 2_000_000_000_000)
    _, store = drive("person", make_plan(RULES), [value for _, _, value in resolved.streams.get("resolved", [])], 2_000_000_000_000)
    raw = store.get(META)
    assert raw is not None
    assert msgspec.msgpack.decode(raw, type=Meta).persons == len(persons_of(store)) == 2


def told_by(source: str, at: float, **ids: str) -> bytes:
    return record(at, "identify", type="identify", traits={"plan": source}, context={"library": {"name": source}}, **ids)


SOURCED = [
    told_by("web", 0, anonymousId="a"),
    told_by("crm", 1, userId="u"),
    told_by("app", 2, userId="u", anonymousId="a"),
    told_by("shop", 3, userId="v"),
    says("alias", 4, "u", "v"),
    told_by("till", 5, userId="v"),
]


@pytest.mark.parametrize("undone", [False, True], ids=["merged", "parted"])
def test_the_source_of_an_event_goes_with_it_through_links_and_merges(undone: bool) -> None:
    plan, until = make_plan(RULES), 2_000_000_000_000
    stream = [*SOURCED, *([says("unmerge", 6, "u", "v")] if undone else [])]
    resolved, _ = drive("identify", plan, stream, until)
    shares = [value for _, _, value in resolved.streams["resolved"]]
    for _, store in (drive("all", plan, stream, until), drive("person", plan, shares, until)):
        kept = {person: [row.source for _, row in read_history(store, person)] for person in "uv"}
        one = ["web", "crm", "app", "shop", None, "till"]
        assert kept == ({"u": one[:3], "v": ["shop", "till"]} if undone else {"u": one, "v": []})


IDS: tuple[dict[str, str], ...] = (
    *({"userId": name} for name in "uv"),
    *({"anonymousId": name} for name in "abc"),
    *({"userId": user, "anonymousId": anonymous} for user in "uv" for anonymous in "ab"),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Streams without a late event, in which persons become one and two again, and are forgotten; and their last instant."""
    found: list[bytes] = []
    latest = 0
    for number, line in enumerate(draw(lines(30))):
        event = decode(line, number, None, None) if line.strip() else None
        if isinstance(event, Event) and event.t >= latest:
            latest = event.t
            made = {key: value for key, value in json.loads(line).items() if key not in ("userId", "anonymousId")}
            if draw(st.integers(0, 9)) == 0:
                made |= {"type": "erase", **draw(st.sampled_from(IDS[:5]))}
            elif draw(st.integers(0, 5)) == 0:
                names = draw(st.permutations("uvabc"))
                made |= {"type": draw(st.sampled_from(["alias", "alias", "unmerge"])), "userId": names[0], "previousId": names[1]}
            else:
                made |= draw(st.sampled_from(IDS))
            found.append(json.dumps(made | {"messageId": f"m{number}"}).encode())
    return found, latest


CRASHES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(STEPS)), max_size=3)


@drawn(segments(4), streams(), st.integers(1, 3), st.integers(1, 8), CRASHES)
def test_the_same_comes_out_of_many_lanes(
    rules: dict[str, str], given: tuple[list[bytes], int], lanes: int, size: int, crashes: list[tuple[int, str]]
) -> None:
    """What was sent stays behind where a person joins another, so there are no campaigns here."""
    stream, latest = given
    if not stream:
        return
    plan, until = make_plan(rules), latest + 60_000
    one, other = fused(plan, stream, until), split(plan, stream, until, lanes, size, crashes)
    told = "\n".join([f"{rules}", *(line.decode() for line in stream)])
    assert one.outputs == other.outputs, told
    assert one.persons == other.persons, told
