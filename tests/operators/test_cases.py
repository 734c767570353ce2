"""The worked cases of the specification, against the oracle and against the engine, as far as they use calls that there are.

Segments whose rules use calls that are not in `CALLS` are left out, with those that refer to them: the name of the test says which. A case
without other segments is skipped.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from operators.language.calls import CALLS
from operators.language.durations import parse_duration
from tests.harness import make_plan, run_engine
from tests.oracle import Line, Oracle

FOLDER = Path(__file__).parents[3] / "shared/design/cases"
FILES = sorted(FOLDER.glob("*.yaml"))
BASE = datetime(2026, 1, 5, tzinfo=UTC)
STAMPS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")


def case(path: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(path.read_text()))


def instant(offset: str) -> datetime:
    """The instant of an offset such as `+7d-1ms`."""
    return BASE + timedelta(milliseconds=sum(parse_duration(part.replace("+", "")) for part in re.findall(r"[+-][^+-]+", offset)))


def written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(event: dict[str, Any], number: int) -> bytes:
    """The line of an event of a case."""
    if "line" in event:
        return str(event["line"]).encode()
    made = {"type": event.get("type", "track"), "messageId": event.get("id", f"m{number}"), "userId": event.get("user", "u1")}
    if "at" in event:
        made["timestamp"] = written(instant(event["at"]))
    if "anonymous" in event:
        made["anonymousId"] = event["anonymous"]
        made |= {} if "user" in event else {"userId": None}
    made |= {key: event[key] for key in ("event", "properties", "traits") if key in event}
    made |= {key: written(instant(v)) if key in STAMPS and str(v)[:1] in "+-" else v for key, v in event.get("raw", {}).items()}
    return json.dumps(made).encode()


def usable(segments: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The segments whose rules use known calls alone, also in what they refer to; and the ids of the others."""
    calls = {id_: [call for call in ast.walk(ast.parse(rule, mode="eval")) if isinstance(call, ast.Call)] for id_, rule in segments.items()}
    left = dict(segments)
    while unknown := [id_ for id_ in left if any(not is_known(call, left, segments) for call in calls[id_])]:
        for id_ in unknown:
            del left[id_]
    return left, [id_ for id_ in segments if id_ not in left]


def is_known(call: ast.Call, left: dict[str, str], segments: dict[str, str]) -> bool:
    if isinstance(call.func, ast.Attribute):
        return True
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    refers = [argument.value for argument in call.args if isinstance(argument, ast.Constant) and argument.value in segments]
    keywords = {parameter.name for parameter in CALLS[name].parameters if parameter.keyword} if name in CALLS else set()
    is_here = name in ("trait", "prop") or name in CALLS
    return is_here and {keyword.arg for keyword in call.keywords} <= keywords and all(other in left for other in refers)


def expected(lines: list[str], segments: dict[str, str]) -> dict[tuple[int, str, str], list[tuple[str, str]]]:
    """What each person is expected to enter and leave, by instant and cause."""
    found = defaultdict(list)
    for line in lines:
        at, person, kind, segment, cause = line.split()
        if segment in segments:
            found[round(instant(at).timestamp() * 1000), person, cause].append((kind, segment))
    return {place: sorted(changes) for place, changes in found.items()}


def grouped(lines: list[Line]) -> dict[tuple[int, str, str], list[tuple[str, str]]]:
    found = defaultdict(list)
    for at, person, kind, segment, cause in lines:
        found[at, person, cause].append((kind, segment))
    return {place: sorted(changes) for place, changes in found.items()}


def cases() -> Iterator[Any]:
    """Each case, named by its file and by what is left out of it."""
    for path in FILES:
        told = case(path)
        segments, later = usable(told["segments"])
        skip = pytest.mark.skip(reason=f"only segments with calls that come later: {', '.join(later)}")
        yield pytest.param(told, segments, id=" without ".join([path.stem, *later]), marks=[] if segments else [skip])


@pytest.mark.skipif(not FILES, reason="the folder ../shared/design/cases is absent")
@pytest.mark.parametrize("way", ["oracle", "engine", "engine one by one"])
@pytest.mark.parametrize(("told", "segments"), list(cases()))
def test_a_case_gives_the_transitions_that_were_worked_out_by_hand(told: dict[str, Any], segments: dict[str, str], way: str) -> None:
    plan = make_plan(segments, **({"lateness": told["lateness"]} if "lateness" in told else {}))
    lines = [record(event, number) for number, event in enumerate(told["events"], 1)]
    until = round(instant(told["until"]).timestamp() * 1000) if "until" in told else None
    if way == "oracle":
        transitions = Oracle(plan, until).run(lines).transitions
    else:
        transitions = run_engine(plan, lines, until_ms=until, batches=1 if way == "engine one by one" else len(lines)).transitions
    assert grouped(transitions) == expected(told["expect"], segments)


def test_segments_with_unknown_calls_are_left_out_and_named() -> None:
    segments = {"a": "did('A')", "b": "model('x') > 1", "c": "segment('b')", "d": "segment('a') and trait.x.lower() == 'y'"}
    assert usable(segments) == ({"a": segments["a"], "d": segments["d"]}, ["b", "c"])


def test_an_offset_is_a_sum() -> None:
    assert instant("+7d-1ms") == BASE + timedelta(days=7, milliseconds=-1)
    assert instant("+1d12h") == BASE + timedelta(days=1, hours=12)
