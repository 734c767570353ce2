"""`beckon explain`: what it prints, for people and for programs, and what it says where the history is not whole."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from flows.explain import Answer, explain_person
from flows.explain_report import show_answer
from operators.lane.lane import Lane
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.plan.checked import Plan
from schemas.errors import UsageError
from tests.command import beckon, events, plan_folder, write_lines
from tests.harness import make_plan
from tests.strategies import BASE_MS, stamp

MINUTE = 60_000
DAY = 86_400_000
RULES: dict[str, Any] = {
    "carts": {
        "title": "Left a cart behind",
        "when": "since('Product Added') >= '30m' and not did('Order Completed', after='Product Added')",
    },
    "keen": "count('Product Viewed', within='1h', where=price > 10) >= 2 or trait.vip",
    "both": "segment('carts') and not segment('keen')",
    "never": "hour() == 12 and did('Nothing')",
    "paid": "funnel('Product Added', not 'Cart Emptied', 'Order Completed', within='1d')",
}


def track(event: str, offset_ms: int, **properties: Any) -> bytes:
    record = {"type": "track", "event": event, "userId": "anna", "timestamp": stamp(offset_ms), "messageId": f"m{offset_ms // MINUTE}"}
    return json.dumps(record | {"properties": properties}).encode()


GIVEN = [
    track("Product Viewed", 0, price=20),
    track("Product Viewed", 10 * MINUTE, price=5),
    track("Product Viewed", 20 * MINUTE, price=30),
    track("Product Added", 30 * MINUTE),
    track("Cart Emptied", 40 * MINUTE),
]


def plan_of(**settings: Any) -> Plan:
    return make_plan(RULES, lateness="0s", **settings)


def state_of(folder: Path, plan: Plan, *given: bytes) -> Path:
    """A state in which these events were read."""
    lane = Lane(plan, open_store(folder / "lane-0"), MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 0, [(number, None, line) for number, line in enumerate(given)]))
    lane.close()
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return state_of(tmp_path, plan_of(), *GIVEN)


def shown(answer: Answer, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n", errors="replace")
    show_answer(answer, Console(file=file, width=width, highlight=False, _environ={}))
    file.flush()
    return raw.getvalue().decode(encoding)


NOW = """\
anna is not in carts: Left a cart behind
  never was in it
  at 2026-01-05T00:40:00.000Z, up to which the state knows what happened

✗ all of these
  ✗ since('Product Added') >= '30m': it is 10m
      2026-01-05T00:30:00.000Z  Product Added  m30
  ✓ not did('Order Completed', after='Product Added')
      after Product Added of 2026-01-05T00:30:00.000Z (m30)
      no such event

If nothing happens: enters at 2026-01-05T01:00:00.000Z, 20m later, when
  since('Product Added') >= '30m' becomes true: it is 30m then
"""
THEN = """\
anna was in keen
  since 2026-01-05T00:20:00.000Z, by Product Viewed (m20)
  at 2026-01-05T00:25:00.000Z, from the kept history alone

✓ any of these
  ✓ count('Product Viewed', within='1h', where=price > 10) >= 2: it is 2
      2026-01-05T00:20:00.000Z  Product Viewed  m20  price: 30
      2026-01-05T00:00:00.000Z  Product Viewed  m0  price: 20
  ✗ trait.vip is None

If nothing happens: leaves at 2026-01-05T01:00:00.000Z, 35m later, when
  count('Product Viewed', within='1h', where=price > 10) >= 2 becomes false: it
  is 1 then
"""
LATER = """\
anna will be in both
  since 2026-01-05T01:00:00.000Z, as time passed
  at 2026-01-05T02:00:00.000Z, if nothing happens after 2026-01-05T00:40:00.000Z

