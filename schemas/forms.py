"""forms/<id>.yaml, as it is written: what a form asks, and what becomes of the answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.plan import PlanModel

FORM_ID = r"^[a-z][a-z0-9_-]{0,63}$"
FIELD = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
PARAMETER = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
MAX_STEPS, MAX_FIELDS, MAX_OPTIONS, MAX_HIDDEN = 20, 50, 300, 50

FieldKind = Literal["text", "email", "tel", "textarea", "number", "date", "select", "radio", "checkbox", "checkboxes", "consent"]
FIELD_KINDS: dict[FieldKind, str] = {
    "text": "one line",
    "email": "an e-mail address",
    "tel": "a phone number, read as in the plan's country",
    "textarea": "several lines",
    "number": "a number",
    "date": "a date",
    "select": "one of the options, in a list to open",
    "radio": "one of the options, all of them shown",
    "checkbox": "yes or no",
    "checkboxes": "any of the options",
    "consent": "consent to a topic; the label is the text that is agreed to, `text_version` its version",
}
"""What a field can ask for."""

KEYS_OF: dict[str, tuple[FieldKind, ...]] = {
    "options": ("select", "radio", "checkboxes"),
    "min": ("number", "date"),
    "max": ("number", "date"),
    "min_length": ("text", "textarea"),
    "max_length": ("text", "textarea"),
    "pattern": ("text",),
    "topic": ("consent",),
    "text_version": ("consent",),
}
"""The kinds with which a key of a field can stand."""
NEEDED: dict[FieldKind, tuple[str, ...]] = {
    "select": ("options",),
    "radio": ("options",),
    "checkboxes": ("options",),
    "consent": ("topic", "text_version"),
}
"""The keys that a kind must have."""

Language = Literal["en", "de"]


def _option(value: object) -> object:
    if isinstance(value, str):
        return {"value": value}
    if not isinstance(value, dict):
        raise ValueError(f"an option must be a text, or a mapping with `value` and `label`; got {_told(value)}")  # noqa: TRY004 - pydantic collects these
    return value


def _limit(value: object) -> object:
    if type(value) not in (int, float, str) or value != value:
        raise ValueError(f"a limit must be a number, a date such as '2026-01-31', or today; got {_told(value)}")
    return value


def _version(value: object) -> object:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not 0 < len(text) <= 100:
        raise ValueError(f"`text_version` must be a text such as '2026-01', of at most 100 characters; got {_told(value)}")
    return text


def _told(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.40}"


def _hidden(value: object) -> object:
    return {"query": value} if isinstance(value, str) else value


def _progressive(value: object) -> object:
    return {"ask": value} if type(value) is int else value


class OptionFile(PlanModel):
    """An option: what the trait gets, and what people read. A text alone is both."""

    value: Annotated[str, Field(min_length=1, max_length=200, description="What the trait gets.")]
    label: Annotated[str, Field(max_length=200, description="What people read; the value, where there is none.")] = ""


OptionEntry = Annotated[
    OptionFile,
    BeforeValidator(_option),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/OptionFile"}]}),
]
Limit = Annotated[
    Any, BeforeValidator(_limit), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}], "examples": [18, "today"]})
]
Version = Annotated[
    str, BeforeValidator(_version), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}], "examples": ["2026-01"]})
]


class FieldFile(PlanModel):
    """A field of a form."""

    name: Annotated[str, Field(pattern=FIELD, description="The trait that the answer becomes; of a consent only the field's own name.")]
    kind: Annotated[FieldKind, Field(description="What is asked for.")] = "text"
    label: Annotated[str, Field(min_length=1, max_length=2000, description="The question, as people read it.")]
    help: Annotated[str, Field(max_length=500, description="A sentence under the label.")] = ""
    required: Annotated[bool, Field(description="Whether it must be answered.")] = False
    worth: Annotated[
        float | None,
        Field(description="With `progressive`: what is worth more is asked first. Without it, a field is worth less than those before it."),
    ] = None
    options: Annotated[
        list[OptionEntry] | None,
        Field(min_length=1, max_length=MAX_OPTIONS, description="Of a select, radio or checkboxes: what there is."),
    ] = None
    min: Annotated[Limit | None, Field(description="The least number, or the first date (YYYY-MM-DD, or `today`).")] = None
    max: Annotated[Limit | None, Field(description="The greatest number, or the last date.")] = None
    min_length: Annotated[int | None, Field(ge=1, le=10_000, description="So many characters at least.")] = None
    max_length: Annotated[int | None, Field(ge=1, le=10_000, description="So many characters at most; 200, of a textarea 2000.")] = None
    pattern: Annotated[str | None, Field(max_length=500, description="A pattern (RE2) that the whole answer must have.")] = None
    message: Annotated[
        str, Field(max_length=300, description="What is said where the answer cannot be; else the form has words of its own.")
    ] = ""
    topic: Annotated[str | None, Field(description="Of a consent: one of the `topics` of plan.yaml.")] = None
    text_version: Annotated[Version | None, Field(description="Of a consent: the version of the label, for the proof.")] = None
    autocomplete: Annotated[
        str | None,
        Field(pattern=r"^[a-z -]{1,60}$", description="What browsers fill in, as in HTML; by the name of the field, where there is none."),
    ] = None


class StepFile(PlanModel):
    """A step: the fields of one page."""

    title: Annotated[str, Field(max_length=200, description="The heading of the step.")] = ""
    description: Annotated[str, Field(max_length=1000, description="A sentence or two under it.")] = ""
    fields: Annotated[list[FieldFile], Field(min_length=1, max_length=MAX_FIELDS, description="What is asked.")]


class HiddenFile(PlanModel):
    """A value that comes along unseen: `query` names a parameter of the page's address, `page` what is known of the page, `value` is always
    the same. A text alone is a `query`."""

    query: Annotated[str | None, Field(pattern=PARAMETER, description="The parameter of the page's address that has it.")] = None
    page: Annotated[Literal["url", "referrer"] | None, Field(description="The address of the page, or of the one before it.")] = None
    value: Annotated[str | None, Field(max_length=200, description="The value itself.")] = None
    trait: Annotated[bool, Field(description="Whether it becomes a trait of the person, too.")] = False
    max_length: Annotated[int, Field(ge=1, le=2000, description="What is longer is cut off.")] = 200


HiddenEntry = Annotated[
    HiddenFile, BeforeValidator(_hidden), WithJsonSchema({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/HiddenFile"}]})
]


class ProgressiveFile(PlanModel):
    """Progressive profiling. A number alone is `ask`."""

    ask: Annotated[int, Field(ge=1, le=MAX_FIELDS, description="At most so many fields each time, of those that were never asked before.")]


ProgressiveEntry = Annotated[
    ProgressiveFile,
    BeforeValidator(_progressive),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/ProgressiveFile"}]}),
]


class FormFile(PlanModel):
    """forms/<id>.yaml: a form that `beckon collect` serves at /f/<id>."""

    title: Annotated[str, Field(min_length=1, max_length=200, description="The heading.")]
    description: Annotated[str, Field(max_length=2000, description="What the form is for, under the heading.")] = ""
    language: Annotated[Language, Field(description="The language of the page's own words.")] = "en"
    submit: Annotated[str, Field(max_length=100, description="What the last button says; else `Send`, in the language.")] = ""
    thanks: Annotated[str, Field(max_length=2000, description="What is said when all is sent; else `Thank you.`, in the language.")] = ""
    redirect: Annotated[
        str | None,
        Field(
            max_length=2000, description="Where people go instead: a path of this host, or a page of one of the `origins` of collect.yaml."
        ),
    ] = None
    privacy: Annotated[
        str | None,
        Field(max_length=500, pattern=r"^(https?://|/[^/\\])[!-~]+$", description="The page that says what becomes of the answers."),
    ] = None
    double_opt_in: Annotated[
        bool, Field(description="Whether consent only counts when the link is followed that `Subscription Requested` carries.")
    ] = False
    progressive: Annotated[ProgressiveEntry | None, Field(description="Asks a few fields each time, and none a second time.")] = None
    hidden: Annotated[
        dict[str, HiddenEntry],
        Field(
            default_factory=dict,
            max_length=MAX_HIDDEN,
            description="Values that come along unseen, by the name of the property.",
            json_schema_extra={"propertyNames": {"pattern": FIELD}},
        ),
    ]
    steps: Annotated[list[StepFile], Field(min_length=1, max_length=MAX_STEPS, description="The pages of the form, in order.")]


FORM_MODELS: tuple[Any, ...] = (FormFile, StepFile, FieldFile, OptionFile, HiddenFile, ProgressiveFile)
