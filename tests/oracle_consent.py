"""What a person may be sent, worked out from all its events each time.

Written from the specification alone; which words say what is told here once more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.oracle_identity import canonical

if TYPE_CHECKING:
    from tests.oracle_calls import Event

HARD = ("hard", "permanent", "hardbounce", "bounce")
ALL = "all topics"


def text(value: Any) -> str | None:
    """A short text, also of a number."""
    written = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return written.strip() if isinstance(written, str) and 0 < len(written.strip()) <= 100 else None


def topics(event: Event) -> set[str]:
    """What an event is about; where that cannot be read, all in what restricts."""
    told = event.properties.get("topics") if event.properties.get("topics") is not None else event.properties.get("topic")
    if told is None:
        return {ALL}
    named = [text(each) for each in (told if isinstance(told, list) else [told])]
    unclear = {ALL} if event.name != "Consent Given" and (None in named or not named) else set()
    return {each for each in named if each is not None} | unclear


def tracks(events: Sequence[Event], name: str) -> list[Event]:
    return [each for each in events if (each.type, each.name) == ("track", name)]


def about(events: Sequence[Event], name: str, topic: str | None) -> list[Event]:
    """The tracks of this name about a topic, or about all of them; of no topic the latter alone."""
    return [each for each in tracks(events, name) if topics(each) & {ALL, topic or ALL}]


def proved(events: Sequence[Event], topic: str | None) -> float:
    """When consent was last given to a text that is known."""
    return max((each.t for each in about(events, "Consent Given", topic) if text(each.properties.get("text_version"))), default=-math.inf)


def consents(events: Sequence[Event], topic: str) -> bool | None:
    """Strictest over the last word of each source, but that what is proved lifts what was before it."""
    given, withdrawn = (about(events, name, topic) for name in ("Consent Given", "Consent Withdrawn"))
    for source in {source_of(each) for each in withdrawn}:
        last = max(each.t for each in withdrawn if source_of(each) == source)
        lifted = max((each.t for each in given if source_of(each) == source), default=-math.inf)
        if last >= max(lifted, proved(events, topic)):
            return False
    return True if given else None


def suppressed(events: Sequence[Event], topic: str | None, address: Any) -> bool:
    """Whether nothing is sent on a topic (None: one about which nothing is known) to an address."""
    said = [
        *about(events, "Unsubscribed", topic),
        *(each for each in events if (each.type, each.name) == ("track", "Email Marked as Spam")),
    ]
    if any(each.t >= proved(events, topic) for each in said):
        return True
    own = canonical(address)
    verified = max((each.t for each in tracks(events, "Email Verified") if own and valid(each) == own), default=-math.inf)
    back = [each for each in tracks(events, "Email Bounced") if each.properties.get("type") in HARD]
    return any(to(each) in (None, own) and each.t >= verified for each in back)


def source_of(event: Event) -> str | None:
    return text(event.properties.get("source"))


def to(event: Event) -> str | None:
    """The address that an event tells."""
    return canonical(event.properties.get("email"))


def valid(event: Event) -> str | None:
    """The address that an event finds valid."""
    return to(event) if event.properties.get("status") == "valid" else None
