"""`profile`: the unified profile of a person, as other systems take it over."""

from __future__ import annotations

from typing import Any

from operators.clean.companions import is_companion
from operators.instants import format_instant
from operators.language.feeds import Rules
from schemas.person import RANK_NAMES, Person


def profile_of(p: Person, rules: Rules) -> dict[str, Any]:
    """Who the person is (`identifiers` by type), its traits without what stands beside them, and the segments it is in since when."""
    by_no = {rule.no: rule.id for rule in rules.rules if not rule.hidden}
    segments = {by_no[no]: format_instant(entered) for no, entered in sorted(p.members.items()) if no in by_no}
    return {"identifiers": identifiers_of(p), "traits": traits_of(p), "segments": segments}


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
