"""Groups: what merges make one, over what links have made one. Nothing here changes what links do, so a merge can be undone exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.person import Linked, Merge

Group = Mapping[str, Linked]
"""What links have made one, by name."""


def name_in(group: Group, value: str) -> str | None:
    """The name under which links alone would have an identifier; None where it is of nobody in the group."""
    return value if value in group else next((name for name, linked in group.items() if value in linked.known), None)


def group_name(group: Group, merges: Sequence[Merge]) -> str:
    """The name of a group: the highest-ranking; of several that which others were merged into, then the first that came."""
    ends = [(name_in(group, each.user), name_in(group, each.previous)) for each in merges if each.undone is None]
    merged = {other for one, other in ends if one != other}
    return min(group, key=lambda name: (-group[name].rank, name in merged, group[name].came))


def parts(group: Group, merges: Sequence[Merge]) -> list[list[str]]:
    """The names of the group by what merges still make one, each in the order of the group."""
    found = [[name] for name in group]
    for each in merges:
        ends = {name_in(group, each.user), name_in(group, each.previous)} - {None} if each.undone is None else set()
        joined = [part for part in found if ends & set(part)]
        if len(joined) > 1:
            found = [part for part in found if part not in joined]
            found.append([name for name in group if any(name in part for part in joined)])
    return found


def undone(group: Group, merges: Sequence[Merge], user: str, previous: str) -> list[Merge]:
    """The merges that undoing `previous` from `user` takes back, both names of the group: those between the two, also where links have made
    them one since; else those by which `previous` was merged into others."""
    ends = [(name_in(group, each.user), name_in(group, each.previous), each) for each in merges if each.undone is None]
    between = [each for one, other, each in ends if {one, other} == {user, previous}]
    return between or [each for one, other, each in ends if other == previous and user != previous and one != other]
