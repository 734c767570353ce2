"""What is noted of segments that lie in others, and what is not."""

from __future__ import annotations

import json

import pytest

from operators.plan.notes import notes
from operators.plan.read import read_plan


def noted(segments: str) -> list[str]:
    """The notes of a plan whose segments.yaml has these lines."""
    files = {"plan.yaml": "name: shop", "segments.yaml": f"segments:\n{segments}"}
    return list(map(str, notes(read_plan(files), files)))


def test_a_note_stands_where_the_rule_does() -> None:
    found = noted("""\
  week: did('A', within='7d')
  keen:
    title: Keen
    when: >-
      trait.x and
      count('A', within='1d') > 3
""")
    assert found == ["segments.yaml:6:7: note: everybody in 'keen' is in 'week' too"]


CASES: dict[str, tuple[dict[str, str], list[str]]] = {
    "what follows from other notes is not said": (
        {"a": "did('A', within='1d')", "b": "did('A', within='7d')", "c": "did('A', within='30d')", "d": "did('A')"},
        ["everybody in 'a' is in 'b' too", "everybody in 'b' is in 'c' too", "everybody in 'c' is in 'd' too"],
    ),
    "two around one": (
        {"a": "did('A', within='1d') and trait.x == 1", "b": "did('A')", "c": "trait.x > 0"},
        ["everybody in 'a' is in 'b' too", "everybody in 'a' is in 'c' too"],
    ),
    "the same members": ({"a": "did('A')", "b": "count('A') > 0"}, ["'a' and 'b' have the same members"]),
    "of the same members one speaks for all": (
        {"a": "did('A')", "b": "count('A') > 0", "c": "since('A') is not None", "d": "did('A', within='1d')", "e": "did('*')"},
        [
            "everybody in 'a' is in 'e' too",
            "'a' and 'b' have the same members",
            "'a' and 'c' have the same members",
            "everybody in 'd' is in 'a' too",
        ],
    ),
    "what stands in the rule is not said": (
        {"a": "segment('b') and trait.x", "b": "did('A')", "c": "segment('a') or did('B')", "d": "segment('a')"},
        [],
    ),
    "nor that somebody is in it for so long": ({"a": "in_segment_for('b') > '1d'", "b": "did('A')"}, []),
    "but what else it says": (
        {"a": "segment('b') and trait.x", "b": "did('A')", "c": "did(['A', 'B'])"},
        ["everybody in 'b' is in 'c' too"],
    ),
    "a condition that says nothing more": (
        {"a": "segment('b') and did('A')", "b": "did('A', within='1d')"},
        ["'a' and 'b' have the same members"],
    ),
    "everybody is in everyone": ({"a": "everyone", "b": "did('A')", "c": "not everyone"}, []),
    "no more than that": (
        {"a": "did('A')", "b": "did('B')", "c": "did('B', after='A') and trait.x"},
        ["everybody in 'c' is in 'a' too", "everybody in 'c' is in 'b' too"],
    ),
    "neighbours": ({"a": "trait.x > 1", "b": "trait.x < 3", "c": "did('A', within='1d')", "d": "since('A') > '12h'"}, []),
}


@pytest.mark.parametrize(("segments", "expected"), CASES.values(), ids=CASES)
def test_what_is_noted(segments: dict[str, str], expected: list[str]) -> None:
    files = {"plan.yaml": "name: shop", "segments.yaml": json.dumps({"segments": segments})}
    assert expected == [note.text for note in notes(read_plan(files), files)]


def test_of_very_many_segments_the_first_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operators.plan.notes.MOST_SEGMENTS", 2)
    found = noted("  a: did('A')\n  b: count('A') > 1\n  c: count('A') > 2\n")
    assert found == [
        "segments.yaml:1:1: note: of 3 segments the first 2 are compared with each other",
        "segments.yaml:3:6: note: everybody in 'b' is in 'a' too",
    ]


def test_a_plan_of_many_segments_is_compared() -> None:
    made = [f"  s{number}: did('E{number % 40}', within='{number + 1}d') and trait.x == {number % 7}\n" for number in range(200)]
    # Of each event and value of the trait each window lies in the next longer one.
    chains = len({(number % 40, number % 7) for number in range(200)})
    assert 200 - chains == len(noted("".join(made)))
