"""Stays and occasions find their likes in the other replay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.replay.happenings import DECISION, ENTERED, EXITED, TRIGGER, Happening
from flows.replay.pairing import Occasion, Stay, paired_occasions, paired_stays, stays_of

Times = tuple[int, int | None]


def at(t: int, kind: int, of: str = "keen", reason: str = "") -> Happening:
    return Happening(t, kind, of, reason, 0, 0)


def stays(*times: Times) -> list[Stay]:
    return [Stay(at(t, ENTERED), None if end is None else at(end, EXITED)) for t, end in times]


def pairs(new: list[Stay], old: list[Stay]) -> list[tuple[int | None, int | None]]:
    return [(a and a.entered.t, b and b.entered.t) for a, b in paired_stays(new, old)]


def test_stays_are_made_of_entries_and_the_exits_after_them() -> None:
    happened = [at(1, ENTERED), at(2, ENTERED, "other"), at(3, EXITED), at(4, TRIGGER, "mail"), at(5, ENTERED)]
    assert stays_of(happened) == {"keen": stays((1, 3), (5, None)), "other": [Stay(at(2, ENTERED, "other"), None)]}


def test_equal_entries_are_one_stay_whatever_their_exits() -> None:
    assert pairs(stays((1, 2), (5, None)), stays((1, None))) == [(1, 1), (5, None)]


def test_stays_that_overlap_or_touch_have_moved() -> None:
    assert pairs(stays((45, 90)), stays((30, 60))) == [(45, 30)]
    assert pairs(stays((60, 90)), stays((30, 60))) == [(60, 30)]
    assert pairs(stays((61, 90)), stays((30, 60))) == [(None, 30), (61, None)]
    assert pairs(stays((30, None)), stays((40, None))) == [(30, 40)]


def test_a_stay_moves_to_one_other_only() -> None:
    assert pairs(stays((0, 100)), stays((1, 10), (20, 30))) == [(0, 1), (None, 20)]


def test_equal_entries_go_before_overlapping_ones() -> None:
    assert pairs(stays((20, 30)), stays((10, 25), (20, 22))) == [(None, 10), (20, 20)]


@st.composite
def some_stays(draw: st.DrawFn) -> list[Stay]:
    """Stays one after the other; the last one may be open."""
    edges = sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    times: list[Times] = [(edges[i], edges[i + 1] if i + 1 < len(edges) else None) for i in range(0, len(edges), 2)]
    return stays(*times)


@given(some_stays(), some_stays())
def test_every_stay_is_in_one_pair_and_the_pairing_has_no_side(new: list[Stay], old: list[Stay]) -> None:
    found = paired_stays(new, old)
    assert sorted(a.entered.t for a, _ in found if a is not None) == [stay.entered.t for stay in new]
    assert sorted(b.entered.t for _, b in found if b is not None) == [stay.entered.t for stay in old]
    for a, b in found:
        if a is not None and b is not None:
            assert a.entered.t == b.entered.t or not (a.ends_by(b.entered.t) or b.ends_by(a.entered.t))
    assert sorted(map(str, paired_stays(old, new))) == sorted(str((b, a)) for a, b in found)
    assert all(a == b for a, b in paired_stays(new, new))


def occasion(t: int, id: str, transition: str = "", step: int = 0, kind: int = TRIGGER) -> Occasion:
    return Occasion(at(t, kind, "mail"), id, step, transition, {})


def ids(new: list[Occasion], old: list[Occasion], moved: dict[str, str]) -> list[tuple[str | None, str | None]]:
    return [(a and a.id, b and b.id) for a, b in paired_occasions(new, old, moved)]


def test_occasions_are_one_by_their_id_their_instant_or_a_stay_that_has_moved() -> None:
    new = [occasion(1, "same"), occasion(2, "a"), occasion(9, "later", "t-new"), occasion(20, "only new", "t-other")]
    old = [occasion(1, "same", kind=DECISION), occasion(2, "b"), occasion(5, "earlier", "t-old"), occasion(30, "only old", "t-gone")]
    found = ids(new, old, {"t-old": "t-new"})
    assert found == [("same", "same"), ("a", "b"), ("later", "earlier"), ("only new", None), (None, "only old")]


def test_steps_of_one_occasion_stay_apart() -> None:
    new = [occasion(9, "n0", "t-new"), occasion(9, "n1", "t-new", step=1)]
    old = [occasion(5, "o1", "t-old", step=1), occasion(5, "o0", "t-old")]
    assert ids(new, old, {"t-old": "t-new"}) == [("n0", "o0"), ("n1", "o1")]
