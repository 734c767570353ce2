"""`visit`: which fields a person is asked this time, and `pages`: on which pages they stand.

*Guarantees*: with `progressive`, at most `ask` fields, none that the person was asked before, in the order of their worth; but what
identifies a person is asked until it is known, before all others.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from operators.forms.form import Field, Form


class Page(NamedTuple):
    """The fields that are asked on one page, and the number of its step in the plan, from 1 on."""

    step: int
    fields: tuple[Field, ...]


def visit(form: Form, asked: Collection[str]) -> tuple[str, ...]:
    """The names of the fields to ask; `asked` are those of `Field.memory` that the person was asked before.

    >>> from operators.forms.form import Step
    >>> fields = (Field("city", "text", "City", 1), Field("tier", "text", "Tier", 2), Field("email", "email", "E-mail"))
    >>> form = Form("f", "F", (Step("", "", fields),), ask=2)
    >>> visit(form, ()), visit(form, {"email", "tier"})
    (('email', 'tier'), ('city',))
    """
    if form.ask is None:
        return tuple(form.fields)
    left = [field for field in form.fields.values() if field.memory not in asked]
    left.sort(key=lambda field: (not field.identifies, -field.worth))
    return tuple(field.name for field in left[: form.ask])


def pages(form: Form, names: Sequence[str]) -> tuple[Page, ...]:
    """The pages of these fields, in the order of the plan; steps of which nothing is asked have none."""
    chosen = set(names)
    found = (Page(no, tuple(field for field in step.fields if field.name in chosen)) for no, step in enumerate(form.steps, 1))
    return tuple(page for page in found if page.fields)


def remembered(form: Form, fields: Sequence[Field], answers: Collection[str]) -> tuple[str, ...]:
    """What is to be remembered of a page that was sent: left empty is an answer, too, but not where it would tell who it is; a consent with
    double opt-in is remembered when it is confirmed."""
    return tuple(
        field.memory
        for field in fields
        if (field.name in answers or not field.identifies)
        and not (field.kind == "consent" and form.double_opt_in and field.name in answers)
    )
