"""`wrong_in`: all that is wrong with a JSON Schema of the tracking plan, before the first event is put to it.

A schema is a whole of its own: it refers to its own parts alone (`$ref: '#/$defs/address'`), and to none that it stands in. So what an
event costs is bounded by its length and by `MOST_RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonschema_rs import ValidationError, validator_for
from rapidfuzz.distance import OSA

from operators.language.check import nearest
from operators.language.durations import shortened
from operators.tracking.validators import compiles

Path = tuple[str | int, ...]

MOST_RULES = 10_000
"""Of a schema, each part counted as often as it is referred to."""
MOST_DEPTH = 100
"""How deep parts of a schema stand in each other, also by reference."""

NEWEST = "https://json-schema.org/draft/2020-12/schema"
DRAFTS = (
    NEWEST,
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)
ONE = frozenset(
    {
        *("additionalProperties", "unevaluatedProperties", "propertyNames", "items", "additionalItems", "unevaluatedItems", "contains"),
        *("not", "if", "then", "else", "contentSchema"),
    }
)
"""Keywords whose value is a schema."""
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
"""Keywords whose value is a list of schemas; `items` was one in older drafts."""
NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
"""Keywords whose value is a mapping of schemas."""
SHELVES = frozenset({"$defs", "definitions"})
"""Keywords under which schemas lie that count only where they are referred to."""
REFUSED = ("$id", "id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$vocabulary")
"""Keywords by which a reference could mean something else than a part of the schema; an `$id` of the whole is taken."""
PLAIN = frozenset(
    {
        *("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength"),
        *("pattern", "format", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties"),
        *("required", "dependentRequired", "contentEncoding", "contentMediaType", "title", "description", "default", "examples"),
        *("deprecated", "readOnly", "writeOnly", "example", "$comment", "$schema", "$ref"),
    }
)
"""Keywords whose value holds no schema."""
KEYWORDS = sorted({*ONE, *MANY, *NAMED, *SHELVES, *PLAIN})
FORMATS = (
    *("date", "date-time", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference"),
    *("iri", "iri-reference", "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex"),
)


class Wrong(NamedTuple):
    """One thing that must be otherwise in a schema, and where; `key` says that it is the key there."""

    path: Path
    text: str
    key: bool = False


def wrong_in(schema: dict[str, Any]) -> list[Wrong]:
    """All that is wrong with a schema.

    >>> wrong_in({"properties": {"total": {"type": "nmber"}}})[0].text
    "`type` must be one of array, boolean, integer, null, number, object, string; got 'nmber'; did you mean 'number'?"
    """
    return _no_draft(schema) or _no_json(schema, ()) or _malformed(schema) or _unsound(schema)


def _no_draft(schema: dict[str, Any]) -> list[Wrong]:
    draft = schema.get("$schema", NEWEST)
    if isinstance(draft, str) and draft.removesuffix("#") in DRAFTS:
        return []
    text = draft if isinstance(draft, str) else str(draft)
    return [Wrong(("$schema",), f"`$schema` must be that of a draft, such as {NEWEST}; got {shortened(text)}{nearest(text, DRAFTS)}")]


def _no_json(value: Any, path: Path) -> list[Wrong]:
    """Numbers that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return [Wrong(path, "a number in a schema must be finite; got infinity or NaN")]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [wrong for key, each in inner for wrong in _no_json(each, (*path, key))]


def _malformed(schema: dict[str, Any]) -> list[Wrong]:
    """Where the schema is not what its draft says a schema is."""
    draft = str(schema.get("$schema", NEWEST)).removesuffix("#")
    found: dict[Path, Wrong] = {}
    for error in validator_for({"$schema": draft, "$ref": draft if draft in DRAFTS[:2] else f"{draft}#"}, offline=True).iter_errors(schema):
        path = tuple(error.instance_path)
        found.setdefault(path, Wrong(path, _must(path, error)))
    return list(found.values())


TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_NAMES = {"object": "a mapping", "array": "a list", "boolean": "true or false", "string": "a string", "integer": "a whole number"}
_LEAST = {"minimum": "at least {}", "exclusiveMinimum": "more than {}", "minItems": "a list with at least {} item"}


def _must(path: Path, error: ValidationError) -> str:
    name = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "an item" if path else "`schema`"
    value, told = error.instance, error.kind.as_dict()
    if (path and path[-1] == "type") or (path[-2:-1] == ("type",) and isinstance(path[-1], int)):
        wrong = next((each for each in value if each not in TYPES), value) if isinstance(value, list) else value
        return f"`type` must be one of {', '.join(TYPES)}; got {got_of(wrong)}{nearest(wrong, TYPES) if isinstance(wrong, str) else ''}"
    if error.kind.name == "type":
        return f"{name} must be {' or '.join(_NAMES.get(each, f'a {each}') for each in sorted(told['types']))}; got {got_of(value)}"
    if error.kind.name in _LEAST:
        return f"{name} must be {_LEAST[error.kind.name].format(told['limit'])}; got {got_of(value)}"
    return f"{name} must be as JSON Schema has it; got {got_of(value)}, which breaks `{error.kind.name}`"


def got_of(value: Any) -> str:
    """What a value is, for a finding."""
    if isinstance(value, str):
        return shortened(value)
    kinds = {dict: "a mapping", list: "a list", bool: str(value).lower(), type(None): "nothing"}
    return kinds.get(type(value)) or shortened(str(value))[1:-1]


