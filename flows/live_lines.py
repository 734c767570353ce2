"""The lines of the demo's second act: an event that came in, and what it set off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from flows.demo import sample, shown
from operators.instants import parse_instant
from schemas.output import DECISION_REASONS, Stream

TOLD = ("name", "category", "price", "query", "order_id", "total", "form", "topics")
"""What is shown of the properties of an event, where it has it."""
SHORT = 8
"""So much is shown of an id that nobody reads."""


def event_line(record: Any) -> Text:
    """A record that is in the log, whatever it is; of an identify the names of the traits.

    >>> event_line({"type": "track", "event": "Product Viewed", "anonymousId": "8f3a-1", "properties": {"name": "Ilmen 5"}}).plain
    'Product Viewed        Ilmen 5  (8f3a-1)'
    """
    event = _object(record)
    kind, properties = str(event.get("type")), _object(event.get("properties"))
    name = str(event.get("event") or {"page": "Page Viewed", "screen": "Screen Viewed", "identify": "Identified"}.get(kind, kind))
    if kind == "identify":
        told = ", ".join(sorted(_object(event.get("traits"))))
    else:
        found = {"name": event["name"], **properties} if "name" in event else properties
        told = ", ".join(shown(found[field]) for field in TOLD if field in found)
    who = str(event.get("userId") or event.get("anonymousId") or "")
    return _text((f"{name:<20}", "bold"), told, (f"({who if '@' in who else who[:SHORT]})" if who else "", "dim"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def output_line(stream: Stream, record: Mapping[str, Any], now_ms: int) -> Text:
    """One thing that came out of the job by `now_ms`: who came into a segment or left it, what is to be sent, what is not and why."""
    data = record["data"] or {}
    if stream == "triggers":
        trigger = sample(dict(record))
        after = f"{max(now_ms - parse_instant(trigger.time), 0) / 1000:.1f} s after it happened"
        return _line("TRIGGER", "bold green", trigger.campaign, f"to {trigger.to}, {trigger.occasion}", after)
    if stream == "decisions":
        return _line("not sent", "yellow", data["campaign"], DECISION_REASONS[data["reason"]])
    if stream == "transitions" and data:
        entered = str(record["type"]).endswith("entered")
        why = ", ".join(f"{name} = {shown(value)}" for name, value in data["why"].items())
        return _line("entered" if entered else "left", "cyan" if entered else "blue", data["segment"], why)
    return _line("rejected" if stream == "rejects" else "erased", "red", str(data.get("reason", "")), str(data.get("detail", "")))


def _line(what: str, style: str, name: str, told: str, more: str = "") -> Text:
    line = _text((f"  {what:<9}", style), (name, "bold"), told, (f"({more})" if more else "", "dim"))
    # What is to be sent is worth more than a line.
    line.no_wrap, line.overflow = what != "TRIGGER", "ellipsis"
    return line


def _text(*parts: str | tuple[str, str]) -> Text:
    return Text("  ").join(Text.assemble(part) for part in parts if part and part[0])
