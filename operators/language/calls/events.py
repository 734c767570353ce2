"""The parameters that every call over events takes."""

from __future__ import annotations

from operators.language.nodes import Parameter

EVENTS = Parameter("events", "events", required=True)
PROPERTY = Parameter("property", "property", required=True)
FILTERS = (
    Parameter("within", "within", keyword=True),
    Parameter("where", "where", keyword=True),
    Parameter("after", "events", keyword=True),
)