✓ all of these
  ✓ segment('carts')
      Left a cart behind: in it since 2026-01-05T01:00:00.000Z
    ✓ all of these
      ✓ since('Product Added') >= '30m': it is 1h30m
          2026-01-05T00:30:00.000Z  Product Added  m30
      ✓ not did('Order Completed', after='Product Added')
          after Product Added of 2026-01-05T00:30:00.000Z (m30)
          no such event
  ✓ not segment('keen')
      not in it
    ✗ any of these
      ✗ count('Product Viewed', within='1h', where=price > 10) >= 2: it is 0
          none: the latest, Product Viewed of 2026-01-05T00:20:00.000Z (m20), is
          left out by within='1h'
      ✗ trait.vip is None

If nothing happens: it stays so
"""
BEFORE = """\
anna did not exist yet, so was not in keen
  at 2026-01-04T23:59:59.999Z, from the kept history alone
  the first event that is kept is of 2026-01-05T00:00:00.000Z
"""
BROKEN = """\
anna is not in paid
  never was in it
  at 2026-01-05T00:40:00.000Z, up to which the state knows what happened

F funnel('Product Added', not 'Cart Emptied', 'Order Completed', within='1d')
    2026-01-05T00:30:00.000Z  step 1  Product Added  m30
    2026-01-05T00:40:00.000Z  broke it  Cart Emptied  m40

If nothing happens: it stays so
"""


@pytest.mark.parametrize(
    ("segment", "minute", "expected"),
    [("carts", None, NOW), ("keen", 25, THEN), ("both", 120, LATER), ("keen", -1 / MINUTE, BEFORE)],
    ids=["now", "then", "later", "before"],
)
def test_an_answer_for_people(state: Path, segment: str, minute: float | None, expected: str) -> None:
    at = None if minute is None else BASE_MS + round(minute * MINUTE)
    assert expected == shown(explain_person(state, "anna", plan_of(), segment, at))


def test_an_answer_without_unicode_and_what_broke_a_funnel(state: Path) -> None:
    assert shown(explain_person(state, "anna", plan_of(), "paid"), encoding="ascii") == BROKEN


def test_a_narrow_terminal_folds_lines_below_their_own_first_word(state: Path) -> None:
    lines = shown(explain_person(state, "anna", plan_of(), "keen", BASE_MS + 25 * MINUTE), width=44).splitlines()
    assert max(map(len, lines)) <= 44
    assert lines[7:9] == ["  ✓ count('Product Viewed', within='1h',", "    where=price > 10) >= 2: it is 2"]


def test_what_is_not_looked_at_to_the_end_is_said(state: Path) -> None:
    answer = explain_person(state, "anna", plan_of(), "never")
    assert answer.tried is not None
    assert shown(answer).splitlines()[-1] == f"If nothing happens: it stays so, at least up to {answer.tried}"


def test_more_events_can_be_asked_for(state: Path) -> None:
    answer = explain_person(state, "anna", plan_of(), "keen", events=1)
    assert answer.rule is not None
    count = answer.rule.parts[0].parts[0]
    assert (len(count.events), count.more) == (1, 1)


def test_a_history_that_is_not_whole_is_told(tmp_path: Path) -> None:
    plan = plan_of(history="1d", duplicates="off")
    # The sweep of the history goes with the events that come.
    later = [track("Product Viewed", 2 * DAY + number * MINUTE, price=1) for number in range(10)]
    state = state_of(tmp_path, plan, *GIVEN)
    lane = Lane(plan, open_store(tmp_path / "lane-0"), MemoryPublisher(MemoryOutput()))
    for number, line in enumerate(later, len(GIVEN)):
        lane.apply(Batch(0, number, [(number, None, line)]))
    lane.close()
    answer = explain_person(state, "anna", plan, "carts")
    start = "2026-01-07T00:00:00.000Z"
    assert answer.notes == [f"5 of 15 events are not kept any more, all before {start}: the values know them, the events shown here do not"]
    assert (answer.member, answer.since, answer.kept_from) == (True, "2026-01-05T01:00:00.000Z", start)
    past = explain_person(state, "anna", plan, "carts", BASE_MS + DAY)
    assert (past.exists, past.first) == (False, start)
    assert shown(past).splitlines()[0] == "nothing is kept of anna up to then, so carts cannot be explained"


def test_without_a_history_only_the_state_tells(tmp_path: Path) -> None:
    plan = plan_of(history="none")
    state = state_of(tmp_path, plan, *GIVEN)
    answer = explain_person(state, "anna", plan, "keen")
    assert (answer.member, answer.notes) == (True, ["no events are kept of this person, so none can be shown"])
    with pytest.raises(UsageError, match=r"--at must be 2026-01-05T00:40:00.000Z or later"):
        explain_person(state, "anna", plan, "keen", BASE_MS)


def test_a_plan_that_is_newer_than_the_state_is_told_as_it_will_be(state: Path) -> None:
    plan = make_plan(RULES | {"new": "count('Product Viewed') >= 3"}, lateness="0s")
    answer = explain_person(state, "anna", plan, "new")
    assert answer.notes == ["the state is of another version of the plan; this is what the given version makes of it"]
    # It takes effect now; the history alone would tell of an earlier entry.
    assert (answer.member, answer.since, answer.cause) == (True, "2026-01-05T00:40:00.000Z", {"plan": plan.version})
    assert shown(answer).splitlines()[1] == "  since 2026-01-05T00:40:00.000Z, as the plan takes effect"
    assert explain_person(state, "anna", plan, "new", BASE_MS + 30 * MINUTE).since == "2026-01-05T00:20:00.000Z"


# --- the command ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan, and the state of a run over a few events."""
    plan_folder(tmp_path / "plan")
    write_lines(tmp_path / "events.jsonl", events(3, 12))
    assert beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=tmp_path).returncode == 0
    return tmp_path