def _unsound(schema: dict[str, Any]) -> list[Wrong]:
    """What a well-formed schema must not have: keywords that are mistyped, references that lead nowhere or around, patterns that are
    none, and more than can be put to an event in a short time."""
    found = [wrong for path, part in parts_of(schema) for wrong in _wrong_keywords(schema, path, part)]
    if not found:
        found = _too_much(schema)
    if not found and not compiles(schema):
        found = [Wrong((), "`schema` must be a JSON Schema; got one that cannot be used")]
    return found


def parts_of(schema: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All schemas that stand in a schema, itself the first, with their paths."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, value in schema.items():
        for inner, part in _inner(keyword, value):
            yield from parts_of(part, (*path, keyword, *inner))


def _inner(keyword: str, value: Any) -> Iterator[tuple[Path, Any]]:
    """The schemas in the value of a keyword."""
    if keyword in ONE and isinstance(value, dict):
        yield (), value
    elif keyword in MANY and isinstance(value, list):
        yield from (((i,), each) for i, each in enumerate(value))
    elif keyword in NAMED | SHELVES and isinstance(value, dict):
        yield from (((name,), each) for name, each in value.items())


def _wrong_keywords(root: dict[str, Any], path: Path, part: dict[str, Any]) -> Iterator[Wrong]:
    for keyword, value in part.items():
        here = (*path, keyword)
        if keyword in REFUSED and (path or keyword not in ("$id", "id")):
            must = f"`{keyword}` must not stand {'within' if path else 'in'} a schema"
            yield Wrong(here, f"{must}; a part is referred to by its place, as in '#/$defs/address'", key=True)
        elif keyword not in KEYWORDS and (meant := _meant(keyword)):
            yield Wrong(here, f"a keyword must be one of JSON Schema; got {shortened(keyword)}; did you mean '{meant}'?", key=True)
        elif keyword == "$ref" and target_of(root, value) is None:
            yield Wrong(here, f"a reference must be to a part of the same schema, as in '#/$defs/address'; got {shortened(str(value))}")
        elif keyword == "format" and value not in FORMATS:
            hint = nearest(str(value), FORMATS)
            yield Wrong(here, f"`format` must be one of {', '.join(FORMATS)}; got {shortened(str(value))}{hint}")
        elif keyword == "pattern":
            yield from _wrong_pattern(here, value, key=False)
        elif keyword == "patternProperties":
            for pattern in value:
                yield from _wrong_pattern((*here, pattern), pattern, key=True)


def _meant(keyword: str) -> str | None:
    """The keyword that is mistyped; words of others than JSON Schema are taken, and mean nothing."""
    near = ((OSA.distance(keyword, known, score_cutoff=2), known) for known in KEYWORDS)
    return min((known for distance, known in near if distance <= (1 if len(known) < 7 else 2)), default=None)


def _wrong_pattern(path: Path, pattern: Any, *, key: bool) -> Iterator[Wrong]:
    if not compiles({"pattern": pattern}):
        must = "a pattern must be a regular expression, not too large, without look-around and back-references"
        yield Wrong(path, f"{must}; got {shortened(str(pattern))}", key)


def target_of(root: dict[str, Any], reference: Any) -> Any:
    """The part that a reference names: a mapping, true or false; None where there is none.

    >>> target_of({"$defs": {"a/b": True}}, "#/$defs/a~1b")
    True
    """
    if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
        return None
    here: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict):
            here = here.get(name)
        elif isinstance(here, list) and name.isascii() and name.isdecimal() and len(name) < 10:
            here = here[int(name)] if int(name) < len(here) else None
        else:
            return None
    return here if isinstance(here, dict | bool) else None


def _too_much(schema: dict[str, Any]) -> list[Wrong]:
    try:
        rules, _ = _Sizes(schema).of(schema, (), 0)
    except _Endless as error:
        return [Wrong(error.path, str(error))]
    if rules > MOST_RULES:
        must = f"a schema must have at most {MOST_RULES} rules, counted as often as they are referred to"
        return [Wrong((), f"{must}; got {'more' if rules > 10 * MOST_RULES else rules}")]
    return []


class _Endless(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self.path = path


class _Sizes:
    """How many rules a part of a schema has, and how deep they stand, what it refers to included."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[int, tuple[int, int] | None] = {}

    def of(self, part: Any, path: Path, above: int) -> tuple[int, int]:
        """Number and depth; raises where the part refers to what it stands in, or its parts stand too deep."""
        if not isinstance(part, dict):
            return 1, 1
        if id(part) in self._known:
            known = self._known[id(part)]
            if known is None:
                raise _Endless(path, "a schema must not refer to a part that it stands in; got a circle")
        else:
            known = None
        if above + (known[1] if known else 1) > MOST_DEPTH:
            raise _Endless(path, f"the parts of a schema must stand at most {MOST_DEPTH} deep in each other; got more")
        if known is None:
            self._known[id(part)] = None
            known = self._known[id(part)] = self._count(part, path, above)
        return known

    def _count(self, part: Mapping[str, Any], path: Path, above: int) -> tuple[int, int]:
        number, depth = 0, 0
        for keyword, value in part.items():
            inner = [] if keyword in SHELVES else list(_inner(keyword, value))
            if keyword == "$ref":
                inner = [((), target_of(self._root, value))]
            number += 1
            for steps, each in inner:
                rules, deep = self.of(each, (*path, keyword, *steps), above + 1)
                number, depth = number + rules, max(depth, deep)
        return number, depth + 1
