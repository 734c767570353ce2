"""The days of the last entries: exact for any span that can be asked for, and small enough for the store."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from operators.entries import MOST, MOST_DAYS, entered, entries_since

gaps = st.one_of(st.integers(0, 40), st.integers(MOST_DAYS - 2, MOST_DAYS + 2), st.integers(0, 100_000))


@given(st.integers(0, 2_000_000), st.lists(gaps, max_size=8), st.one_of(st.integers(1, 40), st.integers(1, MOST_DAYS)), gaps)
def test_entries_are_counted_as_a_list_of_their_days_does(first: int, more: list[int], span: int, later: int) -> None:
    days = list(accumulate(more, initial=first))
    kept = days[0]
    for day in days[1:]:
        kept = entered(kept, day)
    assert 0 <= kept < 1 << 63
    begin = days[-1] + later - span + 1
    assert min(MOST, sum(day >= begin for day in days)) == entries_since(kept, begin)


def test_days_before_1970_count_as_its_first() -> None:
    kept = entered(0, -1)
    assert entries_since(kept, 0) == 2
    assert entries_since(entered(kept, 5), 1) == 1
