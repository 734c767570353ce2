"""`clean`: one event with its data in standard forms: the traits of an identify, and e-mail and phone of other events.

The country in which a phone number, a date or an address is read is that of the same event (`country`, or that of `address`), else the
plan's. Beside a value that changed stands the one that came (`email_raw`), beside an e-mail address a verdict (`email_verdict`).

*Guarantees*: pure; nothing but traits and properties changes. Cleaned again, an event stays as it is. A value that cannot be read stays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from operators.clean.companions import RAW, VERDICT, is_companion
from operators.clean.countries import country_code
from operators.clean.email import canonical_email
from operators.clean.kinds import CLEANERS, Cleaner
from operators.clean.text import clean_texts
from operators.clean.verdict import email_verdict
from operators.emit import Emit
from operators.plan.checked import CleanPlan
from operators.tracking.sources import Sources
from schemas.counts import CLEANED, Quality
from schemas.event import Event

OTHER = "*"
"""Stands for the names that the plan does not have, where they are counted: an event can have any."""
_PROPERTIES = ("email", "phone")
"""What is meant by these in the properties of any event is plain."""


class Found(NamedTuple):
    """What was found in a field: it was `changed`, is `invalid`, or is `missing` from an identify."""

    field: str
    problem: str


class Clean:
    """The cleaning of a plan, ready for the events of one lane."""

    def __init__(self, plan: CleanPlan) -> None:
        self._cleaners: dict[str, Cleaner] = {name: CLEANERS[kind] for name, kind in plan.kinds.items() if kind != "off"}
        self._off = frozenset(name for name, kind in plan.kinds.items() if kind == "off")
        self._emails = frozenset(name for name, kind in plan.kinds.items() if kind == "email")
        self._properties = {name: CLEANERS[kind] for name in _PROPERTIES if (kind := plan.kinds.get(name, "off")) != "off"}
        self._expected, self._country = plan.expected, plan.country
        self._sources = Sources()

    def count(self, found: list[Found], event: Event, emit: Emit) -> None:
        """Counts what was found in an event."""
        source = self._sources.of(event.source)
        for field, problem in found:
            emit.quality(event.t, Quality(source, field, problem, CLEANED if problem == "changed" else "kept"))

    def clean(self, event: Event) -> list[Found]:
        """Cleans an event in place, and gives what was found in it."""
        if event.kind == "identify":
            return self._traits(event)
        properties = event.properties
        for name in self._properties:
            if name in properties:
                return self._cleaned(event, {name: properties[name] for name in self._properties if name in properties})
        return []

    def _traits(self, event: Event) -> list[Found]:
        traits = event.properties
        found = self._cleaned(event, {name: value for name, value in traits.items() if name not in self._off})
        for name in self._emails & traits.keys():
            value = traits[name]
            # Of what is no string there is nothing to say.
            canonical = canonical_email(value) if type(value) is str else None
            event.properties[name + VERDICT] = email_verdict(value, canonical) if type(value) is str and value.strip() else None
        return found + [Found(name, "missing") for name in self._expected if traits.get(name) in (None, "")]

    def _cleaned(self, event: Event, values: dict[str, Any]) -> list[Found]:
        """Cleans these values of an event."""
        country, found, new = self._country_of(values), [], dict(event.properties)
        for name, value in values.items():
            cleaner = self._cleaners.get(name)
            if cleaner is not None:
                cleaned, sound = cleaner(value, country)
            elif is_companion(name, values):
                continue
            else:
                cleaned, sound = clean_texts(value), True
            if not sound:
                found.append(Found(name, "invalid"))
            if cleaned != value:
                new[name], new[name + RAW] = cleaned, value
                found.append(Found(name if cleaner is not None else OTHER, "changed"))
        event.properties = new
        return found

    def _country_of(self, values: dict[str, Any]) -> str | None:
        """The country of the person as the event tells it, else the plan's."""
        country, address = values.get("country"), values.get("address")
        if type(country) is not str and type(address) is dict:
            country = address.get("country")
        return (country_code(country, self._country) if type(country) is str else None) or self._country
