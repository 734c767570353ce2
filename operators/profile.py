"""`profile`: the unified profile of a person, as other systems take it over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from operators.clean.companions import is_companion
from operators.consent import PERMITTING
from operators.instants import format_instant
from operators.language.feeds import Rules
from operators.permission import consent, proof_of, suppression
from schemas.consent import SUPPRESSING
from schemas.person import RANK_NAMES, Person


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


def profile_of(p: Person, rules: Rules) -> dict[str, Any]:
    """Who the person is (`identifiers` by type), its traits without what stands beside them, the segments it is in since when, and where
    there are acts of it, what it consents to and what it is not sent."""
    by_no = {rule.no: rule.id for rule in rules.rules if not rule.hidden}
    segments = {by_no[no]: format_instant(entered) for no, entered in sorted(p.members.items()) if no in by_no}
    told = {"identifiers": identifiers_of(p), "traits": traits_of(p), "segments": segments}
    if p.acts:
        told |= {"consents": msgspec.to_builtins(consents_of(p)), "suppressions": msgspec.to_builtins(suppressions_of(p))}
    return told


def traits_of(p: Person) -> dict[str, Any]:
    """The traits that a person has, without what stands beside them."""
    return {name: kept[1] for name, kept in p.traits.items() if kept[1] is not None and not is_companion(name, p.traits)}


def identifiers_of(p: Person) -> dict[str, list[str]]:
    """The identifiers of a person by their type, those of who was merged with it included; none where ids are not linked."""
    ranks = {p.id: p.rank}
    for name, linked in (p.ties.linked if p.ties is not None else {}).items():
        ranks[name] = max(linked.rank, ranks.get(name, 0))
        ranks |= {value: known.rank for value, known in linked.known.items()}
    return {
        kind: sorted(value for value, rank in ranks.items() if rank == its) for its, kind in RANK_NAMES.items() if its in ranks.values()
    }


def consents_of(p: Person, topics: Iterable[str] = ()) -> list[Consented]:
    """The consents to these topics, and to those of which there are acts."""
    told = [act.about for act in p.acts if act.kind in ("given", "withdrawn")]
    found = {topic: consent(p.acts, topic) for topic in dict.fromkeys([*topics, *told])}
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
