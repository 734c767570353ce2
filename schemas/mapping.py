"""How rows of a table become events, as it is written: the file of `beckon import --map`, and `map` of a source in collect.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.plan import PlanModel

ColumnType = Literal["text", "number", "boolean", "date", "time", "list"]
COLUMN_TYPES: dict[ColumnType, str] = {
    "text": "a text, trimmed",
    "number": "a number; of text with `decimal: ','` such as 1.234,50",
    "boolean": "true of true, yes, y, on, t, x, 1; false of false, no, n, off, f, 0",
    "date": "YYYY-MM-DD; other spellings by `format`",
    "time": "an instant, in UTC; other spellings by `format`, without an offset that of `zone`",
    "list": "texts, of one text by `separator`",
}
"""What a cell can be read as."""

FORMAT = (
    "How dates or times are written, in the letters of strptime, such as '%d.%m.%Y %H:%M'; or `ms` or `s`, such a number since 1970 (UTC)."
)
MOST_COLUMNS = 1000


def _column(value: object) -> object:
    if isinstance(value, str):
        return {"column": value}
    if not isinstance(value, dict):
        told = "nothing" if value is None else f"{value!r:.40}"
        raise ValueError(f"a column must be its name, or a mapping with `column`; got {told}")  # noqa: TRY004 - pydantic collects these
    return value


def _texts(value: object) -> object:
    return value if isinstance(value, list) else [value]


class ColumnFile(PlanModel):
    """A column, and how its cells are read. `Name` is short for `{column: Name}`."""

    column: Annotated[
        str, Field(min_length=1, description="The name in the header; of JSON the field, deeper ones with dots: company.name.")
    ]
    type: Annotated[ColumnType | None, Field(description="What the cells are; of JSON, without it, what they are there.")] = None
    format: Annotated[str | None, Field(min_length=1, max_length=100, description=FORMAT)] = None
    zone: Annotated[str | None, Field(description="The time zone of times without an offset, such as Europe/Berlin.")] = None
    separator: Annotated[str | None, Field(min_length=1, max_length=10, description="What stands between the texts of a list.")] = None
    prefix: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="Of an id: a text before it, so that the ids of two systems stay apart."),
    ] = None
    decimal: Annotated[Literal[".", ","], Field(description="What stands before the decimals of a number.")] = "."


ColumnEntry = Annotated[
    ColumnFile,
    BeforeValidator(_column),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/ColumnFile"}]}),
]
OneColumn = Annotated[
    ColumnFile | None,
    BeforeValidator(_column),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/ColumnFile"}]}),
]
Scalar = str | int | float | bool
Values = Annotated[
    list[Scalar],
    BeforeValidator(_texts),
    WithJsonSchema(
        {"anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]}
    ),
]


class RowMapFile(PlanModel):
    """How a row becomes an event: who it is of, what is known of that person, and since when."""

    userId: Annotated[OneColumn, Field(description="The column of the userId.")] = None  # noqa: N815 - as in events
    anonymousId: Annotated[OneColumn, Field(description="The column of the anonymousId.")] = None  # noqa: N815
    email: Annotated[
        OneColumn,
        Field(description="The column of the e-mail address: a trait, and who the row is of where it has no other id."),
    ] = None
    traits: Annotated[
        dict[str, ColumnEntry],
        Field(
            default_factory=dict, max_length=MOST_COLUMNS, description="Columns by trait; `address.city` is the city in the trait address."
        ),
    ]
    set: Annotated[
        dict[str, Any],
        Field(default_factory=dict, max_length=MOST_COLUMNS, description="Traits, or properties, that are the same for all rows."),
    ]
    time: Annotated[OneColumn, Field(description="The column that says since when the row is so, or when the event happened.")] = None
    event: Annotated[str, Field(max_length=1024, description="Rows are track events of this name, such as Order Completed.")] = ""
    properties: Annotated[
        dict[str, ColumnEntry],
        Field(default_factory=dict, max_length=MOST_COLUMNS, description="With `event`: columns by property; dots as in `traits`."),
    ]
    skip: Annotated[
        dict[str, Values],
        Field(default_factory=dict, max_length=MOST_COLUMNS, description="Rows are left out whose column has one of these values."),
    ]
    empty: Annotated[
        Literal["keep", "clear"], Field(description="What an empty cell does: `keep` says nothing of the trait, `clear` takes it away.")
    ] = "keep"


class ImportMapFile(RowMapFile):
    """The map of an import: how rows become events, and how the file is read."""

    source: Annotated[str, Field(description="What the events name as their source, in context.library.name, such as crm.")]
    at: Annotated[
        str | None, Field(description="The time of rows that have none: RFC 3339; else that at which the file was last changed.")
    ] = None
    encoding: Annotated[str | None, Field(description="The encoding of a CSV file, such as cp1252; else UTF-8, or what its BOM says.")] = (
        None
    )
    delimiter: Annotated[
        str | None,
        Field(min_length=1, max_length=1, description="What stands between cells of CSV; else what the header shows: , ; | or a tab."),
    ] = None
    columns: Annotated[
        list[str] | None, Field(min_length=1, max_length=10_000, description="The names of the columns, of a CSV file that has no header.")
    ] = None
    skip_lines: Annotated[int, Field(ge=0, le=1000, description="So many lines before the header of a CSV file are no part of it.")] = 0
