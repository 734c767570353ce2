"""What must hold in a case: its checks, by instant and person."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from operators.cases.checked import Check, Entry, Want
from operators.cases.reading import CaseReading, got, listing
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.plan.yaml_tree import Path
from schemas.cases import ENTRIES, CheckFile
from schemas.output import DECISION_REASONS

LIKE = {
    "members": "`cart_abandoners`",
    "not_members": "`cart_abandoners`",
    "entered": "`cart_abandoners` or `cart_abandoners: +30m`",
    "exited": "`cart_abandoners` or `cart_abandoners: +72h`",
    "triggers": "`cart_reminder` or `cart_reminder: +30m`",
    "decisions": "`cart_reminder: no_address`",
}
"""An example of an entry of each kind, for findings."""


def read_checks(case: CaseReading, then: Any, after: Any) -> list[Check]:
    """The checks that have no findings; `after` is the case's own."""
    case.moment(("after",), after)
    if then == []:
        case.find(("then",), "`then` must have at least one check; got none")
    places: list[tuple[Path, Any]] = [(("then", i), each) for i, each in enumerate(then)] if isinstance(then, list) else [(("then",), then)]
    found = []
    for path, raw in places:
        right = case.validate(CheckFile, raw, path)
        if isinstance(raw, dict):
            at_ms = _after(case, path, raw, after)
            wants = list(_wants(case, path, raw))
            if right and at_ms is not None:
                found.append(Check(case.tree.at((*case.path, *path)).line, at_ms, tuple(wants)))
    return found


def _after(case: CaseReading, path: Path, raw: dict[str, Any], after: Any) -> int | None:
    if "after" in raw:
        return case.moment((*path, "after"), raw["after"])
    if after is None:
        case.find(path, "`after` must be there, in the check or for the whole case; got none")
    return case.moment(("after",), after) if isinstance(after, str) else None


def _wants(case: CaseReading, path: Path, raw: dict[str, Any]) -> Iterator[Want]:
    """All that a check asks for."""
    kinds = [kind for kind in ENTRIES if kind in raw]
    if not kinds and not raw.keys() - {"after"}:
        case.find(path, f"a check must have one of {', '.join(ENTRIES)}; got none")
    for kind in kinds:
        for person, inner, entries in _by_person(case, (*path, kind), kind, raw[kind]):
            found = [_entry(case, (*inner, i), kind, entry) for i, entry in enumerate(entries)]
            yield Want(kind, person, tuple(entry for entry in found if entry is not None))


def _by_person(case: CaseReading, path: Path, kind: str, value: Any) -> Iterator[tuple[str, Path, list[Any]]]:
    """The lists of a check, each with its person and where it stands."""
    if isinstance(value, list):
        if len(case.persons) > 1:
            who = listing(case.persons)
            case.find(path, f"`{kind}` must say of whom, as in {{{next(iter(case.persons))}: [...]}}: the case has {who}; got a list")
        for person in list(case.persons)[:1]:
            yield person, path, value
    elif isinstance(value, dict):
        for person, entries in value.items():
            case.one_of((*path, person), f"a person must be one of the case: {listing(case.persons)}", person, case.persons, key=True)
            if isinstance(entries, list):
                yield person, (*path, person), entries
            else:
                case.find((*path, person), f"what `{kind}` has of a person must be a list; got {got(entries)}")
    else:
        case.find(path, f"`{kind}` must be a list; got {got(value)}")


def _entry(case: CaseReading, path: Path, kind: str, raw: Any) -> Entry | None:
    """One entry of a list: an id, or an id with details."""
    if isinstance(raw, dict) and len(raw) == 1 and ENTRIES[kind]:
        [(id, details)] = raw.items()
        if isinstance(details, str):
            details, inner = {ENTRIES[kind][0]: details}, (*path, id)
            return _detailed(case, (path, id), kind, details, dict.fromkeys(details, inner))
        if isinstance(details, dict):
            return _detailed(case, (path, id), kind, details, {name: (*path, id, name) for name in details})
    elif isinstance(raw, str):
        _known(case, path, kind, raw, key=False)
        return Entry(raw)
    case.find(path, f"an entry of `{kind}` must be like {LIKE[kind]}; got {got(raw)}")
    return None


def _detailed(case: CaseReading, place: tuple[Path, str], kind: str, details: dict[str, Any], paths: dict[str, Path]) -> Entry | None:
    """An entry with its details, each of which stands at a path."""
    path, id = place
    _known(case, (*path, id), kind, id, key=True)
    names = ENTRIES[kind]
    for name, value in details.items():
        if name not in names:
            case.find(paths[name], f"a key must be one of {', '.join(names)}; got {shortened(name)}{nearest(name, names)}", key=True)
        elif not isinstance(value, str):
            case.find(paths[name], f"`{name}` must be a string; got {got(value)}")
        elif name == "reason":
            case.one_of(paths[name], f"a reason must be one of {', '.join(DECISION_REASONS)}", value, DECISION_REASONS)
        elif name == "template":
            sent = [step.template for each in case.plan.campaigns if each.id == id for step in each.steps]
            case.one_of(paths[name], f"a template must be one that {id} sends", value, sent or None)
    at_ms = case.moment(paths["at"], details["at"]) if "at" in details else None
    detail = details.get("reason", details.get("template"))
    return Entry(id, at_ms, detail if isinstance(detail, str) else None)


def _known(case: CaseReading, path: Path, kind: str, id: str, *, key: bool) -> None:
    """Notes an id that the plan does not have."""
    if kind in ("triggers", "decisions"):
        known: Collection[str] = [campaign.id for campaign in case.plan.campaigns]
        case.one_of(path, "a campaign must be one of campaigns/", id, known, key=key)
    else:
        case.one_of(path, "a segment must be one of segments.yaml", id, case.reading.ids, key=key)
