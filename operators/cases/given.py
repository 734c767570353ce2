"""What is given in a case: its events, as the records that they stand for."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

from operators.cases.checked import Given
from operators.cases.reading import CaseReading
from operators.decode import decode
from operators.emit import Emit
from operators.instants import format_instant
from operators.language.check import unknown_event, unknown_property
from operators.plan.checked import TrackingPlan
from operators.plan.yaml_tree import Path
from operators.tracking.keep import Tracking
from schemas.cases import FIELDS, GivenFile
from schemas.event import Event
from schemas.output import REJECT_REASONS, Reject

PERSON = "person"
"""The userId of events that name nobody."""

NAMES = {"previous": "previousId"}
"""Keys that stand under another name in a record."""


def read_given(case: CaseReading, events: Any) -> list[Given]:
    """The events of a case that have no findings; their persons become known to it."""
    found = [read_event(case, ("given", i), event, i + 1) for i, event in enumerate(events if isinstance(events, list) else [])]
    return [given for given in found if given is not None]


def read_event(case: CaseReading, path: Path, raw: Any, number: int) -> Given | None:
    """One event, the `number`-th of the case."""
    right = case.validate(GivenFile, raw, path)
    if not isinstance(raw, dict):
        return None
    who = raw.get("user") or raw.get("anonymous") or PERSON
    if isinstance(who, str):
        case.persons[who] = None
    t = case.moment((*path, "at"), raw.get("at"))
    if not _fits(case, path, raw) or not right:
        return None
    record = json.dumps(_record(raw, case.start_ms if t is None else t, number), ensure_ascii=False).encode()
    event = decode(record)
    if not isinstance(event, Event):
        case.find(path, f"an event must be one that the engine takes; got one that it rejects: {REJECT_REASONS[event.reason]}")
        return None
    refused = _kept(case, event, record)
    if refused is not None:
        case.find(path, f"an event must be one that the engine takes; got one that the tracking plan blocks: {refused.detail}")
        return None
    _known(case, path, raw, event)
    return Given(record, event) if t is not None else None


def _fits(case: CaseReading, path: Path, raw: dict[str, Any]) -> bool:
    """Whether the keys go with the type; notes those that do not."""
    kind = raw.get("type", "track")
    wrong = [key for key, kinds in FIELDS.items() if key in raw and kind not in kinds]
    for key in wrong:
        got = f"`type: {kind}`" if "type" in raw else "`event`"
        case.find((*path, key), f"`{key}` must stand with {' or '.join(f'`type: {name}`' for name in FIELDS[key])}; got {got}", key=True)
    if kind == "track" and not raw.get("event"):
        case.find(path, "an event must have `event`, its name, or a `type` such as identify or page; got neither")
        return False
    return not wrong


def _record(raw: dict[str, Any], t: int, number: int) -> dict[str, Any]:
    """The record of an event, in the Segment spec."""
    record: dict[str, Any] = {"type": raw.get("type", "track"), "messageId": raw.get("id") or f"event {number}"}
    if raw.get("user") or not raw.get("anonymous"):
        record["userId"] = raw.get("user") or PERSON
    if raw.get("anonymous"):
        record["anonymousId"] = raw["anonymous"]
    if raw.get("source"):
        record["context"] = {"library": {"name": raw["source"]}}
    return record | {"timestamp": format_instant(t)} | {NAMES.get(key, key): raw[key] for key in FIELDS if key in raw}


def _kept(case: CaseReading, event: Event, record: bytes) -> Reject | None:
    """Why the tracking plan blocks an event; None where it does not."""
    plan = case.plan.tracking
    # What the plan takes out, the engine takes out of the record itself.
    kept = _tracking(plan).keep(msgspec.structs.replace(event), record, Emit("", 1)) if plan is not None else None
    return kept if isinstance(kept, Reject) else None


@lru_cache(maxsize=1)
def _tracking(plan: TrackingPlan) -> Tracking:
    return Tracking(plan)


def _known(case: CaseReading, path: Path, raw: dict[str, Any], event: Event) -> None:
    """Notes an event and properties that the tracking plan does not know."""
    events = case.reading.known.events
    if events is None or event.name is None:
        return
    if "event" in raw:
        for problem in unknown_event(0, event.name, events):
            case.find((*path, "event"), problem.text)
            return
    for inner in _paths(raw.get("properties", {})):
        for problem in unknown_property(0, inner, (event.name,), events):
            case.find((*path, "properties", *inner), problem.text, key=True)


def _paths(values: dict[str, Any]) -> list[tuple[str, ...]]:
    """The paths of all properties, those in objects too."""
    found: list[tuple[str, ...]] = []
    for name, value in values.items():
        found.append((name,))
        if isinstance(value, dict):
            found += [(name, *inner) for inner in _paths(value)]
    return found
