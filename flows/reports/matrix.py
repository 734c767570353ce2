"""`matrix`: how much each two of several sets share, as a staircase: each name stands once, at the corner of its row and its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.reports.svg import Svg, element, picture, shortened, width_of

MOST = 40
"""Sets that a matrix can show."""
NUMBERS_UP_TO = 24
"""With more sets a cell has no room for its number; it is told where one points at it."""
_CELLS = ((16, 44), (NUMBERS_UP_TO, 36), (MOST, 21))
"""Up to so many sets a cell is so wide."""


def matrix(
    title: str, names: Sequence[str], sizes: Sequence[int], both: Callable[[int, int], int], jaccard: Callable[[int, int], float]
) -> Svg:
    """The sets by their places in `names`; a cell has the number of what both hold, and is the darker the larger its part of what either
    holds. Neighbours are alike."""
    assert len(names) <= MOST
    cell = next(width for most, width in _CELLS if len(names) <= most)
    order = alike(len(names), jaccard)
    parts: list[str] = []
    for row, a in enumerate(order):
        for column, b in enumerate(order[:row]):
            words = f"{names[a]} and {names[b]}: {both(a, b):,} in both, of {sizes[a]:,} and {sizes[b]:,}; Jaccard {jaccard(a, b):.2f}"
            parts.append(_cell(column * cell, row * cell, cell, both(a, b), words, jaccard(a, b)))
        parts.append(_cell(row * cell, row * cell, cell, sizes[a], f"{names[a]}: {sizes[a]:,}", None))
        parts.append(element("text", shortened(names[a]), x=(row + 1) * cell + 8, y=(row + 0.5) * cell + 4))
    size = len(names) * cell
    told = "A staircase of cells, one for each two; the page has the numbers of those that share most in a table too."
    return picture(size + 16 + width_of(names), size + 1, title, told, *parts, class_="matrix")


def alike(number: int, jaccard: Callable[[int, int], float]) -> list[int]:
    """An order in which each is followed by the one most like it of those that are left; it begins with the first.

    >>> alike(3, lambda a, b: 0.9 if {a, b} == {0, 2} else 0.1)
    [0, 2, 1]
    """
    order, left = list(range(min(number, 1))), list(range(1, number))
    while left:
        best = max(left, key=lambda each: (jaccard(order[-1], each), -each))
        order.append(best)
        left.remove(best)
    return order


def _cell(x: float, y: float, width: int, number: int, words: str, part: float | None) -> Svg:
    """A cell with a number; `part` from 0 to 1 gives its shade, None that of the corner."""
    fill = "#ffffff" if part is None else _shade(part)
    box = element("rect", x=x + 0.5, y=y + 0.5, width=width - 1, height=width - 1, fill=fill, class_="corner" if part is None else None)
    if not number or width < _CELLS[1][1]:
        return element("g", element("title", words), box)
    ink = "on" if part is not None and part > _DARK else None
    text = element("text", _short(number), x=x + width / 2, y=y + width / 2 + 4, text_anchor="middle", class_=ink)
    return element("g", element("title", words), box, text)


_DARK = 0.45
"""From this part on white letters are easier to read than black ones."""
_FAINT, _DEEP = (241, 244, 247), (22, 78, 138)


def _shade(part: float) -> str:
    """From faint to deep blue.

    >>> _shade(0), _shade(1)
    ('#f1f4f7', '#164e8a')
    """
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in zip(_FAINT, _DEEP, strict=True))


def _short(number: int) -> str:
    """A number of at most five characters.

    >>> _short(9_999), _short(12_345), _short(1_234_567)
    ('9,999', '12k', '1.2M')
    """
    if number < 10_000:
        return f"{number:,}"
    return f"{number // 1000}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"
