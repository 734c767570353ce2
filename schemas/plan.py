"""The files of a plan, as they are written: pydantic models.

The models say which keys a file has and of which form the values are. What needs more than one value or more than one file (rules, names
of segments, time zones) is checked where plans are read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

MAX_SEGMENTS = 10_000
DURATION = r"^([0-9]{1,15}(ms|[wdhms]))+$"
NAME = r"^[a-z0-9][a-z0-9_-]*$"
SEGMENT_ID = r"^[a-z][a-z0-9_]*$"
CAMPAIGN_ID = r"^[a-z][a-z0-9_-]*$"


class PlanModel(BaseModel):
    """What all models of plan files have in common: no unknown keys, and no value taken for one of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


def share(value: object) -> float:
    """The share in [0, 1] that is written as a number or in per cent; `ValueError` where it is none.

    >>> share("5%"), share(0.25)
    (0.05, 0.25)
    """
    number: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and value.endswith("%") and value[:-1].replace(".", "", 1).isdecimal() and value.isascii():
        number = float(value[:-1]) / 100
    if number is None or not 0 <= number <= 1:
        raise ValueError(f"a share must be like '5%', or a number from 0 to 1; got {_told(value)}")
    return number


def _told(value: object) -> str:
    return "nothing" if value is None else f"{value!r:.40}"


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"a duration must be like '7d', '1d12h' or '90s' (units w d h m s ms); got {_told(value)}")  # noqa: TRY004 - as below
    return value


def _off(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    return "off" if value is False else _duration(value)


def _duplicate_persons(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    if value is False or value == "off":
        return None
    if value == "review":
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"`duplicate_persons` must be review, off, or a mapping; got {_told(value)}")  # noqa: TRY004 - pydantic collects these
    return value


def chance(value: object) -> float:
    """The chance, more than 0 and less than 1, that is written as a number or in per cent; `ValueError` where it is none.

    >>> chance("99%")
    0.99
    """
    try:
        number = share(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise ValueError(f"a chance must be like '99%', more than 0 % and less than 100 %; got {_told(value)}")
    return number


def _identity(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    if value is False or value == "off":
        return None
    if not isinstance(value, dict):
        raise ValueError(f"`identity` must be a mapping, or off; got {_told(value)}")  # noqa: TRY004 - pydantic collects these
    return value


def _segment(value: object) -> object:
    if isinstance(value, str):
        return {"when": value}
    if not isinstance(value, dict):
        raise ValueError(f"a segment must be a rule, or a mapping with `when`; got {_told(value)}")  # noqa: TRY004 - pydantic collects these
    return value


def _computed(value: object) -> object:
    if isinstance(value, str):
        return {"value": value}
    if not isinstance(value, dict):
        raise ValueError(f"a computed value must be an expression, or a mapping with `value`; got {_told(value)}")  # noqa: TRY004 - as above
    return value


def _entry(value: object) -> object:
    return {} if value is None else value


Duration = Annotated[
    str, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION, "examples": ["7d", "1d12h", "30m"]})
]
DurationOrOff = Annotated[
    str,
    BeforeValidator(_off),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION}, {"enum": ["none", "off", False]}], "examples": ["400d", "none"]}),
]
Share = Annotated[
    float,
    BeforeValidator(share),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]*)?%$"}, {"type": "number", "minimum": 0, "maximum": 1}],
            "examples": ["5%", 0.05],
        }
    ),
]
Chance = Annotated[
    float,
    BeforeValidator(chance),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]*)?%$"},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
            "examples": ["99%", 0.6],
        }
    ),
]
Rule = Annotated[str, Field(description="A rule: one expression of the rule language, such as did('Order Completed', within='30d').")]


