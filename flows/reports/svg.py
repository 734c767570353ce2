"""`element`: SVG (and HTML) written by hand, each name and value escaped; `Svg` is text that a template prints as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Svg(str):
    """Markup that is safe to print."""

    __slots__ = ()

    def __html__(self) -> str:
        """What Jinja asks for."""
        return str(self)


Value = str | float | None


def element(name: str, /, *inside: str, **attributes: Value) -> Svg:
    """An element; `_` in a name stands for `-`, one at its end for nothing. An attribute that is None is left out.

    >>> element("text", "a < b", x=1.234, font_size="11", class_="label", id=None)
    '<text x="1.2" font-size="11" class="label">a &lt; b</text>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"' for key, value in attributes.items() if value is not None
    )
    return Svg(f"<{name}{told}>{together(*inside)}</{name}>")


def together(*parts: str) -> Svg:
    """Parts one after the other; those that are plain text are escaped.

    >>> together(Svg("<b>"), "<b>")
    '<b>&lt;b&gt;'
    """
    return Svg("".join(part if isinstance(part, Svg) else escape(part) for part in parts))


def picture(width: float, height: float, title: str, description: str, *inside: str, class_: str = "", stretched: bool = False) -> Svg:
    """A whole picture, as large as it is drawn or as narrow as its place, or (`stretched`) as wide as that; what it shows stands in it for
    those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *inside,
        viewBox=f"0 0 {width:g} {height:g}",
        width="100%" if stretched else width,
        height=height,
        preserveAspectRatio="none" if stretched else None,
        role="img",
        aria_label=title,
        class_=class_ or None,
    )


MOST_LETTERS = 40
"""Letters of a name that stand in a picture."""
_LETTER = 7.2


def shortened(name: str) -> str:
    """The name as it stands in a picture.

    >>> shortened("stage_viewed"), len(shortened("x" * 50))
    ('stage_viewed', 40)
    """
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def width_of(names: Iterable[str]) -> float:
    """The room that the longest of some names takes, about."""
    return max((len(shortened(name)) for name in names), default=0) * _LETTER


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 1):g}" if abs(value) < 1e5 else f"{round(value)}"
