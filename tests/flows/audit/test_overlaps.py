"""Shared members are counted as sets count them, over the borders of the chunks too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.audit import overlaps
from flows.audit.overlaps import Overlaps


@given(st.lists(st.sets(st.integers(0, 4)), max_size=40))
def test_overlaps_are_those_of_sets(persons: list[set[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlaps, "_CHUNK", 16)
        counted = Overlaps(5)
        for members in persons:
            counted.add(members)
        counted.settle()
    sets = [{number for number, each in enumerate(persons) if no in each} for no in range(5)]
    assert counted.persons == len(persons)
    assert [counted.size(no) for no in range(5)] == list(map(len, sets))
    assert all(counted.both(a, b) == len(sets[a] & sets[b]) for a in range(5) for b in range(5))
