"""The section `crm` of collect.yaml, as it is written: systems that the edge asks for rows by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.mapping import RowMapFile, Scalar
from schemas.plan import Duration, PlanModel

CrmKind = Literal["json", "hubspot"]
AuthKind = Literal["bearer", "basic", "header", "query"]
PagingKind = Literal["cursor", "next", "page", "offset", "link"]
PAGING_KINDS: dict[PagingKind, str] = {
    "cursor": "the answer has, `at` a place, what the next request says as `parameter`",
    "next": "the answer has, `at` a place, the URL of the next one, at the same host",
    "page": "the next request says the next number, from `start` on, as `parameter`, until no rows come",
    "offset": "the next request says as `parameter` how many rows came, until none come",
    "link": "the header Link has the URL of the next one (RFC 8288), at the same host",
}
"""How the next page is asked for."""
DEFAULT_EVERY, DEFAULT_OVERLAP = "15m", "5m"
HUBSPOT_URL = "https://api.hubapi.com"


def _auth(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


class AuthFile(PlanModel):
    """How a request proves who asks; the secret is in BECKON_CRM_KEYS. `bearer` is short for `{kind: bearer}`."""

    kind: Annotated[AuthKind, Field(description="`bearer`, `basic` (user:password), or a `header` or `query` parameter of that `name`.")]
    name: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$", description="The name of the header or parameter.")] = None


class PagingFile(PlanModel):
    """How the next page is asked for."""

    kind: Annotated[PagingKind, Field(description=" ".join(f"`{kind}`: {words}." for kind, words in PAGING_KINDS.items()))]
    at: Annotated[str | None, Field(min_length=1, description="Where in the answer the cursor or URL lies, with dots: meta.next.")] = None
    parameter: Annotated[str | None, Field(min_length=1, description="What the next request says it as.")] = None
    start: Annotated[int, Field(ge=0, description="The number of the first page.")] = 1
    inside: Annotated[Literal["query", "body"], Field(description="Where the parameter stands.")] = "query"


class UpdatedFile(PlanModel):
    """Since when a row is as it is, so that only what has changed is asked for."""

    column: Annotated[str, Field(min_length=1, description="The field of a row, with dots.")]
    parameter: Annotated[
        str | None, Field(min_length=1, description="What a request says as which, to be given only what has changed since.")
    ] = None
    inside: Annotated[Literal["query", "body"], Field(description="Where the parameter stands.")] = "query"
    format: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="How the field and the parameter are written, as in a map; else RFC 3339."),
    ] = None
    zone: Annotated[str | None, Field(description="The time zone of times without an offset, such as Europe/Berlin.")] = None
    overlap: Annotated[Duration, Field(description="So much of the time before is asked for again, as rows may show late.")] = (
        DEFAULT_OVERLAP
    )


class CrmFile(PlanModel):
    """A system that is asked for rows: any that answers with JSON over HTTP, or HubSpot's contacts."""

    kind: Annotated[CrmKind, Field(description="`json`: what is said here; `hubspot`: the contacts of HubSpot.")] = "json"
    url: Annotated[str | None, Field(description="What is asked, https:// alone; of HubSpot another host than api.hubapi.com.")] = None
    method: Annotated[Literal["GET", "POST"], Field(description="How.")] = "GET"
    headers: Annotated[
        dict[str, str], Field(default_factory=dict, max_length=50, description="Headers of each request, none of them secret.")
    ]
    query: Annotated[dict[str, Scalar], Field(default_factory=dict, max_length=50, description="Parameters of each request.")]
    body: Annotated[dict[str, Any] | None, Field(description="With POST: the JSON of each request.")] = None
    auth: Annotated[
        AuthFile | None,
        BeforeValidator(_auth),
        WithJsonSchema({"anyOf": [{"enum": ["bearer", "basic"]}, {"$ref": "#/$defs/AuthFile"}]}),
        Field(description="How a request proves who asks; the secret is in BECKON_CRM_KEYS, by the name of the source."),
    ] = None
    rows: Annotated[
        str | None, Field(min_length=1, description="Where in the answer the rows lie, with dots; else it is a list of them.")
    ] = None
    paging: Annotated[PagingFile | None, Field(description="How the next page is asked for; else there is one.")] = None
    updated: Annotated[UpdatedFile | None, Field(description="Since when a row is as it is; else all are asked for each time.")] = None
    archived: Annotated[bool, Field(description="Of HubSpot: whether contacts are asked for that were archived.")] = False
    every: Annotated[Duration, Field(description="How often it is asked.")] = DEFAULT_EVERY
    rate: Annotated[float, Field(gt=0, le=1000, description="So many requests a second at most.")] = 4.0
    source: Annotated[str | None, Field(description="What the events name as their source; else the name of the entry.")] = None
    map: Annotated[RowMapFile, Field(description="How a row becomes an event; its `time` is that of `updated` where it names none.")]
