"""What an audit must say, worked out the long way: from the published records of a run and the persons in its store."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from operators.lane.keys import PERSONS, PERSONS_END
from operators.lane.people import person_of
from operators.lane.store import Store
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.person import Person
from tests.harness import Run, milliseconds

DAY_MS = 86_400_000
Counted = dict[int, tuple[Counter[tuple[str, str]], Counter[tuple[str, str]], Counter[tuple[str, str]]]]
"""By day: `(segment, "entered" | "exited")`, `(left, entered)`, `(campaign, reason or "triggered")`."""


def persons_of(store: Store) -> list[Person]:
    """All persons of a lane."""
    found = [person_of(raw) for _, raw in store.scan(PERSONS, PERSONS_END, 1 << 30)]
    return [person for person in found if person is not None and person.to is None]


def ids_of(plan: Plan) -> list[str]:
    """The segments by their numbers in a person; hidden ones are among them."""
    return [rule.id for rule in PersonStage(plan).rules.rules]


def members_of(plan: Plan, persons: list[Person]) -> dict[str, set[str]]:
    """The persons of each segment of the plan."""
    numbers = {id: no for no, id in enumerate(ids_of(plan))}
    return {segment.id: {p.id for p in persons if numbers[segment.id] in p.members} for segment in plan.segments}


def days_of(run: Run) -> Counted:
    """What was published, by day."""
    found: Counted = {}
    for day, _, evaluation in evaluations(run):
        segments, moves, _ = found.setdefault(day, (Counter(), Counter(), Counter()))
        segments.update(evaluation)
        left, entered = ([segment for segment, kind in evaluation if kind == wanted] for wanted in ("exited", "entered"))
        moves.update(itertools.product(left, entered))
    for record in run.records:
        kind, data = record["type"].removeprefix("beckon."), record["data"]
        if kind in ("trigger", "decision"):
            sendings = found.setdefault(day_of(record), (Counter(), Counter(), Counter()))[2]
            sendings[data["campaign"], data.get("reason", "triggered")] += 1
    return found


def evaluations(run: Run) -> Iterator[tuple[int, str, list[tuple[str, str]]]]:
    """Day, person and what changed, of each evaluation that had transitions: they share person, instant and cause."""
    changes = [record for record in run.records if record["type"].startswith("beckon.segment.")]
    for _, group in itertools.groupby(changes, lambda record: (record["subject"], record["time"], record["data"]["cause"])):
        records = list(group)
        made = [(record["data"]["segment"], record["type"].removeprefix("beckon.segment.")) for record in records]
        yield day_of(records[0]), records[0]["subject"], made


def day_of(record: dict[str, Any]) -> int:
    """The day of a record, since 1970."""
    return milliseconds(record["time"]) // DAY_MS


def entries_of(run: Run) -> Counter[tuple[str, str, int]]:
    """How often each person entered each segment on each day."""
    return Counter(
        (person, segment, day) for day, person, evaluation in evaluations(run) for segment, kind in evaluation if kind == "entered"
    )
