"""`moves_chart`: how many went from where to where: bands between two columns, as wide as they are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flows.reports.svg import Svg, element, picture, shortened, width_of

MOST = 40
"""Bands that a chart shows well."""
_HEIGHT = 420
"""What the bands take together, without the gaps between names."""
_SLOT, _GAP = 17, 5
_BAR, _SPAN = 8, 360
_NUMBER = 64
"""The room of a number beside a name."""
_COLOURS = ("#2f6ca8", "#b8651b", "#2f7f5f", "#7a58a6", "#a8484f", "#5d6873")


@dataclass(slots=True)
class _Node:
    """A name in a column: where it begins, how high it is, and up to where its bands go so far."""

    name: str
    number: int
    top: float = 0
    height: float = 0
    used: float = 0


def moves_chart(title: str, moves: Mapping[tuple[str, str], int]) -> Svg:
    """The numbers by `(from, to)`; names on both sides are the same only in what they say."""
    scale = _HEIGHT / max(sum(moves.values()), 1)
    left, right = _column(moves, 0), _column(moves, 1)
    _stack(left, scale)
    places = {node.name: node.top + node.height / 2 for node in left.values()}
    # On the right in the order of where they come from, so that few bands cross.
    weights = {name: sum(places[a] * n for (a, b), n in moves.items() if b == name) / node.number for name, node in right.items()}
    right = dict(sorted(right.items(), key=lambda each: (weights[each[0]], each[0])))
    _stack(right, scale)
    order = {name: place for place, name in enumerate(right)}
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(left)}
    bands, begin = [], width_of(left) + _NUMBER
    for (a, b), number in sorted(moves.items(), key=lambda each: (left[each[0][0]].top, order[each[0][1]])):
        bands.append(_band(left[a], right[b], number, scale, colours[a], begin + _BAR))
    names = [_name(node, colours[node.name], begin, 0) for node in left.values()]
    names += [_name(node, "#5d6873", begin + _BAR + _SPAN, 1) for node in right.values()]
    height = max(node.top + max(node.height, _SLOT) for column in (left, right) for node in column.values()) if moves else _SLOT
    width = begin + 2 * _BAR + _SPAN + width_of(right) + _NUMBER
    return picture(width, height, title, "Bands between two columns of names.", *bands, *names, class_="moves")


def _column(moves: Mapping[tuple[str, str], int], side: int) -> dict[str, _Node]:
    """The names of one side, those with most first."""
    nodes: dict[str, _Node] = {}
    for ends, number in moves.items():
        node = nodes.setdefault(ends[side], _Node(ends[side], 0))
        node.number += number
    return dict(sorted(nodes.items(), key=lambda each: (-each[1].number, each[0])))


def _stack(nodes: dict[str, _Node], scale: float) -> None:
    top = 0.0
    for node in nodes.values():
        node.top, node.height = top, node.number * scale
        top += max(node.height, _SLOT) + _GAP


def _band(a: _Node, b: _Node, number: int, scale: float, colour: str, x: float) -> Svg:
    thick = number * scale
    y, z = a.top + a.used + thick / 2, b.top + b.used + thick / 2
    a.used += thick
    b.used += thick
    bend = _SPAN * 0.5
    path = f"M{x:.1f},{y:.1f} C{x + bend:.1f},{y:.1f} {x + _SPAN - bend:.1f},{z:.1f} {x + _SPAN:.1f},{z:.1f}"
    words = f"{a.name} \u2192 {b.name}: {number:,}"
    return element("path", element("title", words), d=path, stroke=colour, stroke_width=max(thick, 0.75), class_="band")


def _name(node: _Node, colour: str, x: float, side: int) -> Svg:
    middle = node.top + max(node.height, 1) / 2
    bar = element("rect", x=x, y=node.top, width=_BAR, height=max(node.height, 1), fill=colour)
    place, anchor = ((x - 6, "end"), (x + _BAR + 6, "start"))[side]
    number = element("tspan", f" {node.number:,}" if side else f"{node.number:,} ", class_="quiet")
    label = (shortened(node.name), number) if side else (number, shortened(node.name))
    return element("g", bar, element("text", *label, x=place, y=max(middle + 4, node.top + 11), text_anchor=anchor))
