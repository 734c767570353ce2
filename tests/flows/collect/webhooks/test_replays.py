"""`Replays`: bounded in number and time, and nothing is forgotten early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.collect.log import FullError
from flows.collect.webhooks.replays import MOST_OWED, OWED_MS, Replays, id_of

HOLD = 300_000


def taken(replays: Replays, name: str, now: int) -> None:
    ids = [id_of(name.encode())]
    assert replays.begin(ids, now)
    replays.end(ids, now)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 30)), max_size=200))
def test_an_id_is_known_for_its_time_and_not_for_long_after_it(steps: list[tuple[int, int]]) -> None:
    replays, met, now = Replays(HOLD), dict[int, int](), 0
    for pause, number in steps:
        now += pause
        replays.begin([], now)
        for each, at in met.items():
            known = replays.knows(id_of(str(each).encode()))
            assert known or now > at + HOLD
            assert not known or now <= at + HOLD + HOLD // 2
        taken(replays, str(number), now)
        met[number] = now


def test_where_too_much_is_known_what_is_new_must_wait() -> None:
    replays = Replays(HOLD, most=3)
    for number in range(3):
        taken(replays, str(number), number)
    with pytest.raises(FullError):
        replays.begin([id_of(b"3")], 4)
    assert all(replays.knows(id_of(str(number).encode())) for number in range(3))
    later = 2 * HOLD
    taken(replays, "3", later)
    assert len(replays) == 1


def test_what_is_under_way_is_begun_once_and_again_where_it_failed() -> None:
    replays, ids = Replays(HOLD), [id_of(b"a"), id_of(b"b")]
    assert replays.begin(ids, 0)
    assert not replays.begin(ids[1:], 0)
    replays.end(ids, None)
    assert not replays.knows(ids[0])
    assert replays.begin(ids[1:], 0)


def test_what_is_owed_is_bounded_in_number_and_time() -> None:
    replays = Replays(HOLD)
    for number in range(MOST_OWED + 1):
        replays.owe(id_of(str(number).encode()), 0)
    assert not replays.owes(id_of(b"0"), 0)
    assert replays.owes(id_of(b"1"), OWED_MS)
    assert not replays.owes(id_of(b"1"), OWED_MS + 1)
    replays.settle(id_of(b"2"))
    assert not replays.owes(id_of(b"2"), 0)
