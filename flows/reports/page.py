"""`render`: a report as one HTML page that needs nothing else; `write_page` writes it.

A report's template extends `page.html`, which brings the style with it. Whatever a template prints is escaped, but what is made of
`flows.reports.svg`.

*Guarantees*: a page loads nothing, from no place, and holds no script: its own policy tells the browser so.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.errors import UnavailableError


def render(template: str, **values: Any) -> str:
    """The page of a template of this folder; a value that it needs and does not get is an error."""
    return _environment().get_template(template).render(values)


def write_page(path: Path, page: str) -> None:
    """Writes a page, whole or not at all. UnavailableError where the place refuses."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(page, encoding="utf-8", errors="replace")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UnavailableError(f"the page {path} cannot be written: {error.strerror}") from error


def number(value: float) -> str:
    """A number for people.

    >>> number(1234567), number(0.5)
    ('1,234,567', '0.5')
    """
    return f"{value:,}"


def signed(value: int) -> str:
    """A change for people, with a minus sign as wide as the plus.

    >>> signed(12), signed(-1200), signed(0)
    ('+12', '−1,200', '0')
    """
    return f"{value:+,}".replace("-", "\u2212") if value else "0"


def share(part: float, whole: float) -> str:
    """A part of a whole in per cent; never 0% or 100% where it is not so.

    >>> share(1, 3), share(0, 3), share(1, 3000), share(2999, 3000), share(0, 0)
    ('33%', '0%', '<1%', '>99%', '–')
    """
    if not whole:
        return "–"
    percent = round(100 * part / whole)
    if percent == 0 and part:
        return "<1%"
    return ">99%" if percent == 100 and part < whole else f"{percent}%"


def instant_text(instant: str | None) -> str:
    """An instant as outputs have it, for people: to the minute.

    >>> instant_text("2024-06-30T23:59:59.999Z"), instant_text(None)
    ('2024-06-30 23:59 UTC', 'never')
    """
    return "never" if instant is None else f"{instant[:16].replace('T', ' ')} UTC"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flows.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "signed": signed, "instant": instant_text}
    environment.globals["share"] = share
    return environment
