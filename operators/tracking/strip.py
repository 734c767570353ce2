"""`strip`: what is left of an event's properties where those that break the tracking plan are taken out.

*Guarantees*: an event of a name in `ACTS` permits nothing that it does not permit as it came, and restricts no less.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from operators.consent import ACTS, ADDRESS, BOUNCE_TYPE, PERMITTING

_TOPICS = frozenset({"topic", "topics"})
_READ = _TOPICS | {"source", "status", "checked_at", *ADDRESS, *BOUNCE_TYPE}
"""What acts are read by. The version of a text is not here: without it an act permits less."""
_NO_TOPICS: dict[str, Any] = {"topics": []}
"""Topics that cannot be read: none in what permits, all in what restricts."""
_NOTHING = {"Consent Given": _NO_TOPICS, "Email Verified": {"status": None}}
"""What makes an event that can permit something one that permits nothing."""


def strip(name: str, properties: dict[str, Any], sound: Collection[str]) -> dict[str, Any]:
    """The properties without those that are not sound. Where an act is read by one of these, what permits then permits nothing; what
    restricts keeps it, but for its topics, which then are all.

    >>> strip("Consent Given", {"topic": "N", "x": 1}, {"x"}), strip("Product Viewed", {"topic": "N", "x": 1}, {"x"})
    ({'x': 1, 'topics': []}, {'x': 1})
    """
    # A null breaks nothing, and in an identify it takes a trait away.
    left = {key: value for key, value in properties.items() if value is None or key in sound}
    gone = _READ & (properties.keys() - left.keys()) if name in ACTS else frozenset()
    if not gone:
        return left
    if name in _NOTHING:
        return left | _NOTHING[name] if any(kind in PERMITTING for kind, _ in ACTS[name](left)) else left
    kept = {key: value for key, value in properties.items() if key in left or key in gone - _TOPICS}
    return kept | _NO_TOPICS if gone & _TOPICS else kept
