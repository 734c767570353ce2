"""`read_status`: how a plan stands in the states of its lanes, read beside the running job: what is live, what is still being filled.

*Guarantees*: the states are only read, and the job is not held up. Of each lane one moment is told: all that was committed when it was
read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import msgspec

from operators.change import Change, Difference, Layout, difference, layout_of
from operators.instants import format_instant
from operators.lane.keys import LAYOUT, Meta, Standing, layout_key
from operators.lane.opening import stored_meta
from operators.lane.rocks import open_live
from operators.lane.standings import Standings, read_standings, whole_from
from operators.language.calls.held import HIDDEN
from operators.language.reach import Reach, reach_of
from operators.person import PersonStage, about_of
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError

_decode_layout = msgspec.msgpack.Decoder(Layout).decode

Wait = Callable[[], float]
"""Waits about a second; gives how long it was, in seconds."""

SegmentState = Literal["filling", "leaving", "live"]
STATES: tuple[SegmentState, ...] = get_args(SegmentState)
"""The first that holds in one of the lanes holds for all together."""
INSTANTS = ("since", "complete_since", "knows_since", "windows_whole_from")


class SegmentStatus(msgspec.Struct, frozen=True):
    """A segment of the plan that the state is of. While it is `filling`, or `leaving` since the plan no longer has it, `filled` of
    `persons` are brought to that plan.

    Of one that a change brought: `since` when it came, `complete_since` when all persons were brought to it, and `knows_since` the instant
    from which on the history was whole then; windows that are longer are whole from `windows_whole_from` on. All None of one that was there
    from the start. `whole_history` says that its rule also looks beyond windows.
    """

    segment: str
    state: SegmentState
    filled: int
    persons: int
    since: str | None = None
    complete_since: str | None = None
    knows_since: str | None = None
    windows_whole_from: str | None = None
    whole_history: bool = False


class LaneStatus(msgspec.Struct, frozen=True):
    """A lane: the version of the plan that its state is of, and how far that is carried out."""

    partition: int
    version: str
    persons: int
    watermark: str | None
    filling: bool
    filled: int
    to_fill: int
    segments: list[SegmentStatus]


class PlanChange(msgspec.Struct, frozen=True):
    """What a start with the plan given would bring to the lanes that are of another version: so many `slots` are filled for so many
    `persons`, from a history that is whole from `knows_since` on."""

    lanes: list[int]
    new: list[str]
    changed: list[str]
    gone: list[str]
    slots: int
    persons: int
    knows_since: str | None


class PlanStatus(msgspec.Struct, frozen=True):
    """All lanes together. While persons are left, `running` says whether a job is at work on them, and `seconds_left` how long it will take
    at the present rate (None: nobody can say)."""

    plan: str
    version: str
    persons: int
    filling: bool
    filled: int
    to_fill: int
    running: bool | None
    seconds_left: float | None
    segments: list[SegmentStatus]
    change: PlanChange | None
    lanes: list[LaneStatus]


class _Lane(NamedTuple):
    """What is read of a lane. `older` are the layouts of persons that are still to be brought to the present one."""

    meta: Meta
    layout: Layout
    older: tuple[Layout, ...]
    standings: Standings

    @property
    def left(self) -> int:
        return max(self.meta.fill_total - self.meta.filled, 1) if self.meta.fill is not None else 0


def read_status(state: Path, plan: Plan, wait: Wait) -> PlanStatus:
    """The status in the lanes of a job; where persons are still to be filled it looks twice. UnavailableError where there is no state,
    UsageError where it is of another plan."""
    lanes = _read(state, plan)
    running, seconds_left = None, None
    if any(lane.left for lane in lanes):
        seconds = wait()
        before, lanes = lanes, _read(state, plan)
        running, seconds_left = _pace(before, lanes, seconds)
    rules = {segment.id: (segment.version, reach_of(segment.when)) for segment in plan.segments}
    told = [_lane_status(lane, rules) for lane in lanes]
    return PlanStatus(
        plan.name,
        plan.version,
        sum(lane.persons for lane in told),
        any(lane.filling for lane in told),
        sum(lane.filled for lane in told),
        sum(lane.to_fill for lane in told),
        running,
        seconds_left,
        _together([lane.segments for lane in told]),
        _change(plan, [lane for lane in lanes if lane.meta.version != plan.version]),
        told,
    )


def _read(state: Path, plan: Plan) -> list[_Lane]:
    lanes = [lane for folder in state.glob("lane-*") if folder.is_dir() and (lane := _read_lane(folder)) is not None]
    if not lanes:
        raise UnavailableError(f"there is no state in {state}; give the --state of the job")
    for lane in lanes:
        if lane.meta.plan != plan.name:
            raise UsageError(f"the state was made with the plan {lane.meta.plan}, not with {plan.name}; give the folder of that plan")
    return sorted(lanes, key=lambda lane: lane.meta.partition)


def _read_lane(folder: Path) -> _Lane | None:
    store = open_live(folder)
    try:
        meta = stored_meta(store)
        if meta is None:
            return None
        layouts = {key: _decode_layout(value) for key, value in store.scan(LAYOUT, layout_key(meta.layout + 1), 1 << 30)}
        present = layouts.pop(layout_key(meta.layout), None)
        if present is None:
            raise UnavailableError(f"the state in {folder} was made by a Beckon that did not keep what it means; nothing can be told of it")
        return _Lane(meta, present, tuple(layouts.values()), read_standings(store, present))
    finally:
        store.close()


def _pace(before: Sequence[_Lane], after: Sequence[_Lane], seconds: float) -> tuple[bool, float | None]:
    """Whether a job is at work on those who are left, and how many seconds it takes at this rate."""
    commits = {lane.meta.partition: lane.meta.commit_no for lane in before if lane.left}
    running = any(lane.meta.commit_no != commits.get(lane.meta.partition, lane.meta.commit_no) for lane in after)
    left = sum(lane.left for lane in after)
    done = sum(lane.left for lane in before) - left
    return running, left * seconds / done if done > 0 else None


def _lane_status(lane: _Lane, rules: dict[str, tuple[str, Reach]]) -> LaneStatus:
    meta, left = lane.meta, lane.left
    reaches = {id: reach for id, (version, reach) in rules.items() if id in lane.standings and lane.standings[id].version == version}
    filling = {id for id, each in lane.standings.items() if each.since is not None and each.complete is None}
    # A segment is complete when those that it refers to are.
    while more := {id for id, reach in reaches.items() if id not in filling and reach.segments & filling}:
        filling |= more
    segments = [_segment(lane, id, each, reaches.get(id), id in filling) for id, each in lane.standings.items()]
    gone = {id for layout in lane.older for id, _ in layout.segments if id not in lane.standings and not id.startswith(HIDDEN)}
    segments += [SegmentStatus(id, "leaving", meta.fill_total - left, meta.fill_total) for id in gone]
    return LaneStatus(
        meta.partition,
        meta.version,
        meta.persons,
        _instant(meta.watermark),
        bool(left),
        meta.fill_total - left,
        left,
        sorted(segments, key=lambda each: each.segment),
    )


def _segment(lane: _Lane, id: str, each: Standing, reach: Reach | None, filling: bool) -> SegmentStatus:
    meta = lane.meta
    whole_from = None
    if each.kept is not None and reach is not None and reach.window_ms and meta.watermark is not None:
        whole_from = each.kept + reach.window_ms if each.kept + reach.window_ms > meta.watermark else None
    return SegmentStatus(
        id,
        "filling" if filling else "live",
        meta.fill_total - lane.left if filling else meta.persons,
        meta.fill_total if filling else meta.persons,
        _instant(each.since),
        _instant(each.complete),
        _instant(each.kept),
        _instant(whole_from),
        reach is not None and reach.whole,
    )


def _together(lanes: Sequence[Sequence[SegmentStatus]]) -> list[SegmentStatus]:
    """The segments of all lanes, each as far as the lane that is furthest behind."""
    by_id: dict[str, list[SegmentStatus]] = {}
    for segments in lanes:
        for each in segments:
            by_id.setdefault(each.segment, []).append(each)
    return [_merged(id, found) for id, found in sorted(by_id.items())]


def _merged(id: str, found: Sequence[SegmentStatus]) -> SegmentStatus:
    states = {each.state for each in found}
    state = next(state for state in STATES if state in states)
    # Instants written out are in the order of their texts.
    latest = {name: max(getattr(each, name) or "" for each in found) or None for name in INSTANTS}
    if state != "live":
        latest["complete_since"] = None
    filled, persons = sum(each.filled for each in found), sum(each.persons for each in found)
    return SegmentStatus(id, state, filled, persons, whole_history=any(each.whole_history for each in found), **latest)


def _change(plan: Plan, others: Sequence[_Lane]) -> PlanChange | None:
    if not others:
        return None
    stage = PersonStage(plan)
    layout = layout_of(plan, stage.rules)
    found: list[Difference] = []
    slots, persons, knows = 0, 0, []
    for lane in others:
        found.append(difference(lane.layout, layout))
        knows.append(whole_from(lane.meta, lane.layout.history))
        if not layout.means(lane.layout):
            slots = max(slots, len(Change(lane.layout, plan, stage, about_of(plan), 0).fresh))
            persons += lane.meta.persons
    new, changed, gone = (sorted({id for each in found for id in each[part]}) for part in range(3))
    since = max((each for each in knows if each is not None), default=None)
    return PlanChange([lane.meta.partition for lane in others], new, changed, gone, slots, persons, _instant(since))


def _instant(ms: int | None) -> str | None:
    return None if ms is None else format_instant(ms)
