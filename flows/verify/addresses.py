"""`States`: the addresses of the persons of a live state, each with the mailbox that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from operators.clean.email import canonical_email, email_key
from operators.lane.history import read_history
from operators.lane.keys import PERSONS, PERSONS_END, Kept
from operators.lane.opening import stored_meta
from operators.lane.people import person_of
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.permission import suppression
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person

_ROWS = 1_000
"""Rows read at a time."""


class Address(NamedTuple):
    """An address of a person of a lane, in a trait. `canonical` is None where it is none; `key` is what all spellings of its mailbox
    share. Of who is `silent` nothing is told to a service: the person unsubscribed from all, or complained."""

    lane: int
    person: str
    rank: int
    trait: str
    text: str
    canonical: str | None
    key: str
    silent: bool = False


def email_traits(plan: Plan) -> list[str]:
    """The traits that have addresses: those that the plan cleans as such, `email` where it cleans none.

    >>> from operators.plan.checked import CleanPlan
    >>> email_traits(Plan("p", "UTC", 0, None, None, 0.0, (), (), (), "v", clean=CleanPlan({"work": "email", "phone": "phone"})))
    ['work']
    """
    return ["email"] if plan.clean is None else sorted(name for name, kind in plan.clean.kinds.items() if kind == "email")


class States:
    """The lanes of a job, each of them read in one moment after the other, beside the running job.

    A view of a lane holds as long as the job does not put its tables together anew; so it is not kept over what takes long (`rest`).
    """

    def __init__(self, plan: Plan, folders: Sequence[Path]) -> None:
        self._folders, self._traits = folders, email_traits(plan)
        self._views: dict[int, Store] = {}

    def addresses(self) -> Iterator[list[Address]]:
        """Those of each person, in the order of the lanes and of the persons' ids."""
        for lane in range(len(self._folders)):
            start = PERSONS
            while pairs := self.view(lane).scan(start, PERSONS_END, _ROWS):
                for _, raw in pairs:
                    person = person_of(raw)
                    assert person is not None
                    if person.to is None:
                        yield list(self._of(lane, person))
                start = pairs[-1][0] + b"\0"

    def history(self, address: Address) -> list[Kept]:
        """The kept events of the person, by time."""
        return [kept for _, kept in read_history(self.view(address.lane), address.person)]

    def view(self, lane: int) -> Store:
        """What the lane has now, or had when it was read last."""
        if lane not in self._views:
            self._views[lane] = open_live(self._folders[lane])
        return self._views[lane]

    def rest(self) -> None:
        """Lets the views go; what is read next is of a later moment."""
        while self._views:
            self._views.popitem()[1].close()

    def _of(self, lane: int, person: Person) -> Iterator[Address]:
        silent = bool(person.acts) and suppression([act for act in person.acts if act.kind != "bounced"], "", None) is not None
        for trait in self._traits:
            kept = person.traits.get(trait)
            text = None if kept is None else kept[1]
            if type(text) is str and text.strip():
                canonical = canonical_email(text)
                key = text if canonical is None else email_key(canonical)
                yield Address(lane, person.id, person.rank, trait, text if canonical is None else canonical, canonical, key, silent)


@contextmanager
def open_states(plan: Plan, states: Sequence[Path]) -> Iterator[States]:
    """The lanes in these folders. UnavailableError where there are none, UsageError where one is of another plan."""
    folders: list[Path] = []
    for state in states:
        found = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
        if not found:
            raise UnavailableError(f"there is no state in {state}; give the --state of the job")
        folders += found
    lanes = States(plan, folders)
    try:
        for lane in range(len(folders)):
            meta = stored_meta(lanes.view(lane))
            if meta is not None and meta.plan != plan.name:
                raise UsageError(f"the state was made with the plan {meta.plan}, not with {plan.name}; give that plan")
        yield lanes
    finally:
        lanes.rest()