CleanKind = Literal["text", "email", "phone", "name", "name_part", "address", "country", "language", "currency", "date", "off"]
CLEAN_KINDS: dict[CleanKind, str] = {
    "text": "trimmed, in NFC; so are all strings, also in lists and objects",
    "email": "the domain in lower case and in ASCII (IDNA 2008); with a verdict beside it",
    "phone": "E.164, such as +4930123456, read as dialled in the country",
    "name": "a whole name: first names first, in upper and lower case",
    "name_part": "a first or last name alone, in upper and lower case",
    "address": "an object of street, city, state, postalCode and country, by the format of the country",
    "country": "two letters of ISO 3166-1, of codes and names",
    "language": "a tag of BCP 47, such as de-AT, of tags, locales and names",
    "currency": "three letters of ISO 4217, of codes, signs and names",
    "date": "YYYY-MM-DD, of dates as people write them; 3/4/1990 is read as in the country",
    "off": "left as it is",
}
"""What a trait can be cleaned as."""
CLEANED_TRAITS: dict[str, CleanKind] = {
    "email": "email",
    "phone": "phone",
    "name": "name",
    **dict.fromkeys(("firstName", "first_name", "lastName", "last_name"), "name_part"),
    "address": "address",
    **dict.fromkeys(("birthday", "dateOfBirth", "date_of_birth"), "date"),
    "country": "country",
    **dict.fromkeys(("language", "locale"), "language"),
    "currency": "currency",
}
"""Traits that are cleaned unless a plan says otherwise: the names of Segment's spec, and those that stand beside them everywhere."""


def _clean(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    if value is False or value == "off":
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"`clean` must be off, or a mapping of traits to kinds; got {_told(value)}")  # noqa: TRY004 - as above
    return {name: "off" if kind is False else kind for name, kind in value.items()}


Clean = Annotated[
    dict[str, CleanKind],
    BeforeValidator(_clean),
    WithJsonSchema(
        {
            "anyOf": [{"enum": ["off", False]}, {"type": "object", "additionalProperties": {"enum": [*CLEAN_KINDS, False]}}],
            "examples": [{"mobile": "phone", "nickname": "off"}],
        }
    ),
]


MOST_LISTED = 8
"""So many sources of a trait can be listed."""


def _survivorship(value: object) -> object:
    if value in ("recent", "strictest"):
        return value
    if not isinstance(value, list) or not all(isinstance(source, str) for source in value):
        raise ValueError(f"survivorship must be recent, strictest, or a list of sources such as [crm, web]; got {_told(value)}")
    if not 0 < len(value) <= MOST_LISTED:
        raise ValueError(f"a list of sources must have 1 to {MOST_LISTED} of them; got {len(value)}")
    return value


Surviving = Annotated[
    str | list[str],
    BeforeValidator(_survivorship),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["recent", "strictest"]},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_LISTED, "uniqueItems": True},
            ],
            "examples": ["recent", "strictest", ["crm", "web"]],
        }
    ),
]


class CapFile(PlanModel):
    """A frequency cap."""

    most: Annotated[int, Field(ge=1, description="At most so many triggers a person, of all campaigns together.")]
    within: Annotated[Duration, Field(description="In any span of this length.")]


class DuplicatePersonsFile(PlanModel):
    """From which chances on two persons are taken for one."""

    review: Annotated[Chance, Field(description="From this chance on two persons are put up for review: `beckon duplicates ls`.")] = 0.6
    merge: Annotated[
        Chance | None,
        Field(description="From this chance on they are merged without a question; a careful value is 99%. Without it, none are."),
    ] = None


def _switch(value: object) -> object:
    """YAML 1.2 reads `on` and `off` as strings."""
    if value in ("on", "off"):
        return value == "on"
    if type(value) is not bool:
        raise ValueError(f"`profiles` must be on or off; got {_told(value)}")
    return value


Switch = Annotated[bool, BeforeValidator(_switch), WithJsonSchema({"enum": ["on", "off", True, False]})]

DuplicatePersonsOrOff = Annotated[
    DuplicatePersonsFile | None,
    BeforeValidator(_duplicate_persons),
    WithJsonSchema({"anyOf": [{"$ref": "#/$defs/DuplicatePersonsFile"}, {"enum": ["review", "off", False]}]}),
]


class LimitsFile(PlanModel):
    """How many identifiers of each type a person can have."""

    user_id: Annotated[int, Field(ge=1, description="So many userIds at most.")] = 1
    email: Annotated[int, Field(ge=1, description="So many e-mail addresses at most.")] = 5
    anonymous_id: Annotated[int, Field(ge=1, description="So many anonymousIds at most.")] = 100


class IdentityFile(PlanModel):
    """How identifiers are linked to persons."""

    limits: Annotated[LimitsFile, Field(description="An event that would break one is taken without its lowest-ranking identifier.")] = (
        LimitsFile()
    )
    blocked: Annotated[
        list[str],
        Field(max_length=100, description="Patterns (RE2) of whole values that are no identifiers, in any case, beside null, guest, 0000."),
    ] = []


