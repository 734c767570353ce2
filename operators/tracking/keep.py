"""`keep`: one event put to the tracking plan: taken as it is, taken without the properties that break the plan, or rejected.

A property that is null is as one that is missing. Group and alias are not looked at. Of identify, page and screen, and of the tracks that
Beckon reads itself (`ALWAYS_KNOWN`), only those are that the plan names: they need no entry.

*Guarantees*: whatever the event and the schema, there is an event or a reject, in a time that their lengths bound. Nothing that is counted
or told holds a value of the event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from operators.emit import Emit
from operators.language.check import ALWAYS_KNOWN, TAGS
from operators.plan.checked import TrackingPlan
from operators.tracking.breaches import UNKNOWN, Breach, Tracked, written
from operators.tracking.sources import Sources
from operators.tracking.strip import strip
from schemas.counts import Quality
from schemas.event import Event
from schemas.output import Reject

MOST_TOLD = 5
"""So many breaches are named in the detail of a reject."""
MOST_NAME = 100
"""So many characters of a name are."""


class Tracking:
    """A tracking plan, ready for the events of one lane."""

    def __init__(self, plan: TrackingPlan) -> None:
        self._events = {event.name: Tracked(event) for event in plan.events}
        self._on_unknown = plan.on_unknown
        self._sources = Sources()

    def keep(self, event: Event, raw: bytes, emit: Emit) -> Event | Reject:
        """The event as it is taken, changed in place, or why it is not; `raw` is the record that it came in. What is found is counted."""
        name = event.name
        if name is None:
            return event
        tracked = self._events.get(name)
        if tracked is None:
            return event if name in ALWAYS_KNOWN else self._unknown(event, emit)
        # Only such a record can hold a null.
        properties = event.properties if b"null" not in raw else without_nulls(event.properties)
        tags = tracked.tags & properties.keys()
        if tags:
            properties = {name: value for name, value in properties.items() if name not in tags}
        if tracked.is_kept(properties):
            return event
        found, rest = tracked.breaches(properties)
        fields = ((": ".join(filter(None, (name, tracked.field(breach.path)))), breach.rule) for breach in found)
        self._count(event, tracked.action, fields, emit)
        if tracked.action == "block":
            return Reject("tracking_plan", f"{name}: {told(found)}")
        if tracked.action == "strip":
            event.properties = strip(name, event.properties, rest.keys() | tags)
        return event

    def _unknown(self, event: Event, emit: Emit) -> Event | Reject:
        self._count(event, self._on_unknown, [(UNKNOWN, "unknown_event")], emit)
        if self._on_unknown == "block":
            return Reject("tracking_plan", "the event is not in the tracking plan")
        if self._on_unknown == "strip":
            event.properties = {name: value for name, value in event.properties.items() if name in TAGS}
        return event

    def _count(self, event: Event, outcome: str, found: Iterable[tuple[str, str]], emit: Emit) -> None:
        source = self._sources.of(event.source)
        for field, problem in found:
            emit.quality(event.t, Quality(source, field, problem, outcome))


def told(found: list[Breach]) -> str:
    """Breaches for people: the paths, and the rules that are broken there.

    >>> told([Breach(("products", 2, "price"), "minimum"), Breach(("order_id",), "required", missing=True), Breach((), "anyOf")])
    'products[2].price breaks minimum, order_id is missing, the properties break anyOf'
    """
    parts = [_told(breach) for breach in found[:MOST_TOLD]]
    return ", ".join([*parts, *([f"and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else [])])


def _told(breach: Breach) -> str:
    if not breach.path:
        return f"the properties break {breach.rule}"
    path = written(f"[{step}]" if isinstance(step, int) else step for step in breach.path)
    path = path if len(path) <= MOST_NAME else f"{path[:MOST_NAME]}..."
    return f"{path} is missing" if breach.missing else f"{path} breaks {breach.rule}"


def without_nulls(value: Any) -> Any:
    """The value without the nulls in its objects; in lists they stay.

    >>> without_nulls({"a": None, "b": [None, {"c": None}]})
    {'b': [None, {}]}
    """
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
