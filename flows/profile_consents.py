"""The consents and suppressions of a person, as `beckon profile show` lists them, each with its proof."""

from __future__ import annotations

from typing import Any

import msgspec

from operators.consent import PERMITTING
from operators.permission import consent, proof_of, suppression
from operators.plan.checked import Plan
from schemas.consent import SUPPRESSING
from schemas.person import Person


class Consented(msgspec.Struct, frozen=True):
    """Whether consent to a topic (None: to all) is given; None where nobody has said so or otherwise. `proof` is the act that says so."""

    topic: str | None
    given: bool | None
    proof: dict[str, Any] | None


class Suppressed(msgspec.Struct, frozen=True):
    """An act for which nothing is sent on a topic (None: on none); `proof` is that act."""

    reason: str
    topic: str | None
    proof: dict[str, Any] | None


def consents_of(p: Person, plan: Plan | None) -> list[Consented]:
    """The consents to the topics of the plan that need one, and to others of which there are acts."""
    told = [act.about for act in p.acts if act.kind in ("given", "withdrawn")]
    topics = dict.fromkeys([*([] if plan is None else [topic.id for topic in plan.topics if topic.required]), *told])
    found = {topic: consent(p.acts, topic) for topic in topics}
    return [Consented(topic or None, given, proof_of(act)) for topic, (given, act) in found.items()]


def suppressions_of(p: Person) -> list[Suppressed]:
    """The suppressions that stand."""
    permitting, address = [act for act in p.acts if act.kind in PERMITTING], p.traits.get("email", (0, None))[1]
    found = []
    for act in p.acts:
        topic = "" if act.kind == "bounced" else act.about
        if act.kind in SUPPRESSING and suppression([act, *permitting], topic, address) is not None:
            found.append(Suppressed(act.kind, topic or None, proof_of(act)))
    return found


def consent_rows(consents: list[Consented]) -> list[tuple[str, str, str]]:
    """The consents as lines for people: topic, time and the rest of the proof."""
    return [(each.topic or "all topics", _time(each.proof), _told(_GIVEN[each.given], each.proof)) for each in consents]


def suppression_rows(suppressions: list[Suppressed]) -> list[tuple[str, str, str]]:
    """The suppressions as lines for people."""
    return [(each.topic or "all topics", _time(each.proof), _told(each.reason, each.proof)) for each in suppressions]


_GIVEN = {True: "given", False: "withdrawn", None: "nothing is known"}


def _time(proof: dict[str, Any] | None) -> str:
    return "" if proof is None else str(proof["time"])


def _told(what: str, proof: dict[str, Any] | None) -> str:
    """What an act says, where and by which text it was done.

    >>> _told("given", {"act": "given", "topic": "news", "time": "...", "messageId": "m1", "source": "footer", "text_version": "v2"})
    'given, by m1, source footer, text version v2'
    """
    if proof is None:
        return what
    words = (("of", "address"), ("by", "messageId"), ("source", "source"), ("text version", "text_version"))
    return ", ".join([what, *(f"{word} {proof[name]}" for word, name in words if name in proof)])
