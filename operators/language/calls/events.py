"""The parameters that every call over events takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from operators.instants import instant_of
from operators.language.dates import PERIODS
from operators.language.nodes import Call, Parameter

EVENTS = Parameter("events", "events", required=True)
PROPERTY = Parameter("property", "property", required=True)
FILTERS = (
    Parameter("within", "within", keyword=True),
    Parameter("where", "where", keyword=True),
    Parameter("after", "on", keyword=True),
    Parameter("from_", "instant", keyword=True),
    Parameter("until", "instant", keyword=True),
    Parameter("this", "text", keyword=True),
    Parameter("same", "property", keyword=True),
    Parameter("as_", "on", keyword=True),
)
WHERE = Parameter("where", "where", keyword=True)


def check_filters(call: Call) -> Iterator[str]:
    """What must be otherwise in the filters of a call."""
    if (call["same"] is None) != (call["as_"] is None):
        yield "`same=` and `as_=` must stand together: the property, and the events whose latest one it is compared with"
    if call["this"] is not None and call["this"] not in PERIODS:
        yield f"`this=` must be one of {', '.join(map(repr, PERIODS))}; got {call['this']!r}"
    if call["this"] is not None and call["within"] is not None:
        yield "`this=` must stand without `within=`, since it is a window itself"
    bounds = [instant_of(call[name], UTC) for name in ("from_", "until")]
    if None not in bounds and bounds[0] >= bounds[1]:  # type: ignore[operator]  # neither is None
        yield f"`from_=` must be before `until=`; got {call['from_']!r} and {call['until']!r}"
