"""`MailEvent`: what became of one mail to one address, as any ESP tells it, and the Segment event that this is.

Source: Segment, "Spec: V2 Email Events". What suppresses is read by `operators.consent` from `bounce_type` and `email`: only `hard` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from operators.clean.email import canonical_email, email_key
from operators.instants import format_instant
from schemas.event import MAX_ID_LENGTH

Name = Literal["Email Delivered", "Email Opened", "Email Link Clicked", "Email Bounced", "Email Marked as Spam", "Unsubscribed"]
DELIVERED: Name = "Email Delivered"
OPENED: Name = "Email Opened"
CLICKED: Name = "Email Link Clicked"
BOUNCED: Name = "Email Bounced"
COMPLAINED: Name = "Email Marked as Spam"
UNSUBSCRIBED: Name = "Unsubscribed"

USER = ("user_id", "userId")
"""Under these a sender tells which user a mail is to, among what it gives the ESP to carry along; the first that is there counts."""
PERSON = "beckon_person"
"""Under this it tells the person, as a trigger names it: a user, an address or a browser. So it is no userId, by which an address would
become a user of its own."""
CARRIED: dict[str, tuple[str, ...]] = {
    "campaign_id": ("beckon_campaign", "campaign_id", "campaignId", "campaign"),
    "campaign_name": ("campaign_name", "campaignName"),
    "template_id": ("beckon_template", "template_id", "templateId", "template"),
    "trigger_id": ("beckon_trigger", "trigger_id", "triggerId"),
}
"""Properties, and under which names a sender tells them."""

MOST_TEXT = 2048
"""Of a text that an ESP tells, in characters; what is longer is cut."""


class Ignored(NamedTuple):
    """Something that becomes no event, in words of the ESP."""

    kind: str


@dataclass(frozen=True, slots=True)
class MailEvent:
    """What became of a mail. `id` is the same whenever the ESP tells it again; `t` is ms since 1970, None where it does not say. `carried`
    is what the sender gave along. `lists` are those that somebody left, in the ESP's words; none: all mail. `machine` is what the ESP calls
    the machine that opened or clicked, None where it knows of none."""

    name: Name
    id: str
    email: str
    t: int | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    lists: tuple[str, ...] = ()
    machine: str | None = None


Told = MailEvent | Ignored


class Rules(NamedTuple):
    """What a plan says of a webhook: the topic of each list (None: it is not known here), ids that stand for nobody, and what is told of a
    User-Agent that is a machine's (None: of a person's)."""

    topic_of: Callable[[str], str | None]
    is_blocked: Callable[[str], bool]
    machine_of: Callable[[str], str | None]


def record_of(event: MailEvent, source: str, rules: Rules) -> dict[str, Any]:
    """The record of the Segment envelope.

    >>> nobody = Rules(lambda _: None, lambda _: False, lambda _: None)
    >>> record = record_of(MailEvent("Email Delivered", "e1", "Anna@Example.com", 0), "sendgrid", nobody)
    >>> record["anonymousId"], record["messageId"], record["timestamp"], record["properties"]
    ('anna@example.com', 'sendgrid-e1', '1970-01-01T00:00:00.000Z', {'email': 'Anna@example.com'})
    """
    canonical = canonical_email(event.email)
    record: dict[str, Any] = {"type": "track", "event": event.name, "messageId": short(f"{source}-{event.id}")}
    user = next((user for name in USER if (user := _id(event.carried.get(name), rules)) is not None), None)
    if user is not None:
        record["userId"] = user
    else:
        address = short(email_key(canonical) if canonical is not None else event.email.strip().lower())
        record["anonymousId"] = _id(event.carried.get(PERSON), rules) or address
    if event.t is not None:
        record["timestamp"] = format_instant(event.t)
    return record | {
        "context": {"library": {"name": source}},
        "properties": _properties(event, canonical, rules),
    }


def _properties(event: MailEvent, canonical: str | None, rules: Rules) -> dict[str, Any]:
    told = {"email": canonical if canonical is not None else text(event.email)} | dict(event.properties)
    for name, names in CARRIED.items():
        if told.get(name) is None:
            told[name] = next((found for each in names if (found := text(event.carried.get(each))) is not None), None)
    if canonical is None:
        # An id of a mail can look like an address, and must not be taken for the one that bounced.
        told.pop("email_id", None)
    if event.name in (OPENED, CLICKED):
        agent = told.get("user_agent")
        machine = (rules.machine_of(agent) if agent else None) or event.machine
        told |= {"machine": True, "agent": machine} if machine else {}
    if event.name == UNSUBSCRIBED:
        topics = [rules.topic_of(each) for each in event.lists]
        # Of a list that no topic is known for, somebody may have left anything.
        told["topics"] = topics if topics and None not in topics else None
    return {name: value for name, value in told.items() if value is not None}


def _id(value: Any, rules: Rules) -> str | None:
    found = text(value)
    return None if found is None or len(found) > MAX_ID_LENGTH or rules.is_blocked(found) else found


# --- what an ESP tells ----------------------------------------------------------------------------------------------------------------


def text(value: Any, most: int = MOST_TEXT) -> str | None:
    """A text, or a whole number as one, cut to `most` characters; None for what is neither, or empty.

    >>> text(" a "), text(7), text(""), text(["a"]), text("abc", 2)
    ('a', '7', None, None, 'ab')
    """
    found = value.strip() if type(value) is str else str(value) if type(value) is int else ""
    return found[:most] or None


def texts(value: Any) -> list[str] | None:
    """The texts of a list, or one text as a list; None where there is none. At most 50."""
    found = [each for item in (value if isinstance(value, list) else [value])[:50] if (each := text(item)) is not None]
    return found or None


def inner(value: Any, *path: str) -> Any:
    """What stands at a path of objects; None where there is nothing.

    >>> inner({"a": {"b": 1}}, "a", "b"), inner({"a": 1}, "a", "b")
    (1, None)
    """
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def mapping(value: Any) -> dict[str, Any]:
    """An object; an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def kind_of(value: Any) -> str:
    """The kind of an event in the words of an ESP, for people: short, and no personal data.

    >>> kind_of("group_resubscribe"), kind_of("Rendering Failure"), kind_of("a@b.example"), kind_of(None)
    ('group_resubscribe', 'Rendering Failure', 'other', 'other')
    """
    if type(value) is str and len(value) <= 60 and value.translate(_PLAIN).isalnum() and value.isascii():
        return value
    return "other"


_PLAIN = str.maketrans("", "", " ._-:")


def short(value: str) -> str:
    """The text itself, or where it is longer than an id can be, a digest of it."""
    return value if len(value) <= MAX_ID_LENGTH // 4 else f"{value[:40]}-{digest(value)}"


def digest(*parts: str) -> str:
    """What several texts have in common with no others: 32 hexadecimal digits."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def each_of(addresses: Sequence[Any]) -> list[str]:
    """The addresses among these, each once, at most 100."""
    return list(dict.fromkeys(found for each in addresses if (found := text(each)) is not None))[:100]
