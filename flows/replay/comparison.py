"""`Comparison`: the stories of each person in two replays, compared; gives the differences, and sums them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from msgspec import UNSET

from flows.replay.differences import CampaignDifference, Difference, Differences, Record, SegmentDifference, What, Where
from flows.replay.happenings import TRIGGER, Happening, Story
from flows.replay.pairing import Occasion, Pair, Stay, paired_occasions, paired_stays, stays_of
from flows.replay.scratch import Side
from operators.instants import format_instant
from operators.plan.checked import Campaign, Plan, Segment

Read = Callable[[Side, int, Happening], Record]
"""Gives the record of a happening, from the lines of a side and a partition."""

_NO_SETTINGS = {"name", "version", "segments", "campaigns"}

T = TypeVar("T", Segment, Campaign)


class Comparison:
    """Compares stories as they come; `read` gives the records of those that differ. `from_ms` begins the span."""

    def __init__(self, new: Plan, old: Plan, *, from_ms: int | None, read: Read) -> None:
        self._from_ms = from_ms
        self._read = read
        self._segments = {
            id: SegmentDifference(id, title, plans, changed)
            for id, title, plans, changed in _both(new.segments, old.segments, lambda a, b: a.version != b.version)
        }
        self._campaigns = {
            id: CampaignDifference(id, title, plans, changed)
            for id, title, plans, changed in _both(new.campaigns, old.campaigns, lambda a, b: replace(a, title="") != replace(b, title=""))
        }
        self.sums = Differences(settings(new, old), list(self._segments.values()), list(self._campaigns.values()))

    def add(self, new: Story, old: Story) -> list[Difference]:
        """What differs for a person, in the order of time."""
        if _told(new.happenings) == _told(old.happenings):
            return []
        moved: dict[str, str] = {}
        found = [*self._stays(new, old, moved), *self._occasions(new, old, moved)]
        found.sort(key=lambda each: (each.time, each.campaign or "", each.segment or ""))
        self.sums.differences += len(found)
        self.sums.persons += bool(found)
        return found

    def _stays(self, new: Story, old: Story, moved: dict[str, str]) -> Iterator[Difference]:
        """What differs in segments; `moved` takes in the ids of the transitions of stays that have moved, old to new."""
        by_segment = {"new": stays_of(new.happenings), "old": stays_of(old.happenings)}
        for segment in sorted(by_segment["new"].keys() | by_segment["old"].keys()):
            its_new, its_old = (stays.get(segment, []) for stays in by_segment.values())
            sums = self._segments[segment]
            in_new, in_old = (bool(stays) and stays[-1].exited is None for stays in (its_new, its_old))
            sums.members_only_new += in_new and not in_old
            sums.members_only_old += in_old and not in_new
            for pair in paired_stays(its_new, its_old):
                what = _what_of_stays(pair)
                if what is not None and not all(stay is None or self._over(stay) for stay in pair):
                    self._count_stays(sums, what, pair)
                    records = self._stay("new", new, pair[0]), self._stay("old", old, pair[1])
                    moved |= _moved(*records)
                    yield Difference(new.person, format_instant(_first(what, pair)), segment, UNSET, what, *records)

    def _occasions(self, new: Story, old: Story, moved: Mapping[str, str]) -> Iterator[Difference]:
        for pair in paired_occasions(self._occasions_of("new", new), self._occasions_of("old", old), moved):
            what = _what_of_occasions(pair)
            if what is not None:
                some = [each.happening for each in pair if each is not None]
                _count_occasions(self._campaigns[some[0].of], what, pair)
                first = format_instant(min(each.t for each in some))
                told = [None if each is None else _told_of(each) for each in pair]
                yield Difference(new.person, first, UNSET, some[0].of, what, told[0], told[1])

    def _count_stays(self, sums: SegmentDifference, what: What, pair: Pair[Stay]) -> None:
        sums.exits += what == "exit"
        if self._from_ms is None or any(stay is not None and stay.entered.t >= self._from_ms for stay in pair):
            sums.entries_only_new += what == "only_new"
            sums.entries_only_old += what == "only_old"
            if what == "moved":
                sums.moved += 1
                sums.moved_ms += _later([stay and stay.entered for stay in pair])

    def _over(self, stay: Stay) -> bool:
        """Whether a stay ends before the span."""
        return self._from_ms is not None and stay.ends_by(self._from_ms)

    def _stay(self, side: Side, story: Story, stay: Stay | None) -> Record | None:
        if stay is None:
            return None
        each = {"entered": stay.entered, "exited": stay.exited}
        return {name: None if of is None else _when_and_why(self._read(side, story.partition, of)) for name, of in each.items()}

    def _occasions_of(self, side: Side, story: Story) -> list[Occasion]:
        """The occasions of the span, with their records."""
        within = [each for each in story.happenings if each.kind >= TRIGGER and (self._from_ms is None or each.t >= self._from_ms)]
        return [_occasion(each, self._read(side, story.partition, each)) for each in within]


def settings(new: Plan, old: Plan) -> list[str]:
    """The settings of plan.yaml that differ."""
    names = [field.name for field in fields(Plan) if field.name not in _NO_SETTINGS]
    return [name.removesuffix("_ms") for name in names if getattr(new, name) != getattr(old, name)]


def _both(new: Sequence[T], old: Sequence[T], changed: Callable[[T, T], bool]) -> list[tuple[str, str, Where, bool]]:
    """Id and title of each segment or campaign of two plans, by id: which plans have it, and whether it is another in the two."""
    in_new, in_old = {each.id: each for each in new}, {each.id: each for each in old}
    found: list[tuple[str, str, Where, bool]] = []
    for id in sorted(in_new | in_old):
        a, b = in_new.get(id), in_old.get(id)
        some = a or b
        assert some is not None
        where: Where = "both" if a and b else "new" if a else "old"
        found.append((id, some.title, where, a is not None and b is not None and changed(a, b)))
    return found


def _told(happenings: Sequence[Happening]) -> list[tuple[int, int, str, str]]:
    return [(each.t, each.kind, each.of, each.reason) for each in happenings]


def _what_of_stays(pair: Pair[Stay]) -> What | None:
    new, old = pair
    if new is None or old is None:
        return "only_old" if new is None else "only_new"
    if new.entered.t != old.entered.t:
        return "moved"
    return None if (new.exited and new.exited.t) == (old.exited and old.exited.t) else "exit"


def _what_of_occasions(pair: Pair[Occasion]) -> What | None:
    new, old = pair
    if new is None or old is None:
        return "only_old" if new is None else "only_new"
    if new.happening.t != old.happening.t:
        return "moved"
    outcomes = [(each.happening.kind, each.happening.reason) for each in (new, old)]
    return None if outcomes[0] == outcomes[1] else "outcome"


def _count_occasions(sums: CampaignDifference, what: What, pair: Pair[Occasion]) -> None:
    sent_new, sent_old = (each is not None and each.happening.kind == TRIGGER for each in pair)
    sums.triggers_only_new += sent_new and not sent_old
    sums.triggers_only_old += sent_old and not sent_new
    sums.refusals += not sent_new and not sent_old
    if what == "moved" and sent_new and sent_old:
        sums.moved += 1
        sums.moved_ms += _later([each and each.happening for each in pair])


def _later(pair: Sequence[Happening | None]) -> int:
    """By how much the new one comes later."""
    new, old = pair
    assert new is not None
    assert old is not None
    return new.t - old.t


def _first(what: What, pair: Pair[Stay]) -> int:
    """The earliest instant at which two stays differ."""
    some = [stay for stay in pair if stay is not None]
    if what == "exit":
        return min(stay.exited.t for stay in some if stay.exited is not None)
    return min(stay.entered.t for stay in some)


def _moved(new: Record | None, old: Record | None) -> dict[str, str]:
    """The ids of the transitions of two stays, old to new."""
    if new is None or old is None:
        return {}
    return {old[name]["id"]: new[name]["id"] for name in ("entered", "exited") if new[name] and old[name]}


def _when_and_why(record: Record) -> Record:
    data = record["data"]
    return {"time": record["time"], "id": record["id"], "cause": data["cause"], "why": data["why"]}


def _occasion(happening: Happening, record: Record) -> Occasion:
    data = record["data"]
    transition = data["why"].get("transition") or {"id": ""}
    return Occasion(happening, record["id"], data["step"], transition["id"], record)


def _told_of(each: Occasion) -> Record:
    data = each.record["data"]
    outcome = "trigger" if each.happening.kind == TRIGGER else each.happening.reason
    told = {"time": each.record["time"], "id": each.id, "outcome": outcome}
    return told | {"step": each.step, "template": data["template"], "why": data["why"]}
