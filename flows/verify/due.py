"""`due_addresses`: the addresses of persons of a live state, each with the mailbox that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from flows.audit.lanes import persons
from operators.clean.email import canonical_email, email_key
from operators.lane.history import read_history
from operators.lane.keys import Kept
from operators.lane.opening import stored_meta
from operators.lane.rocks import open_live
from operators.lane.store import Store
from operators.permission import suppression
from operators.plan.checked import Plan
from schemas.errors import UnavailableError, UsageError
from schemas.person import Person


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
    """The state folders of a job, open for reading: one moment of each lane, beside the running job."""

    def __init__(self, plan: Plan, stores: Sequence[Store]) -> None:
        self._stores, self._traits = stores, email_traits(plan)

    def addresses(self) -> Iterator[list[Address]]:
        """Those of each person, in the order of the lanes and of the persons' ids."""
        for lane, store in enumerate(self._stores):
            for person in persons(store):
                yield list(self._of(lane, person))

    def history(self, address: Address) -> list[Kept]:
        """The kept events of the person, by time."""
        return [kept for _, kept in read_history(self._stores[address.lane], address.person)]

    def _of(self, lane: int, person: Person) -> Iterator[Address]:
        silent = bool(person.acts) and suppression([act for act in person.acts if act.kind != "bounced"], "", None) is not None
        for trait in self._traits:
            kept = person.traits.get(trait)
            text = None if kept is None else kept[1]
            if type(text) is str and text.strip():
                canonical = canonical_email(text)
                key = text if canonical is None else email_key(canonical)
                yield Address(lane, person.id, person.rank, trait, text if canonical is None else canonical, canonical, key, silent)


def open_states(plan: Plan, states: Sequence[Path], around: ExitStack) -> States:
    """The states of these folders, closed with `around`. UnavailableError where there is none, UsageError where one is of another plan."""
    stores: list[Store] = []
    for state in states:
        folders = [path for path in sorted(state.glob("lane-*")) if path.is_dir()]
        if not folders:
            raise UnavailableError(f"there is no state in {state}; give the --state of the job")
        for folder in folders:
            store = open_live(folder)
            around.callback(store.close)
            meta = stored_meta(store)
            if meta is not None and meta.plan != plan.name:
                raise UsageError(f"the state was made with the plan {meta.plan}, not with {plan.name}; give that plan")
            stores.append(store)
    return States(plan, stores)
