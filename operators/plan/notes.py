"""`notes`: what is worth knowing of a plan and no finding: segments that lie in others, or have the same members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from operators.language.claims import Claims
from operators.language.nodes import And, Call, Compare, Node, Or
from operators.plan.checked import Plan
from operators.plan.yaml_tree import read_tree
from schemas.errors import Note

FILE = "segments.yaml"
MOST_SEGMENTS = 500
"""Of a plan with more segments the first so many are compared with each other."""


def notes(plan: Plan, files: Mapping[str, str]) -> list[Note]:
    """All notes, by place; `files` are those that the plan was read from.

    Nothing is said of what follows from other notes, or stands in the rule itself, as in `segment('b') and ...`.
    """
    tree, _ = read_tree(FILE, files[FILE])
    entries = tree.value["segments"]
    rules = {segment.id: segment.when for segment in plan.segments}
    found = []
    if len(entries) > MOST_SEGMENTS:
        found.append(Note(FILE, 1, 1, f"of {len(entries)} segments the first {MOST_SEGMENTS} are compared with each other"))
    for id, text in _told(rules, list(entries)[:MOST_SEGMENTS]):
        path = ("segments", id) if isinstance(entries[id], str) else ("segments", id, "when")
        place = tree.inside(path, 0)
        found.append(Note(FILE, place.line, place.column, text))
    return sorted(found)


def _told(rules: Mapping[str, Node], ids: list[str]) -> Iterator[tuple[str, str]]:
    """What is told of a segment, each with the segment's id."""
    around = _around(rules, ids)
    groups: dict[str, list[str]] = {}
    for id, outer in around.items():
        first = next((other for other in groups if other in outer and id in around[other]), id)
        groups.setdefault(first, []).append(id)
    for first, group in groups.items():
        yield from ((id, f"{first!r} and {id!r} have the same members") for id in group[1:] if not _is_called(rules, first, id))
        outer = {other for other in groups if other != first and other in around[first]}
        nearest = outer.difference(*(around[other] for other in outer))
        for other in sorted(nearest):
            if not any(_is_said(rules, id, its) for id in group for its in groups[other]):
                yield first, f"everybody in {first!r} is in {other!r} too"


def _around(rules: Mapping[str, Node], ids: list[str]) -> dict[str, set[str]]:
    """The other segments that each lies in; those in which nobody or everybody is, as `everyone` says, are left out."""
    claims = Claims(rules)
    open = [id for id in ids if claims.settled(id) is None]
    return {id: {other for other in open if other != id and claims.lies_in(id, other)} for id in open}


def _is_said(rules: Mapping[str, Node], inner: str, outer: str) -> bool:
    """True where it stands in a rule that the one segment lies in the other."""
    return _is_part(outer, rules[inner], And) or _is_part(inner, rules[outer], Or)


def _is_called(rules: Mapping[str, Node], a: str, b: str) -> bool:
    """True where one of the rules is but the name of the other segment."""
    return any(isinstance(rules[x], Call) and _is_said(rules, x, y) for x, y in ((a, b), (b, a)))


def _is_part(id: str, node: Node, joined: type[And] | type[Or]) -> bool:
    """True where membership in the segment stands between the `and`s, or between the `or`s, of a rule."""
    parts = node.items if isinstance(node, joined) else (node,)
    sides = [side for part in parts for side in ((part.left, part.right) if joined is And and isinstance(part, Compare) else (part,))]
    return any(isinstance(side, Call) and side.name in ("segment", "in_segment_for") and side["id"] == id for side in sides)
