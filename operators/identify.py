"""`identify`: the identifiers that an event carries, and, where identifiers are not linked, the person that it belongs to.

Identifiers have a rank: `anonymousId`, then the e-mail address of an identify's traits, then `userId`. Values that stand for nobody, such
as `null`, are as if they were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from operators.clean.email import canonical_email, email_key
from operators.language.patterns import compile_pattern
from schemas.event import Event
from schemas.person import ANONYMOUS_ID, EMAIL, USER_ID

BLOCKED = ("[0-]*", "-1", "null", "undefined", "anonymous", "guest")
"""What is no identifier: patterns of the whole value, whatever its case."""


class Carried(NamedTuple):
    """An identifier of an event."""

    rank: int
    value: str


def identify(event: Event) -> str:
    """The person's id where identifiers are not linked: the `userId`, else the `anonymousId`.

    >>> identify(Event(0, "track", "A", "m", None, "visitor-1", {}))
    'visitor-1'
    """
    return event.user_id or event.anonymous_id or ""


def blocked_by(patterns: Iterable[str] = ()) -> Callable[[str], bool]:
    """A test that is true for values that are no identifiers; `patterns` are more than those that never are. ValueError for what is no
    pattern.

    >>> [blocked_by(["test-.*"])(value) for value in ("Guest", "0000-00", "TEST-1", "anna")]
    [True, True, True, False]
    """
    return compile_pattern(f"(?i)^(?:{'|'.join((*BLOCKED, *patterns))})$")


def carried(event: Event, is_blocked: Callable[[str], bool]) -> list[Carried]:
    """The identifiers of an event, the highest-ranking first; each value once, none where all are blocked.

    >>> carried(Event(0, "identify", "Identified", "m", "u1", "null", {"email": "Anna@Example.com "}), blocked_by())
    [Carried(rank=3, value='u1'), Carried(rank=2, value='anna@example.com')]
    """
    found: dict[str, int] = {}
    for rank, value in ((USER_ID, event.user_id), (EMAIL, email_of(event)), (ANONYMOUS_ID, event.anonymous_id)):
        if value and value not in found and not is_blocked(value):
            found[value] = rank
    return [Carried(rank, value) for value, rank in found.items()]


def email_of(event: Event) -> str | None:
    """The e-mail address that an identify brings, in the form in which addresses are compared; None where there is none.

    >>> email_of(Event(0, "identify", "Identified", "m", "u1", None, {"email": "n/a"}))
    """
    if event.kind != "identify":
        return None
    email = event.properties.get("email")
    if type(email) is not str:
        return None
    canonical = canonical_email(email)
    return None if canonical is None else email_key(canonical)