class TopicFile(PlanModel):
    """A topic of communication: what mails of some campaigns are about."""

    title: Annotated[str, Field(description="What people call the topic.")] = ""
    description: Annotated[str, Field(description="What is sent on it.")] = ""
    consent: Annotated[
        Literal["required", "none"],
        Field(description="`required`: who has not given consent is not sent it; `none`: only who is suppressed is not."),
    ] = "required"


TopicEntry = Annotated[TopicFile, BeforeValidator(_entry), WithJsonSchema({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/TopicFile"}]})]

IdentityOrOff = Annotated[
    IdentityFile | None,
    BeforeValidator(_identity),
    WithJsonSchema({"anyOf": [{"$ref": "#/$defs/IdentityFile"}, {"enum": ["off", False]}]}),
]


class PlanFile(PlanModel):
    """plan.yaml: the plan's name and what holds for all of it."""

    name: Annotated[str, Field(pattern=NAME, max_length=100, description="The plan's name; Kafka topics are named after it.")]
    timezone: Annotated[str, Field(description="The time zone of dates, as in the IANA database, such as Europe/Berlin.")] = "UTC"
    lateness: Annotated[Duration, Field(description="How far the watermark stays behind the latest event time.")] = "10s"
    history: Annotated[DurationOrOff, Field(description="How long a person's events are kept; `none` keeps none.")] = "400d"
    duplicates: Annotated[
        DurationOrOff,
        Field(description="Two records of a person with one messageId, less than this apart, are one event; `off`: each is an event."),
    ] = "7d"
    duplicate_persons: Annotated[
        DuplicatePersonsOrOff,
        Field(description="Whether persons are looked for that are probably one: `review` merges none by itself; `off` looks for none."),
    ] = None
    identity: Annotated[
        IdentityOrOff,
        Field(description="How userIds, e-mail addresses and anonymousIds of one person are linked; `off`: a person is one of these ids."),
    ] = IdentityFile()
    holdout: Annotated[Share, Field(description="The share of persons that no campaign sends to, for comparison.")] = 0.0
    country: Annotated[
        str | None,
        Field(description="The country (ISO 3166-1) whose phone numbers, dates and addresses are meant where a person tells none."),
    ] = None
    clean: Annotated[
        Clean, Field(description="What traits are cleaned as, beside those that always are, and by them expected; `off`: nothing is.")
    ] = {}
    profiles: Annotated[
        Switch, Field(description="Whether the unified profile of a person is put out each time that it changes, as the stream `profiles`.")
    ] = False
    survivorship: Annotated[
        dict[str, Surviving],
        Field(
            description="Which value of a trait counts where sources differ: `recent` (unless said otherwise), `strictest`, or that of the "
            "first of these sources that has one."
        ),
    ] = {}
    caps: Annotated[list[CapFile], Field(max_length=100, description="Frequency caps; all of them hold.")] = []
    topics: Annotated[
        dict[str, TopicEntry],
        Field(
            max_length=100,
            description="Topics of communication by id: each campaign then has one, and people give and withdraw consent to them.",
            json_schema_extra={"propertyNames": {"pattern": CAMPAIGN_ID}},
        ),
    ] = {}


class SegmentFile(PlanModel):
    """A segment: the rule, and words for people. `id: <rule>` is short for `id: {when: <rule>}`."""

    when: Rule
    title: Annotated[str, Field(description="What people call the segment.")] = ""
    description: Annotated[str, Field(description="What the segment is for.")] = ""


SegmentEntry = Annotated[
    SegmentFile,
    BeforeValidator(_segment),
    WithJsonSchema({"anyOf": [{"type": "string", "description": "A rule of the rule language."}, {"$ref": "#/$defs/SegmentFile"}]}),
]


class SegmentsFile(PlanModel):
    """segments.yaml: the segments by id."""

    segments: Annotated[
        dict[str, SegmentEntry],
        Field(max_length=MAX_SEGMENTS, description="Segments by id.", json_schema_extra={"propertyNames": {"pattern": SEGMENT_ID}}),
    ]


class ComputedFile(PlanModel):
    """A computed value: its expression, and words for people. `name: <expression>` is short for `name: {value: <expression>}`."""

    value: Rule
    title: Annotated[str, Field(description="What people call the value.")] = ""
    description: Annotated[str, Field(description="What the value is for.")] = ""


ComputedEntry = Annotated[
    ComputedFile,
    BeforeValidator(_computed),
    WithJsonSchema({"anyOf": [{"type": "string", "description": "An expression of the rule language."}, {"$ref": "#/$defs/ComputedFile"}]}),
]


class ComputedsFile(PlanModel):
    """computed.yaml: named values computed by an expression, for rules to take by `computed('name')`."""

    computed: Annotated[
        dict[str, ComputedEntry],
        Field(max_length=MAX_SEGMENTS, description="Expressions by name.", json_schema_extra={"propertyNames": {"pattern": SEGMENT_ID}}),
    ]


class SendStep(PlanModel):
    """The step `send`: makes a trigger for a mail."""

    send: Annotated[str, Field(min_length=1, description="The template of the mail: the name of a file in templates/ without its ending.")]


STEP_KINDS: dict[str, type[PlanModel]] = {"send": SendStep}
"""Every kind of campaign step, by the key that it is told by."""


class CampaignFile(PlanModel):
    """campaigns/<id>.yaml: who is sent what, and when."""

    title: Annotated[str, Field(description="What people call the campaign.")] = ""
    description: Annotated[str, Field(description="What the campaign is for.")] = ""
    on: Annotated[
        str,
        Field(
            description="What starts it: `enters <segment>`, `exits <segment>` or `event <name>`, also `event <name> where <expression>`.",
            json_schema_extra={"pattern": "^(enters|exits|event) .+$"},
        ),
    ]
    where: Annotated[str, Field(description="With `on: event`: an expression over the event's properties that must hold.")] = ""
    key: Annotated[
        str, Field(description="With `on: event`: the property, such as a cart id, that tells two occasions of one person apart.")
    ] = ""
    re_enter: Annotated[
        str,
        Field(
            description="Whether a person can start again: `never`, `always`, or `after <duration>` since the last start.",
            json_schema_extra={"pattern": "^(never|always|after .+)$"},
        ),
    ] = "never"
    topic: Annotated[
        str | None, Field(description="What its mails are about: one of the `topics` of plan.yaml, which must be there where it has some.")
    ] = None
    holdout: Annotated[Share, Field(description="The share of persons that this campaign does not send to, for comparison.")] = 0.0
    existing: Annotated[
        bool, Field(description="With a segment: also starts for the people who enter or leave it because the plan was changed.")
    ] = False
    state: Annotated[Literal["live", "draft"], Field(description="`draft` is checked, but starts for nobody.")] = "live"
    steps: Annotated[
        list[Any],
        Field(
            min_length=1,
            max_length=1000,
            description="What happens, in order.",
            json_schema_extra={"items": {"anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in STEP_KINDS.values()]}},
        ),
    ]


BreachAction = Literal["block", "strip", "flag"]
BREACH_ACTIONS: dict[BreachAction, str] = {
    "block": "the event is rejected, with the reason `tracking_plan`",
    "strip": "the properties that break the plan are taken out, of an unknown event all; what is missing stays so",
    "flag": "the event is taken as it is",
}
"""What can become of an event that breaks the tracking plan; it is counted in each case."""


class EventFile(PlanModel):
    """An event of the tracking plan."""

    description: Annotated[str, Field(description="When the event is sent.")] = ""
    json_schema: Annotated[
        dict[str, Any],
        Field(
            alias="schema",
            description="A JSON Schema for the event's properties: {type: object, properties: {...}}. Properties that it does not name are "
            "unknown in rules, unless it says `additionalProperties: true`; without `properties` all are known.",
        ),
    ] = {}
    on_breach: Annotated[
        BreachAction | None, Field(description="What becomes of an event that breaks its schema; that of the plan, where nothing is said.")
    ] = None


EventEntry = Annotated[EventFile, BeforeValidator(_entry), WithJsonSchema({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/EventFile"}]})]


class TrackingFile(PlanModel):
    """tracking.yaml, the tracking plan: known events by name. Without the file every event and property is taken."""

    events: Annotated[dict[str, EventEntry], Field(description="Events by name.")]
    on_breach: Annotated[
        BreachAction,
        Field(
            description="What becomes of an event that breaks its schema: `block` rejects it, `strip` takes those properties out, "
            "`flag` counts it."
        ),
    ] = "flag"
    on_unknown: Annotated[
        BreachAction, Field(description="What becomes of a track whose event is not here; `strip` takes all properties.")
    ] = "flag"
