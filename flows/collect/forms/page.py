"""The pages of forms: `form_page` asks, `words_page` says something; `answer` makes an answer of a page.

Whatever a page prints is escaped, but its own style.

*Guarantees*: a page loads nothing, from no place, and holds no script: the policy in its headers tells the browser so. Only the plan's
origins may show it inside theirs, and only one that was asked for to be embedded.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from operators.forms.ask import Page
from operators.forms.form import Field, Form
from operators.forms.words import WORDS
from schemas.forms import FieldKind, Language

TOKEN, SURE, TRAP = "beckon-token", "beckon-sure", "more-website"
"""The names of what a page sends beside its fields; no field can be named so."""
_SHORT = 60
"""Of a label in the list of errors."""


class Asking(NamedTuple):
    """What a page asks: page `no` of `of`, with what was sent before, and what was wrong with it. `known` says that the person was asked
    something before; `today` is the date that the limits of dates mean."""

    page: Page
    no: int
    of: int
    token: str
    values: Mapping[str, Sequence[str]] = {}
    errors: Mapping[str, str] = {}
    notice: str = ""
    sure: str = ""
    known: bool = False
    today: str = ""


def form_page(form: Form, asking: Asking, *, embedded: bool) -> str:
    """The page of a form."""
    errors, values = asking.errors, asking.values

    def described(field: Field) -> str:
        parts = (("help", bool(field.help)), ("error", field.name in errors))
        return " ".join(f"{_anchor(field)}-{name}" for name, there in parts if there)

    return _render(
        "form.html",
        form.language,
        embedded=embedded,
        form=form,
        step=form.steps[asking.page.step - 1],
        described=described,
        chosen=lambda field: values.get(field.name, ()),
        value=lambda field: next(iter(values.get(field.name, ())), ""),
        attributes=lambda field: _attributes(field, asking.today),
        **{name: value for name, value in asking._asdict().items() if name not in ("values", "today")},
    )


def words_page(
    language: Language,
    title: str,
    texts: Sequence[str],
    *,
    embedded: bool = False,
    topics: Sequence[str] = (),
    button: str = "",
    token: str = "",
    link: tuple[str, str] | None = None,
    leaves: bool = False,
) -> str:
    """A page that says something, with a button that sends a token or a link; one that `leaves` goes out of the frame that it stands in."""
    values = {"title": title, "texts": texts, "topics": topics, "button": button, "token": token, "link": link, "leaves": leaves}
    return _render("words.html", language, embedded=embedded, **values)


def answer(page: str, status: int = 200, *, form: Form | None, origins: Sequence[str] = (), embedded: bool = False) -> Response:
    """The answer that brings a page; `origins` are those that may show an embedded one."""
    frames = " ".join(("'self'", *origins)) if embedded else "'none'"
    target = form.redirect if form is not None and form.redirect is not None and "://" in form.redirect else None
    sends = f"'self' {'/'.join(target.split('/', 3)[:3])}" if target else "'self'"
    policy = f"default-src 'none'; style-src '{_css()[1]}'; form-action {sends}; base-uri 'none'; frame-ancestors {frames}"
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(page, status, headers)


def _render(template: str, language: Language, **values: Any) -> str:
    words = WORDS[language]
    return _environment().get_template(template).render(language=language, words=words, css=_css()[0], **values)


def _anchor(field: Field) -> str:
    return f"f-{field.name}"


def _attributes(field: Field, today: str) -> dict[str, str]:
    """What the input of a field has beside what all have."""
    kinds: dict[FieldKind, dict[str, str]] = {
        "email": {"type": "email", "inputmode": "email", "autocapitalize": "none", "spellcheck": "false"},
        "tel": {"type": "tel", "inputmode": "tel", "class": "short"},
        "number": {"type": "text", "inputmode": "decimal", "class": "short"},
        "date": {"type": "date", "class": "short", **_dates(field, today)},
    }
    found = kinds.get(field.kind, {"type": "text"})
    if field.kind in ("text", "email"):
        found["maxlength"] = str(field.max_length)
    return found


def _dates(field: Field, today: str) -> dict[str, str]:
    limits = (("min", field.least), ("max", field.most))
    return {name: today if limit == "today" else str(limit) for name, limit in limits if limit is not None}


def _short(text: str) -> str:
    """A label as it begins a line; what ends it is said anew."""
    text = text.rstrip(" :?.")
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1].rstrip()}…"


def _paragraphs(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split("\n\n")) if part]


@cache
def _css() -> tuple[str, str]:
    """The style, and its hash as a policy names it."""
    text = (files("flows.collect.forms") / "page.css").read_text(encoding="utf-8")
    return text, f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flows.collect.forms", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "anchor": _anchor,
        "short": _short,
        "paragraphs": _paragraphs,
        "token_name": TOKEN,
        "sure_name": SURE,
        "trap": TRAP,
    }
    return environment
