"""Durations: every written form to exact milliseconds, and back to one canonical text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.language.durations import MAX_MS, UNITS, format_duration, parse_duration, shortened, ticked

S, M, H, D, W = 1_000, 60_000, 3_600_000, 86_400_000, 604_800_000

WRITTEN = {
    "250ms": 250,
    "90s": 90 * S,
    "30m": 30 * M,
    "24h": D,
    "7d": 7 * D,
    "2w": 2 * W,
    "1d12h": D + 12 * H,
    "1w1d1h1m1s1ms": W + D + H + M + S + 1,
    "12h1d": D + 12 * H,
    "0s": 0,
    "-7d": -7 * D,
    "-1d12h": -(D + 12 * H),
    "007d": 7 * D,
    "1m30s": 90 * S,
    "1m5ms": M + 5,
    "1000000d": MAX_MS,
}

NO_DURATIONS = [
    *(
        "",
        "7",
        "d",
        "7 d",
        " 7d",
        "7d ",
        "7d\n",
        "7D",
        "7days",
        "7 days",
        "1.5d",
        "1,5d",
        "+7d",
        "--7d",
        "7d-12h",
        "P7D",
        "1y",
        "1mo",
        "7dd",
        "٧d",
    ),
    *("1000001d", "99999999w", "9" * 16 + "s", "1d" * 60, "-1000001d"),
]

CANONICAL = {
    0: "0s",
    1: "1ms",
    999: "999ms",
    S: "1s",
    90 * S: "1m30s",
    D: "1d",
    7 * D: "7d",
    2 * W: "14d",
    D + 12 * H: "1d12h",
    D + 1: "1d1ms",
    -90 * S: "-1m30s",
}


@pytest.mark.parametrize(("text", "ms"), WRITTEN.items())
def test_a_written_duration_is_exact_milliseconds(text: str, ms: int) -> None:
    assert ms == parse_duration(text)


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a duration must be .*; got '"):
        parse_duration(text)


@pytest.mark.parametrize(("ms", "text"), CANONICAL.items())
def test_the_canonical_text(ms: int, text: str) -> None:
    assert text == format_duration(ms)


@given(st.integers(-MAX_MS, MAX_MS))
def test_the_canonical_text_says_the_same_duration(ms: int) -> None:
    assert ms == parse_duration(format_duration(ms))


@given(st.integers(-MAX_MS, MAX_MS))
def test_no_unit_of_the_canonical_text_could_be_larger(ms: int) -> None:
    text = format_duration(ms).lstrip("-")
    for larger, smaller in (("d", "h"), ("h", "m"), ("m", "s"), ("s", "ms")):
        part = next((int(number) for unit, number in parts(text) if unit == smaller), 0)
        assert part * UNITS[smaller] < UNITS[larger]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(UNITS))), min_size=1, max_size=6))
def test_a_sum_is_the_sum_of_its_parts(pairs: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in pairs)
    total = sum(number * UNITS[unit] for number, unit in pairs)
    if total <= MAX_MS:
        assert total == parse_duration(text)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        outcome = abs(parse_duration(text))
    except ValueError as error:
        outcome = len(str(error))
        assert outcome < 250
    assert outcome <= MAX_MS


def test_what_is_quoted_in_findings_is_short() -> None:
    assert repr("x" * 40) == shortened("x" * 40)
    assert repr("x" * 40 + "...") == shortened("x" * 41)
    assert ticked("a\n  b") == "`a b`"
    assert len(ticked("x" * 1000)) == 62


def parts(text: str) -> list[tuple[str, str]]:
    """`[("d", "1"), ("h", "12")]` of `1d12h`."""
    found, number = [], ""
    unit = ""
    for character in text + "0":
        if character.isdigit() and unit:
            found.append((unit, number))
            number, unit = "", ""
        if character.isdigit():
            number += character
        else:
            unit += character
    return found