def test_the_command_prints_an_answer(folder: Path) -> None:
    done = beckon("explain", "p1", "looking", "--plan", "plan", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("p1 is in looking\n  since 2026-01-01T11:30:00.000Z, by Product Viewed (t1-11)\n")
    found = json.loads(beckon("explain", "p1", "looking", "--json", cwd=folder, BECKON_PLAN="plan", BECKON_STATE="out/state").stdout)
    assert {
        key: found[key] for key in ("person", "segment", "plan", "partition", "basis", "exists", "member", "since", "cause", "tried")
    } == {
        "person": "p1",
        "segment": "looking",
        "plan": "tiny",
        "partition": 0,
        "basis": "state",
        "exists": True,
        "member": True,
        "since": "2026-01-01T11:30:00.000Z",
        "cause": {"event": "t1-11", "name": "Product Viewed"},
        "tried": None,
    }
    assert found["when"] == found["rule"]["text"]
    assert found["changes"] == {
        "at": "2026-01-01T12:30:00.000Z",
        "after_ms": 60 * MINUTE - 1,
        "member": False,
        "because": [{"text": "did('Product Viewed', within='1h')", "value": False, "of": None}],
    }


def test_a_date_is_its_midnight_in_the_zone_of_the_plan(folder: Path) -> None:
    with (folder / "plan" / "plan.yaml").open("a", encoding="utf-8") as file:
        file.write("timezone: Europe/Berlin\n")
    found = json.loads(beckon("explain", "p1", "looking", "--plan", "plan", "--at", "2026-01-03", "--json", cwd=folder).stdout)
    assert (found["at"], found["basis"], found["member"]) == ("2026-01-02T23:00:00.000Z", "forecast", False)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("p1", "lookin", "--plan", "plan"), 2, "a segment must be one of the plan tiny; got 'lookin'; did you mean 'looking'?"),
        (("p1", "looking"), 2, "no plan: give --plan, the folder with plan.yaml and segments.yaml"),
        (("p1", "looking", "--plan", "plan", "--at", "soon"), 2, "--at must be an RFC 3339 date and time, or a date; got 'soon'"),
        (("nobody", "looking", "--plan", "plan"), 3, "the state in out/state knows no such person"),
        (("p1", "looking", "--plan", "plan", "--state", "none"), 3, "there is no state in none; give the --state of the job"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(folder: Path, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    done = beckon("explain", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"beckon: {sentence}")
    assert done.stderr.count("\n") == 1
