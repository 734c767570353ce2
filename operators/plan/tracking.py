"""`read_tracking`: tracking.yaml to the events that rules may name, and to what events are put to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from operators.plan.checked import TrackedEvent, TrackingPlan
from operators.tracking.schemas import Wrong, wrong_in
from schemas.plan import BREACH_ACTIONS, BreachAction

DEFAULT: BreachAction = "flag"


class TrackingRead(NamedTuple):
    """The JSON Schema of each known event, the tracking plan, and what is wrong with the schemas."""

    schemas: dict[str, dict[str, Any]]
    plan: TrackingPlan
    wrong: list[Wrong]


def read_tracking(value: Any) -> TrackingRead | None:
    """What the value of the file says; None where it has no events. Keys and types are checked elsewhere: what is of another type counts
    as not written."""
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, dict):
        return None
    schemas = {name: _schema_of(event) for name, event in events.items()}
    wrong = [each._replace(path=("events", name, "schema", *each.path)) for name, schema in schemas.items() for each in wrong_in(schema)]
    if wrong:
        return TrackingRead(schemas, TrackingPlan((), DEFAULT), wrong)
    breach = _action(value, "on_breach", DEFAULT)
    tracked = (TrackedEvent(name, json.dumps(schemas[name]), _action(event, "on_breach", breach)) for name, event in events.items())
    return TrackingRead(schemas, TrackingPlan(tuple(tracked), _action(value, "on_unknown", DEFAULT)), [])


def changes_events(plan: TrackingPlan | None) -> Any:
    """What of a tracking plan can change an outcome, as JSON; None where nothing can."""
    if plan is None:
        return None
    events = sorted((event.name, event.schema, event.on_breach) for event in plan.events if event.on_breach != "flag")
    unknown = [plan.on_unknown, sorted(event.name for event in plan.events)] if plan.on_unknown != "flag" else None
    return [events, unknown] if events or unknown else None


def _schema_of(event: Any) -> dict[str, Any]:
    schema = event.get("schema") if isinstance(event, Mapping) else None
    return schema if isinstance(schema, dict) else {}


def _action(value: Any, key: str, default: BreachAction) -> BreachAction:
    written = value.get(key) if isinstance(value, Mapping) else None
    return next((action for action in BREACH_ACTIONS if action == written), default)
