"""`element`: SVG (and HTML) written by hand, each name and value escaped; `Svg` is text that a template prints as it stands."""

from __future__ import annotations

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


def _shown(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 1):g}" if abs(value) < 1e5 else f"{round(value)}"
