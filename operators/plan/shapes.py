"""`misfits`: what the model of a file finds in a value, in words and at its place."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from operators.language.check import nearest
from operators.language.durations import shortened, ticked
from operators.plan.yaml_tree import Path, Place, Tree
from schemas.plan import PlanModel


def misfits(tree: Tree, model: type[PlanModel], value: Any, path: Path, name: str) -> Iterator[tuple[Place, str]]:
    """What a model finds in a value that stands at `path`; `name` is what the whole is called where it stands at the top."""
    if not isinstance(value, dict):
        yield tree.at(path), f"{'this' if path else name} must be a mapping; got {got(value)}"
        return
    try:
        model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            yield _misfit(tree, model, details, path)


def _misfit(tree: Tree, model: type[PlanModel], details: Any, path: Path) -> tuple[Place, str]:
    """One error of a model."""
    loc: Path = tuple(details["loc"])
    name, kind = str(loc[-1]) if loc else "", details["type"]
    if kind == "extra_forbidden":
        keys = _keys_at(model, loc[:-1])
        return tree.key((*path, *loc)), f"a key must be one of {', '.join(keys)}; got {shortened(name)}{nearest(name, keys)}"
    if kind == "missing":
        return tree.at((*path, *loc[:-1])), f"`{name}` must be there; got none"
    return tree.at((*path, *loc)), _mismatch(details, ticked(name) if isinstance(loc[-1], str) else f"item {name}")


def got(value: Any) -> str:
    """What a value is, for a finding."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return shortened(value)
    return shortened(str(value))[1:-1]


_MUST = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "like {pattern}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} character long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "a list with at least {min_length} item",
    "too_long": "at most {max_length} in number",
}


def _mismatch(details: Any, name: str) -> str:
    """The words for an error of a model."""
    context = details.get("ctx", {})
    if details["type"] == "value_error":
        return f"{context['error']}"
    must = _MUST.get(details["type"])
    text = must.format(**context) if must else details["msg"]
    return f"{name} must be {text}; got {got(details['input'])}"


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The keys that the model has at a place."""
    here: Any = model
    for step in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {info.alias or name: info for name, info in here.model_fields.items()}
            here = fields[str(step)].annotation
        else:
            here = get_args(here)[-1]
        while hasattr(here, "__metadata__") or isinstance(here, UnionType):
            here = get_args(here)[0]
    return [info.alias or name for name, info in here.model_fields.items()]
