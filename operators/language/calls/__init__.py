"""The calls of the language: one file a call, one row a call.

To add a call: write `operators/language/calls/<name>.py` with its `ROW`, add the module to the tuple below, give it its part in the oracle
(`tests/oracle.py`) and in the generated plans of `tests/operators/test_oracle.py`.
"""

from __future__ import annotations

from operators.language.calls import (
    age,
    bucket,
    coalesce,
    count,
    did,
    everyone,
    first,
    has,
    in_segment_for,
    last,
    segment,
    since,
    since_first,
)
from operators.language.nodes import CallRow

CALLS: dict[str, CallRow] = {
    module.ROW.name: module.ROW
    for module in (count, did, since, since_first, first, last, age, segment, in_segment_for, coalesce, has, bucket, everyone)
}
"""Every call by its name. The trait reference is a node of its own (`Trait`), not a call."""
