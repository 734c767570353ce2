"""What refers to what: how deep each thing stands, and where things refer to each other in a circle."""

from __future__ import annotations

from collections.abc import Mapping


def depths_of(refers: Mapping[str, list[str]]) -> dict[str, int]:
    """The depth of each id: 0 where it refers to none, else one more than the deepest of those; none for ids in or behind a circle.

    >>> depths_of({"a": ["b"], "b": [], "c": ["c"]})
    {'b': 0, 'a': 1}
    """
    waiting = {id: len(ids) for id, ids in refers.items()}
    readers: dict[str, list[str]] = {}
    for id, ids in refers.items():
        for other in ids:
            readers.setdefault(other, []).append(id)
    depths = {id: 0 for id, left in waiting.items() if not left}
    ready = list(depths)
    for id in ready:
        for reader in readers.get(id, ()):
            waiting[reader] -= 1
            depths[reader] = max(depths.get(reader, 0), depths[id] + 1)
            if not waiting[reader]:
                ready.append(reader)
    return {id: depth for id, depth in depths.items() if not waiting[id]}


def circles_of(refers: Mapping[str, list[str]]) -> list[list[str]]:
    """One circle of references for each group of ids that all refer to each other, from its first id on: the shortest.

    >>> circles_of({"a": ["b"], "b": ["a"], "c": ["a"], "d": ["d"]})
    [['a', 'b'], ['d']]
    """
    found = []
    for group in _groups(refers):
        first = min(group)
        before: dict[str, str] = {}
        queue = [first]
        for id in queue:
            for other in refers[id]:
                if other in group and other not in before:
                    before[other] = id
                    queue.append(other)
        if first in before:
            way = [before[first]]
            while way[-1] != first:
                way.append(before[way[-1]])
            found.append(way[::-1])
    return sorted(found)


def _groups(refers: Mapping[str, list[str]]) -> list[set[str]]:
    """The groups of ids that can be reached from each other (Kosaraju's algorithm, without recursion)."""
    order: list[str] = []
    seen: set[str] = set()
    for root in refers:
        stack = [(root, False)]
        while stack:
            id, done = stack.pop()
            if done:
                order.append(id)
            elif id not in seen:
                seen.add(id)
                stack.append((id, True))
                stack += [(other, False) for other in refers[id] if other in refers and other not in seen]
    readers: dict[str, list[str]] = {id: [] for id in refers}
    for id, ids in refers.items():
        for other in ids:
            if other in readers:
                readers[other].append(id)
    groups: list[set[str]] = []
    for root in reversed(order):
        if root in seen:
            seen.discard(root)
            group = [root]
            for id in group:
                inner = [other for other in readers[id] if other in seen]
                seen.difference_update(inner)
                group += inner
            groups.append(set(group))
    return groups
