"""`trial`: what an expression of the rule language gives for a person of a few events; for examples."""

from __future__ import annotations

from typing import Any

from operators.emit import Emit
from operators.language.nodes import Call, Compare, ListOf, Or
from operators.language.parse import rule
from operators.person import PersonStage
from operators.plan.checked import Plan, Segment
from schemas.event import Event
from schemas.person import new_person

HOUR_MS = 3_600_000


def trial(text: str, *events: tuple[str, float, dict[str, Any]], at: float, zone: str = "UTC") -> Any:
    """The value of a call at an instant, as a `why` tells it. Events are `(name, time, properties)` in the order of their arrival, those
    named Identified bring traits; times are in hours after the beginning of 1970 (UTC), and events after the instant are left out.

    >>> trial("count('A', within='2h')", ("A", 0, {}), ("A", 1, {}), ("A", 2, {}), at=2)
    2
    """
    # In a list: a value that is compared is kept only as far as the comparison needs it.
    when = Or((Compare("!=", ListOf((rule(text),)), ListOf(())), Call("everyone", ())))
    stage = PersonStage(Plan("trial", zone, 0, None, None, 0.0, (), (Segment("it", "", when, ""),), (), ""))
    p, emit, now = new_person("u"), Emit("trial", 1), round(at * HOUR_MS)
    for number, (name, hours, properties) in enumerate(events):
        kind, t = "identify" if name == "Identified" else "track", round(hours * HOUR_MS)
        if t <= now:
            stage.apply(p, Event(t, kind, name, f"m{number}", p.id, None, properties), t, emit)  # type: ignore[arg-type]  # one of the two
    stage.advance(p, now + 1, emit)
    return stage.rules.rules[-1].calls[0][1](p, now)
