"""Which stages a lane drives: both, or one of them where the stream `resolved` joins two flows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from operators.identity.relay import Relay, identify_plan
from operators.lane.lane import Lane
from operators.lane.person_lane import PersonLane
from operators.lane.ports import Publisher
from operators.lane.store import Store
from operators.plan.checked import Plan

StageName = Literal["all", "identify", "person"]


def open_lane(
    stage: StageName,
    plan: Plan,
    store: Store,
    publisher: Publisher,
    partition: int = 0,
    *,
    until_ms: int | None = None,
    reached: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = lambda: 0.0,
    key: bytes = b"",
) -> Lane:
    """A lane of these stages. Errors as those of `Lane`."""
    if stage == "identify":
        plan = identify_plan(plan)
        return Lane(plan, store, publisher, partition, until_ms=until_ms, reached=reached, clock=clock, stage=Relay(plan), key=key)
    kind = PersonLane if stage == "person" else Lane
    return kind(plan, store, publisher, partition, until_ms=until_ms, reached=reached, clock=clock, key=key)
