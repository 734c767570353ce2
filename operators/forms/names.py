"""Names that forms use beside those of the plan: the events that they send, and what browsers fill in."""

from __future__ import annotations

from schemas.forms import FieldKind

_ALWAYS = ("form", "title", "step", "fields", "machine", "agent")
EVENTS: dict[str, tuple[str, ...]] = {
    "Form Viewed": _ALWAYS,
    "Form Submitted": (*_ALWAYS, "final", "answers"),
    "Subscription Requested": ("form", "topics", "confirm_url", "expires"),
    "Subscription Confirmed": ("form", "topics"),
}
"""The events of a form, beside `Consent Given`, and the properties that each has."""

_FILLED = {
    "email": "email",
    "phone": "tel",
    **dict.fromkeys(("firstName", "first_name"), "given-name"),
    **dict.fromkeys(("lastName", "last_name"), "family-name"),
    "name": "name",
    "company": "organization",
    "title": "organization-title",
    **dict.fromkeys(("birthday", "dateOfBirth", "date_of_birth"), "bday"),
    "country": "country-name",
    "city": "address-level2",
    **dict.fromkeys(("postalCode", "postal_code"), "postal-code"),
    "street": "street-address",
    "website": "url",
}
"""Traits that browsers know, by what HTML calls them (HTML, 4.10.18.7)."""


def autocomplete_of(name: str, kind: FieldKind) -> str:
    """What a browser may fill in; empty where it cannot know.

    >>> autocomplete_of("first_name", "text"), autocomplete_of("work", "email"), autocomplete_of("interests", "checkboxes")
    ('given-name', 'email', '')
    """
    if kind in ("checkbox", "checkboxes", "radio", "consent"):
        return ""
    return _FILLED.get(name) or {"email": "email", "tel": "tel"}.get(kind, "")
