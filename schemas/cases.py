"""The files under cases/ of a plan, as they are written: what is given, and what must then hold.

The models say which keys there are and of which form their values. Names, instants and the entries of checks are looked at where cases are
read.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from schemas.event import Kind
from schemas.output import DECISION_REASONS
from schemas.plan import DURATION, PlanModel

START = "2026-01-05"
"""The day, a Monday, on which a case begins that does not say when."""

OFFSET = rf"^([+-]{DURATION[1:-1]})+$"
"""The form of an offset from the start of a case, a sum: `+2h`, `+7d-1ms`."""


def _moment(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"an instant must be like '+2h' or '+7d-1ms', or a date and time; got {_told(value)}")  # noqa: TRY004 - pydantic collects these
    return value


def _told(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.40}"


Moment = Annotated[
    str,
    BeforeValidator(_moment),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": OFFSET}, {"type": "string", "format": "date-time"}], "examples": ["+0s", "+2h", "+7d-1ms"]}
    ),
]
_id = {"type": "string"}


def _entries(*details: str) -> dict[str, Any]:
    """The JSON Schema of a list of ids or, where there are details, `{id: detail}`; or of such a list for each person."""
    detail = {"type": "object", "properties": dict.fromkeys(details, _id), "additionalProperties": False}
    named = {"type": "object", "maxProperties": 1, "additionalProperties": {"anyOf": [_id, detail]}}
    entries = {"type": "array", "items": {"anyOf": [_id, named]} if details else _id}
    return {"anyOf": [entries, {"type": "object", "additionalProperties": entries}]}


ENTRIES: dict[str, tuple[str, ...]] = {
    "members": (),
    "not_members": (),
    "entered": ("at",),
    "exited": ("at",),
    "triggers": ("at", "template"),
    "decisions": ("reason", "at"),
}
"""What a check can ask for, and the details that each entry of it can have; a detail written alone is the first."""

FIELDS: dict[str, tuple[Kind, ...]] = {
    "event": ("track",),
    "properties": ("track", "page", "screen"),
    "traits": ("identify", "group"),
    "name": ("page", "screen"),
    "category": ("page", "screen"),
    "previous": ("alias", "unmerge"),
}
"""The keys of a given event that go with some types only."""


class GivenFile(PlanModel):
    """An event of a case."""

    at: Annotated[Moment, Field(description="When it happens: an offset from the start such as +2h, a sum such as +7d-1ms, or an instant.")]
    event: Annotated[str, Field(description="The name of a track event, such as Product Added.")] = ""
    type: Annotated[Kind, Field(description="What else it is: identify, page, screen, group, alias or unmerge.")] = "track"
    user: Annotated[str, Field(description="The userId; without it and `anonymous` all events are of one person.")] = ""
    anonymous: Annotated[str, Field(description="The anonymousId.")] = ""
    id: Annotated[str, Field(description="The messageId; two events of one id are one event that came twice.")] = ""
    properties: Annotated[dict[str, Any], Field(default_factory=dict, description="The event's properties, by name.")]
    traits: Annotated[dict[str, Any], Field(default_factory=dict, description="With `type: identify`: the person's traits, by name.")]
    name: Annotated[str, Field(description="The name of a page or screen.")] = ""
    category: Annotated[str, Field(description="The category of a page or screen.")] = ""
    previous: Annotated[
        str, Field(description="With `type: alias` or `unmerge`: the id that is, or is not, the same person as the userId.")
    ] = ""
    source: Annotated[str, Field(description="Where it comes from: the name of the library that sends it.")] = ""


class CheckFile(PlanModel):
    """What must hold at an instant. A list is about the case's one person; of several, `{person: [...]}` says whose it is."""

    after: Annotated[
        Moment, Field(description="The instant: all that happened up to it counts, what time alone brings about included.")
    ] = ""
    members: Annotated[Any, Field(description="Exactly the segments that the person is in."), WithJsonSchema(_entries())] = None
    not_members: Annotated[Any, Field(description="Segments that the person is not in."), WithJsonSchema(_entries())] = None
    entered: Annotated[
        Any,
        Field(description="Entries so far, as `segment` or `segment: instant`: exactly these of the segments named; [] is none at all."),
        WithJsonSchema(_entries(*ENTRIES["entered"])),
    ] = None
    exited: Annotated[
        Any,
        Field(description="Exits so far, as `segment` or `segment: instant`: exactly these of the segments named; [] is none at all."),
        WithJsonSchema(_entries(*ENTRIES["exited"])),
    ] = None
    triggers: Annotated[
        Any,
        Field(description="Exactly the triggers so far, as `campaign`, `campaign: instant` or `campaign: {at:, template:}`."),
        WithJsonSchema(_entries(*ENTRIES["triggers"])),
    ] = None
    decisions: Annotated[
        Any,
        Field(description=f"Exactly the mails not sent so far, as `campaign: reason`; reasons are {', '.join(DECISION_REASONS)}."),
        WithJsonSchema(_entries(*ENTRIES["decisions"])),
    ] = None


_listed = {"type": "array", "minItems": 1}


class CaseFile(PlanModel):
    """A case: what is given, and what must then hold."""

    title: Annotated[str, Field(description="What the case shows, in words.")] = ""
    start: Annotated[Moment, Field(description="The instant of +0s: a date (its midnight in the plan's zone), or a date and time.")] = (
        "2026-01-05"
    )
    holdout: Annotated[
        Any,
        Field(description="Whether the persons of the case are in the hold-outs: true, or a list of campaigns whose hold-out they are in."),
        WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "array", "items": _id}]}),
    ] = False
    given: Annotated[
        list[Any],
        Field(
            min_length=1,
            description="The events, in the order in which they arrive.",
            json_schema_extra={"items": {"$ref": "#/$defs/GivenFile"}},
        ),
    ]
    after: Annotated[Moment, Field(description="The instant of the checks that have no `after` of their own.")] = ""
    then: Annotated[
        Any,
        Field(description="A check, or a list of checks."),
        WithJsonSchema({"anyOf": [{"$ref": "#/$defs/CheckFile"}, {**_listed, "items": {"$ref": "#/$defs/CheckFile"}}]}),
    ]


class CasesFile(PlanModel):
    """cases/<name>.yaml: cases by name, or a list of them. A file can also be one case."""

    cases: Annotated[
        Any,
        Field(description="The cases by name, or a list."),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "object", "additionalProperties": {"$ref": "#/$defs/CaseFile"}},
                    {**_listed, "items": {"$ref": "#/$defs/CaseFile"}},
                ]
            }
        ),
    ]


CASE_MODELS: tuple[type[PlanModel], ...] = (CasesFile, CaseFile, GivenFile, CheckFile)
"""The models of a file under cases/."""
