"""Token buckets against a plain account of what may come in any time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.collect.buckets import Buckets, network

ANNA, BEN = ("web", "192.0.2.1"), ("web", "192.0.2.2")
RATE, BURST, LARGEST = 10.0, 20, 500


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, LARGEST)), max_size=50))
def test_no_more_comes_than_the_burst_the_rate_and_one_batch(asked: list[tuple[int, int]]) -> None:
    buckets, now, taken = Buckets(), 0, 0
    for after_ms, number in asked:
        now += after_ms
        if buckets.wait_s(ANNA, number, rate=RATE, burst=BURST, now_ms=now) == 0:
            taken += number
        assert taken <= BURST + RATE * now / 1000 + LARGEST


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, LARGEST)), max_size=50))
def test_after_the_wait_that_was_told_it_is_taken(asked: list[tuple[int, int]]) -> None:
    buckets, now = Buckets(), 0
    for after_ms, number in asked:
        now += after_ms
        wait_s = buckets.wait_s(ANNA, number, rate=RATE, burst=BURST, now_ms=now)
        if wait_s:
            now += int(wait_s * 1000) + 1
            assert buckets.wait_s(ANNA, number, rate=RATE, burst=BURST, now_ms=now) == 0


def test_one_address_leaves_another_alone() -> None:
    buckets = Buckets()
    assert buckets.wait_s(ANNA, 100, rate=1, burst=1, now_ms=0) == 0
    assert buckets.wait_s(ANNA, 1, rate=1, burst=1, now_ms=0) == 100
    assert buckets.wait_s(BEN, 1, rate=1, burst=1, now_ms=0) == 0


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    buckets = Buckets()
    assert buckets.wait_s(ANNA, 1, rate=1, burst=2, now_ms=10_000) == 0
    assert buckets.wait_s(ANNA, 1, rate=1, burst=2, now_ms=0) == 0
    assert buckets.wait_s(ANNA, 1, rate=1, burst=2, now_ms=0) == 1


def test_only_the_buckets_used_last_are_kept() -> None:
    buckets = Buckets(most=2)
    for number in range(10):
        assert buckets.wait_s(("web", str(number)), 1, rate=1, burst=1, now_ms=0) == 0
    waits = [buckets.wait_s(("web", str(number)), 1, rate=1, burst=1, now_ms=0) for number in (9, 8)]
    assert waits == [1, 1]
    assert buckets.wait_s(("web", "0"), 1, rate=1, burst=1, now_ms=0) == 0


def test_of_ipv6_a_whole_network_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
