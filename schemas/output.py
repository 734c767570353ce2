"""What comes out: CloudEvents 1.0 in structured JSON, in streams of their own.

A stream is a file `<stream>.jsonl` of the output folder, or the topic `<plan name>.<stream>`. Keys stand in the order of
`CloudEvent`. `sequence` (the CloudEvents extension of that name) is the lane's gap-free number of the record, so a reader can see that none
is missing and none came twice; it alone differs between runs that spread the same persons over other lanes.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Stream = Literal["transitions", "triggers", "decisions", "rejects", "resolved", "profiles"]
STREAMS: tuple[Stream, ...] = ("transitions", "triggers", "decisions", "rejects")
ALL_STREAMS: tuple[Stream, ...] = (*STREAMS, "resolved", "profiles")
"""With what the identify stage puts out where it runs on its own, and the profiles of a plan that has them put out."""

ERASED = "beckon.erased"
"""The type of the record, in the stream `transitions`, by which a person is no more; it says nothing but the name."""

RejectReason = Literal[
    "not_json", "wrong_type", "too_large", "unknown_type", "no_id", "blocked_id", "no_name", "no_time", "bad_time", "tracking_plan"
]
REJECT_REASONS: dict[RejectReason, str] = {
    "not_json": "the record is no JSON object (NaN, broken UTF-8 and too deep nesting included)",
    "wrong_type": "a field of the envelope has another type than the Segment spec gives it, or `identifiers` are no texts",
    "too_large": "the record has more than 512 KiB, or an id or event name of it more than 1,024 characters",
    "unknown_type": "type is none of identify, track, page, screen, group, alias, unmerge, erase",
    "no_id": "neither userId nor anonymousId",
    "blocked_id": "each identifier is one that stands for nobody, such as null or guest",
    "no_name": "a track without an event name",
    "no_time": "no stamp in the record, and the log gives none",
    "bad_time": "a stamp that is no RFC 3339 date and time",
    "tracking_plan": "the event breaks the tracking plan, which says `block`",
}

DecisionReason = Literal["suppressed", "consent", "no_address", "holdout", "re_entry", "cap"]
DECISION_REASONS: dict[DecisionReason, str] = {
    "suppressed": "the person unsubscribed or complained, mails to the address come back, or it was that of somebody erased",
    "consent": "the topic of the campaign needs a consent that the person has not given, or has withdrawn",
    "no_address": "the person has no e-mail address",
    "holdout": "the person is in the hold-out of the plan or of the campaign",
    "re_entry": "the person entered the campaign before, and `re_enter` does not let it in again yet",
    "cap": "the person got as many triggers as a cap of the plan allows in its window",
}
"""In the order in which they are looked at; the first that refuses is the reason."""


class Reject(msgspec.Struct, gc=False, frozen=True):
    """Why a record cannot be used: `reason` for machines, `detail` for people (no value of the record in it)."""

    reason: RejectReason
    detail: str


class Output(msgspec.Struct, gc=False, frozen=True, array_like=True):
    """One output record, ready to leave: its stream's index in `ALL_STREAMS`, its key (person) and its CloudEvent as JSON bytes without a
    newline. `gone` says that the key stands for nobody any more: on a compacted topic that is a record without a value."""

    stream: int
    key: str | None
    value: bytes
    gone: bool = False


class CloudEvent(msgspec.Struct, gc=False, omit_defaults=False):
    """The envelope of all output; `time` is RFC 3339 with milliseconds and `Z`, or absent where a reject's is unknown."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | msgspec.UnsetType
    time: str | msgspec.UnsetType
    datacontenttype: str
    sequence: str
    data: dict[str, Any] | None
