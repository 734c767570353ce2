"""The form as it was checked: all that asking needs to know of it, frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from schemas.forms import FieldKind, Language

IDENTIFYING = "email"
"""The field by whose answer a person is known elsewhere, too."""
LENGTHS: dict[FieldKind, int] = {"textarea": 2000, "email": 254}
LENGTH = 200
"""So many characters has an answer at most, where the plan says nothing."""


class Option(NamedTuple):
    """What the trait gets, and what people read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """A field. `least` and `most` are numbers or dates (`today` is one), lengths count characters, `topic` and `text_version` are a
    consent's."""

    name: str
    kind: FieldKind
    label: str
    worth: float = 0.0
    help: str = ""
    required: bool = False
    options: tuple[Option, ...] = ()
    least: float | str | None = None
    most: float | str | None = None
    min_length: int = 0
    max_length: int = LENGTH
    pattern: str | None = None
    message: str = ""
    topic: str = ""
    text_version: str = ""
    autocomplete: str = ""

    @property
    def memory(self) -> str:
        """The name under which it is remembered that somebody was asked: a new text of a consent is another question."""
        return f"{self.topic}@{self.text_version}" if self.kind == "consent" else self.name

    @property
    def identifies(self) -> bool:
        """Whether it is asked until it is known."""
        return self.name == IDENTIFYING


@dataclass(frozen=True, slots=True)
class Step:
    """The fields of one page, and its words."""

    title: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that comes along unseen, at most `max_length` characters of it: from the parameter `text` of the page's address (`query`),
    from the page, or always `text` (`value`). With `trait` it becomes one of the person."""

    name: str
    source: Literal["query", "url", "referrer", "value"]
    text: str
    max_length: int
    trait: bool


@dataclass(frozen=True)
class Form:
    """A form. `ask` is the most fields of one visit, None where all are asked each time."""

    id: str
    title: str
    steps: tuple[Step, ...]
    description: str = ""
    language: Language = "en"
    submit: str = ""
    thanks: str = ""
    redirect: str | None = None
    privacy: str | None = None
    double_opt_in: bool = False
    ask: int | None = None
    hidden: tuple[Hidden, ...] = ()

    @cached_property
    def fields(self) -> dict[str, Field]:
        """All fields by name, in order."""
        return {field.name: field for field in self._fields()}

    def _fields(self) -> Iterator[Field]:
        for step in self.steps:
            yield from step.fields
