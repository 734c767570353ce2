"""`validator_of`: a JSON Schema of the tracking plan, ready to be put to properties.

*Guarantees*: nothing is fetched, whatever a schema names. Patterns are matched in linear time, and are no larger than `MOST_PATTERN_BYTES`.
"""

from __future__ import annotations

from typing import Any

from jsonschema_rs import RegexOptions, ValidationError, Validator, validator_for

MOST_PATTERN_BYTES = 1 << 20
"""Of a compiled pattern."""

_PATTERNS = RegexOptions(size_limit=MOST_PATTERN_BYTES, dfa_size_limit=MOST_PATTERN_BYTES)


def validator_of(schema: dict[str, Any]) -> Validator:
    """The schema compiled; `ValidationError` where it is none. What it says is wrong with a value does not hold the value.

    >>> validator_of({"properties": {"total": {"minimum": 0}}}).is_valid({"total": -1})
    False
    """
    return validator_for(
        schema, validate_formats=True, ignore_unknown_formats=False, pattern_options=_PATTERNS, offline=True, mask="the value"
    )


def compiles(schema: dict[str, Any]) -> bool:
    """Whether the schema is one."""
    try:
        validator_of(schema)
    except ValidationError:
        return False
    return True
