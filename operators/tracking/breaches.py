"""`Tracked`: one event of the tracking plan, and what of an event's properties breaks its schema.

Properties are looked at one by one: of each that breaks the schema the first thing that does is told. So the time is bounded by the number
of properties times the time of looking at all, and what is told is no longer than the event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from jsonschema_rs import ValidationError

from operators.language.check import PAGE_EVENTS, PAGE_FIELDS, TAGS
from operators.plan.checked import TrackedEvent
from operators.tracking.schemas import parts_of
from operators.tracking.validators import validator_of

Path = tuple[str | int, ...]

MOST_BREACHES = 100
"""Of an event; where it has more the rest is not told, and goes as what breaks the schema goes."""
UNKNOWN = "*"
"""Stands for a name that the schema does not have, where names are counted: an event can have any."""
ITEM = "[]"


class Breach(NamedTuple):
    """One thing in an event that breaks its schema: the path from the properties on, and the keyword of the schema. The empty path is all
    properties together. `missing` says that there is nothing at the path."""

    path: Path
    rule: str
    missing: bool = False


class Tracked:
    """An event of the tracking plan. `is_kept` says whether properties keep its schema, which costs less than a microsecond; `action` is
    what becomes of an event that does not; `tags` are the properties of Beckon's own, which are not put to the schema."""

    def __init__(self, event: TrackedEvent) -> None:
        schema: dict[str, Any] = json.loads(event.schema)
        if event.name in PAGE_EVENTS:
            schema = {**schema, "properties": {**dict.fromkeys(PAGE_FIELDS, True), **schema.get("properties", {})}}
        required = schema.get("required")
        self.name, self.action = event.name, event.on_breach
        self.is_kept = validator_of(schema).is_valid
        self._required: list[str] = required if isinstance(required, list) else []
        # What is missing hides what is wrong, so it is looked for apart.
        self._loose = validator_of({keyword: value for keyword, value in schema.items() if keyword != "required"})
        self._names = {name for _, part in parts_of(schema) for name in _named(part)}
        # Those of an identify are traits.
        self.tags = frozenset() if event.name == "Identified" else TAGS.difference(_named(schema))

    def breaches(self, properties: dict[str, Any]) -> tuple[list[Breach], dict[str, Any]]:
        """What breaks the schema, and the properties without those that do; what is missing stays so."""
        missing = (Breach((name,), "required", missing=True) for name in self._required if name not in properties)
        found = list(islice(missing, MOST_BREACHES))
        rest = dict(properties)
        while len(found) < MOST_BREACHES:
            try:
                self._loose.validate(rest)
            except ValidationError as error:
                told = list(_told(error))
                found += told[: MOST_BREACHES - len(found)]
                offending = {breach.path[0] for breach in told if breach.path and breach.path[0] in rest}
                if not offending:
                    return found, rest
                rest = {name: value for name, value in rest.items() if name not in offending}
            else:
                return found, rest
        return found, rest if self._loose.is_valid(rest) else {}

    def field(self, path: Path) -> str:
        """The path for a count: of few values, since what the schema does not name is `*`.

        >>> event = TrackedEvent("A", '{"properties": {"products": {"items": {"properties": {"price": {"type": "number"}}}}}}', "flag")
        >>> Tracked(event).field(("products", 3, "price")), Tracked(event).field(("anna@example.com",))
        ('products[].price', '*')
        """
        return written(ITEM if isinstance(step, int) else step if step in self._names else UNKNOWN for step in path)


def _named(part: Mapping[str, Any]) -> Iterator[str]:
    """The names of properties in a schema."""
    if isinstance(part.get("properties"), dict):
        yield from part["properties"]
    if isinstance(part.get("required"), list):
        yield from part["required"]


def _told(error: ValidationError) -> Iterator[Breach]:
    """What an error says: the path and the keyword, of names that are not wanted one each."""
    path, told = tuple(error.instance_path), error.kind.as_dict()
    rule = error.kind.name
    if rule == "required":
        yield Breach((*path, told["property"]), rule, missing=True)
    elif rule in ("additionalProperties", "unevaluatedProperties"):
        yield from (Breach((*path, name), rule) for name in told["unexpected"])
    elif rule == "propertyNames" and isinstance(told["error"].instance, str):
        yield Breach((*path, told["error"].instance), rule)
    else:
        yield Breach(path, rule)


def written(steps: Iterator[str]) -> str:
    """A path in one text.

    >>> written(iter(["products", "[]", "price"]))
    'products[].price'
    """
    return "".join(step if step.startswith("[") else f".{step}" for step in steps).removeprefix(".")
