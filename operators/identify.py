"""`identify`: the person that an event belongs to."""

from __future__ import annotations

from schemas.event import Event


def identify(event: Event) -> str:
    """The person's id: the `userId`, else the `anonymousId`.

    >>> identify(Event(0, "track", "A", "m", None, "visitor-1", {}))
    'visitor-1'
    """
    return event.user_id or event.anonymous_id or ""
