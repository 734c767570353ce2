"""`permission`: whether a person may be sent something, as the acts that are kept of it say, and which act says so.

What is strict wins. A source that withdrew a consent last withdraws it, whatever others say; only a later giving with the version of its
text lifts what was withdrawn or suppressed before it, whoever did that. Of acts at one instant the stricter holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from operators.consent import address_key
from operators.instants import format_instant
from operators.plan.checked import Topic
from schemas.consent import SUPPRESSING, Act, ActKind
from schemas.output import DecisionReason

NEVER = -(1 << 62)
"""Before every instant."""


class Refusal(NamedTuple):
    """Why nothing may be sent, and the act that says so; None where an act is missing."""

    reason: DecisionReason
    act: Act | None


def refusal(acts: Sequence[Act], topic: Topic | None, address: Any, erased: int | None = None) -> Refusal | None:
    """Why a mail on this topic may not be sent to the address; None where it may. Without a topic only what is about all counts. `erased`
    is when somebody was erased whose the address was: a later consent to a told text lifts that too."""
    about = topic.id if topic is not None else ""
    if erased is not None and erased >= _latest(acts, "proved", ("", about)):
        return Refusal("suppressed", None)
    if acts and (act := suppression(acts, about, address)) is not None:
        return Refusal("suppressed", act)
    if topic is not None and topic.required:
        given, act = consent(acts, topic.id)
        if not given:
            return Refusal("consent", act)
    return None


def suppression(acts: Sequence[Act], topic: str, address: Any) -> Act | None:
    """The act for which nothing is sent on this topic to this address, of several the latest; None where there is none.

    >>> acts = [Act("unsubscribed", "", 1, "a"), Act("proved", "news", 2, "b", None, "v2")]
    >>> suppression(acts, "news", None), suppression(acts, "offers", None).message_id
    (None, 'a')
    """
    found = [act for act in acts if act.kind in SUPPRESSING]
    if not found:
        return None
    proved = _latest(acts, "proved", ("", topic))
    said = [act for act in found if act.kind != "bounced" and act.about in ("", topic) and act.t >= proved]
    key = address_key(address)
    verified = _latest(acts, "verified", (key,))
    back = [act for act in found if act.kind == "bounced" and act.about in ("", key) and act.t >= verified]
    return max((*said, *back), key=lambda act: (act.t, -SUPPRESSING.index(act.kind), act.about), default=None)


def consent(acts: Sequence[Act], topic: str) -> tuple[bool | None, Act | None]:
    """Whether consent to a topic is given (None: nobody has said so or otherwise), and the act that says so.

    >>> acts = [Act("given", "news", 1, "a", "web"), Act("withdrawn", "news", 2, "b", "crm")]
    >>> consent(acts, "news")[0], consent(acts[:1], "news")[0], consent(acts, "offers")[0]
    (False, True, None)
    """
    own = [act for act in acts if act.about in ("", topic)]
    given = [act for act in own if act.kind == "given"]
    proved = [act for act in own if act.kind == "proved"]
    standing = [
        act
        for act in own
        if act.kind == "withdrawn" and all(act.t >= each.t for each in (*proved, *(one for one in given if one.source == act.source)))
    ]
    if standing:
        return False, _last(standing)
    return (True, _last([*given, *proved])) if given or proved else (None, None)


def _last(acts: Iterable[Act]) -> Act:
    return max(acts, key=lambda act: (act.t, act.text_version is not None, act.message_id, act.about))


def _latest(acts: Iterable[Act], kind: ActKind, about: tuple[str | None, ...]) -> int:
    """When the last act of a kind was done that is about one of these."""
    return max((act.t for act in acts if act.kind == kind and act.about in about), default=NEVER)


def proof_of(act: Act | None) -> dict[str, Any] | None:
    """The proof of an act, as a decision tells it.

    >>> proof_of(Act("unsubscribed", "news", 0, "m7", "footer"))
    {'act': 'unsubscribed', 'topic': 'news', 'time': '1970-01-01T00:00:00.000Z', 'messageId': 'm7', 'source': 'footer'}
    """
    if act is None:
        return None
    about = "address" if act.kind in ("bounced", "verified") else "topic"
    told: dict[str, Any] = {"act": "given" if act.kind == "proved" else act.kind, about: act.about, "time": format_instant(act.t)}
    told |= {"messageId": act.message_id, "source": act.source, "text_version": act.text_version}
    return {name: value for name, value in told.items() if value}
