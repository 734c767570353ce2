"""`lessons`: what events that are no form's tell that matters for what forms ask: traits that are known, identifiers of one person, consent
that was given or withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from operators.clean.email import canonical_email
from operators.forms.form import IDENTIFYING
from operators.forms.records import LIBRARY

_WITHDRAWN = frozenset({"Consent Withdrawn", "Unsubscribed"})
_MOST_ID = 1024


class Lesson(NamedTuple):
    """Of a person, by its identifiers from the highest-ranking on: the `fields` that need not be asked, by `Field.memory`, and the topics
    to which it withdrew consent: all where there are none, None where it did not."""

    ids: tuple[str, ...]
    fields: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] | None = None


def lessons(records: Iterable[Any], fields: frozenset[str]) -> Iterator[Lesson]:
    """What records tell; `fields` are those that forms remember.

    >>> told = {"type": "identify", "userId": "u", "anonymousId": "a", "traits": {"email": "Anna@Example.com", "city": "Ulm", "x": 1}}
    >>> list(lessons([told], frozenset({"city", "email", "tier"})))
    [Lesson(ids=('Anna@example.com', 'u', 'a'), fields=('city', 'email'), withdrawn=None)]
    """
    for record in records:
        kind = record.get("type") if type(record) is dict else None
        # Whatever was sent comes by here, also what the job rejects.
        if kind == "identify":
            lesson = _identified(record, fields)
        elif kind == "track":
            lesson = _tracked(record, fields)
        else:
            continue
        if lesson is not None and lesson.ids:
            yield lesson


def _identified(record: dict[str, Any], fields: frozenset[str]) -> Lesson | None:
    traits, context = record.get("traits"), record.get("context")
    library = context.get("library") if type(context) is dict else None
    if type(traits) is not dict or (type(library) is dict and library.get("name") == LIBRARY):
        return None
    told = traits.get(IDENTIFYING)
    address = canonical_email(told) if type(told) is str else None
    empty = {name for name in traits.keys() & fields if traits[name] in (None, "", [], {}) or (name == IDENTIFYING and address is None)}
    known = tuple(sorted((traits.keys() & fields) - empty))
    ids = (*((address,) if address is not None else ()), *_ids(record))
    return Lesson(ids, known) if known or len(ids) > 1 else None


def _tracked(record: dict[str, Any], fields: frozenset[str]) -> Lesson | None:
    event, properties = record.get("event"), record.get("properties")
    if type(event) is not str:
        return None
    if event in _WITHDRAWN:
        return Lesson(_ids(record), withdrawn=tuple(_topics(properties)))
    if event == "Consent Given" and type(properties) is dict:
        version = properties.get("text_version")
        given = (f"{topic}@{version}" for topic in _topics(properties))
        return Lesson(_ids(record), tuple(name for name in given if name in fields))
    return None


def _ids(record: dict[str, Any]) -> tuple[str, ...]:
    told = (record.get(name) for name in ("userId", "anonymousId"))
    return tuple(id for id in told if type(id) is str and 0 < len(id) <= _MOST_ID)


def _topics(properties: Any) -> Sequence[str]:
    if type(properties) is not dict:
        return ()
    told = properties.get("topics", properties.get("topic"))
    return [topic for topic in (told if type(told) is list else [told]) if type(topic) is str]
