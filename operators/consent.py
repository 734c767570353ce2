"""`consent`: the acts of a person that say what it may be sent, read from events of the names in `ACTS` and kept with their proof.

Kept are the latest acts alone, by event time: of consent for each topic and source, of suppression for each topic, of an address for each
address. A maximum does not hang on the order in which events arrive, so persons that become one have what one history has.

*Guarantees*: acts stay when their events leave the history. Where there are too many, what restricts goes after what permits, and what
suppresses all topics last of all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC
from typing import Any

from operators.clean.email import canonical_email, email_key
from operators.instants import instant_of
from schemas.consent import SUPPRESSING, Act, ActKind
from schemas.event import Event
from schemas.person import Person

MOST_ACTS = 200
"""So many are kept of a person."""
MOST_LENGTH = 100
"""Of a topic, a source or the version of a text, in characters."""

PERMITTING: frozenset[ActKind] = frozenset({"given", "proved", "verified"})
_BY_SOURCE: frozenset[ActKind] = frozenset({"given", "withdrawn"})
_HARD = frozenset({"hard", "hardbounce", "permanent", "bounce"})
_VALID = frozenset({"valid", "deliverable"})
ADDRESS = ("email", "recipient", "email_id")
BOUNCE_TYPE = ("bounce_type", "bounceType", "type", "severity")


def take(p: Person, event: Event) -> bool:
    """Keeps what an event of a name in `ACTS` says; true where that is new."""
    return keep(p, acts_of(event))


def keep(p: Person, acts: Iterable[Act]) -> bool:
    """Keeps acts of a person; true where one is new."""
    kept = latest(p.acts, acts)
    if kept == p.acts:
        return False
    p.acts = kept
    return True


def latest(*several: Iterable[Act]) -> list[Act]:
    """The acts that are kept of all these: of those that only differ in their proof the latest.

    >>> [act.t for act in latest([Act("unsubscribed", "", 2, "b")], [Act("unsubscribed", "", 1, "a"), Act("withdrawn", "news", 1, "c")])]
    [2, 1]
    """
    found: dict[tuple[str, str, str], Act] = {}
    for acts in several:
        for act in acts:
            place = (act.kind, act.about, (act.source or "") if act.kind in _BY_SOURCE else "")
            kept = found.get(place)
            if kept is None or _order(kept) < _order(act):
                found[place] = act
    places = sorted(found)
    if len(places) > MOST_ACTS:
        places = sorted(sorted(places, key=lambda place: _lightness(found[place]))[:MOST_ACTS])
    return [found[place] for place in places]


def _lightness(act: Act) -> tuple[bool, bool, bool, bool, int]:
    """What goes first where there are too many, the greatest: what permits, then what restricts a topic, last what suppresses all topics;
    of these the oldest."""
    one_topic = act.about != "" and act.kind != "bounced"
    return act.kind in PERMITTING, one_topic, act.kind not in SUPPRESSING, act.about != "", -act.t


def _order(act: Act) -> tuple[int, str, str, str]:
    """By time; of one instant in an order of their own, so that the order of arrival does not matter."""
    return act.t, act.message_id, act.source or "", act.text_version or ""


def untold(acts: Iterable[Act], told: Collection[str]) -> list[Act]:
    """The acts whose messageIds are none of those."""
    return [act for act in acts if act.message_id not in told]


# --- events ---------------------------------------------------------------------------------------------------------------------------


def acts_of(event: Event) -> Iterator[Act]:
    """The acts that an event tells of; none where its name is none of `ACTS`.

    >>> told = {"topic": "news", "text_version": 3, "source": "footer"}
    >>> next(acts_of(Event(5, "track", "Consent Given", "m", "u", None, told)))
    Act(kind='given', about='news', t=5, message_id='m', source='footer', text_version='3')
    """
    read = ACTS.get(event.name or "")
    if read is not None:
        source = _text(event.properties.get("source")) or event.source
        version = _text(event.properties.get("text_version"))
        for kind, about in read(event.properties):
            yield Act(kind, about, _checked(event) if kind == "verified" else event.t, event.message_id, source, version)


Told = Iterator[tuple[ActKind, str]]
"""Kinds of acts, and what each is about."""


def _given(properties: dict[str, Any]) -> Told:
    for topic in _topics(properties, ()):
        yield "given", topic
        if _text(properties.get("text_version")) is not None:
            yield "proved", topic


def _withdrawn(properties: dict[str, Any]) -> Told:
    return (("withdrawn", topic) for topic in _topics(properties, ("",)))


def _unsubscribed(properties: dict[str, Any]) -> Told:
    return (("unsubscribed", topic) for topic in _topics(properties, ("",)))


def _complained(properties: dict[str, Any]) -> Told:
    yield "complained", ""


def _bounced(properties: dict[str, Any]) -> Told:
    kinds = (properties.get(name) for name in BOUNCE_TYPE)
    if any(type(kind) is str and kind.lower().replace("_", "").replace(" ", "") in _HARD for kind in kinds):
        yield "bounced", _address(properties) or ""


def _verified(properties: dict[str, Any]) -> Told:
    status, address = properties.get("status"), _address(properties)
    if type(status) is str and status.lower() in _VALID and address is not None:
        yield "verified", address


ACTS: dict[str, Callable[[dict[str, Any]], Told]] = {
    "Consent Given": _given,
    "Consent Withdrawn": _withdrawn,
    "Unsubscribed": _unsubscribed,
    "Email Marked as Spam": _complained,
    "Email Bounced": _bounced,
    "Email Verified": _verified,
}
"""How the acts of an event are read, by its name."""


def _checked(event: Event) -> int:
    """When an address was verified: what is told later may have been found earlier."""
    checked = instant_of(event.properties.get("checked_at"), UTC)
    return event.t if checked is None else min(checked, event.t)


def _topics(properties: dict[str, Any], unclear: tuple[str, ...]) -> tuple[str, ...]:
    """The topics that an event names; all (an empty one) where it has none, `unclear` where that cannot be read."""
    topics = properties.get("topics")
    topics = properties.get("topic") if topics is None else topics
    if topics is None:
        return ("",)
    found = [_text(topic) for topic in (topics if type(topics) is list else [topics])]
    named = tuple(topic for topic in found if topic is not None)
    return named if len(named) == len(found) and named else (*named, *unclear)


def _text(value: Any) -> str | None:
    """A text, or a number as one; None for what is neither, empty or too long."""
    text = value.strip() if type(value) is str else str(value) if type(value) in (int, float) else ""
    return text if 0 < len(text) <= MOST_LENGTH else None


def _address(properties: dict[str, Any]) -> str | None:
    """The first address that an event tells, in the form in which addresses are compared."""
    return next((key for name in ADDRESS if (key := address_key(properties.get(name))) is not None), None)


def address_key(value: Any) -> str | None:
    """The form in which an address is compared; None of what is none."""
    canonical = canonical_email(value) if type(value) is str else None
    return None if canonical is None else email_key(canonical)
