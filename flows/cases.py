"""`run_cases`: the tests of a plan through the engine, in memory and in event time alone.

Each check is a run of its own, from the first event to the instant of the check, so that no check has an effect on another. The plan is
compiled once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from time import perf_counter
from typing import Any

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.cases.checked import Case, Check
from operators.cases.compare import compare
from operators.cases.explain import Explain, Failure
from operators.cases.outcome import outcome_of
from operators.identify import identify
from operators.identity.resolve import present
from operators.lane.keys import person_key
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.people import person_of
from operators.lane.ports import Batch
from operators.person import PersonStage
from operators.plan.checked import Plan
from schemas.person import Person, new_person


@dataclass(frozen=True, slots=True)
class Result:
    """A case that was run; it passed where there are no failures."""

    case: Case
    failures: tuple[Failure, ...]
    seconds: float


def run_cases(plan: Plan, cases: Iterable[Case]) -> Iterator[Result]:
    """The results of the cases, one after the other."""
    engine = _Engine(plan)
    for case in cases:
        started = perf_counter()
        failures = [failure for check in case.checks for failure in engine.failures(case, check)]
        yield Result(case, tuple(failures), perf_counter() - started)


class _Engine:
    """The plan with its persons in hold-outs or out of them, as cases say, each of these compiled once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stages: dict[tuple[bool, frozenset[str]], tuple[Plan, PersonStage]] = {}

    def failures(self, case: Case, check: Check) -> list[Failure]:
        """What of a check does not hold."""
        plan, stage = self._stage(case)
        output, store = MemoryOutput(), MemoryStore()
        lane = Lane(plan, store, MemoryPublisher(output), until_ms=check.at_ms, stage=stage)
        arrived = takewhile(lambda given: given.event.t <= check.at_ms, case.given)
        lane.apply(Batch(0, 0, numbered([given.record for given in arrived]), end=True))
        lane.close()
        values_of = (value for _, _, value in sorted(record for records in output.streams.values() for record in records))

        def known_as(person: str) -> Person:
            return present(lambda name: person_of(store.get(person_key(name))), person) or new_person(person)

        persons = dict.fromkeys(identify(given.event) for given in case.given)
        # Who is named by an e-mail address that came with a trait goes in the case by the id that its events have.
        told = {id: person for person in persons if (id := known_as(person).id) not in persons}
        outcome = outcome_of(values_of, told)

        def values(person: str, segment: str) -> dict[str, Any]:
            known = known_as(person)
            [rule] = [rule for rule in stage.rules.rules if rule.id == segment]
            return {text: value(known, check.at_ms) for text, value in rule.calls}

        explain = Explain(plan, case, check, outcome, values)
        return [explain.failure(difference) for difference in compare(check, outcome)]

    def _stage(self, case: Case) -> tuple[Plan, PersonStage]:
        """Whether somebody is in a hold-out hangs on the name alone, and names of cases are made up: so a share becomes all or nobody."""
        key = (case.in_holdout, case.holdouts)
        if key not in self._stages:
            campaigns = tuple(replace(each, holdout=float(each.id in case.holdouts)) for each in self._plan.campaigns)
            plan = replace(self._plan, holdout=float(case.in_holdout), campaigns=campaigns)
            self._stages[key] = (plan, PersonStage(plan))
        return self._stages[key]


def untested(plan: Plan, cases: Iterable[Case]) -> dict[str, list[str]]:
    """The segments that no case expects anybody in, and the campaigns that none expects a trigger or a decision of."""
    named: dict[str, set[str]] = {"segments": set(), "campaigns": set()}
    for want in (want for case in cases for check in case.checks for want in check.wants):
        if want.kind != "not_members":
            named["campaigns" if want.kind in ("triggers", "decisions") else "segments"] |= {entry.id for entry in want.entries}
    return {
        "segments": [segment.id for segment in plan.segments if segment.id not in named["segments"]],
        "campaigns": [campaign.id for campaign in plan.campaigns if campaign.id not in named["campaigns"]],
    }
