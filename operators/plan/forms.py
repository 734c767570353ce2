"""`read_form`: forms/<id>.yaml to the checked form.

Keys and types of the file are looked at elsewhere. Here is looked at what needs more than one value: which keys go with a kind, names that
stand twice, topics, origins. A part whose shape is wrong is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from operators.clean.dates import iso_date
from operators.clean.text import clean_text
from operators.forms.form import LENGTH, LENGTHS, Field, Form, Hidden, Option, Step
from operators.forms.names import EVENTS, autocomplete_of
from operators.language.check import nearest
from operators.language.durations import shortened
from operators.language.patterns import compile_pattern
from operators.plan.checked import Plan
from operators.plan.yaml_tree import Path
from schemas.forms import FIELD, KEYS_OF, NEEDED, FieldFile, FormFile, HiddenFile, StepFile
from schemas.plan import PlanModel

Find = Callable[[Path, str], None]
"""Notes what must be otherwise at a place of the file."""
_AFTER_ORIGIN = re.compile(r"(?<![:/])(?=[/?#])")
Model = TypeVar("Model", bound=PlanModel)


def read_form(id: str, value: Any, plan: Plan, find: Find) -> Form | None:
    """The form that is written in the file; None where its shape is wrong. What else is wrong is noted."""
    raw = value if isinstance(value, dict) else {}
    fields = dict(_fields(raw))
    for path, field in fields.items():
        _check_field(path, field, raw, plan, find)
    _names_once(fields, raw, find)
    _check_hidden(raw.get("hidden"), fields, find)
    _check_form(raw, fields, plan, find)
    _check_events(raw, plan, find)
    file = _valid(FormFile, raw)
    return _form(id, file) if file is not None else None


def _valid(model: type[Model], value: Any) -> Model | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _fields(raw: Mapping[str, Any]) -> Iterator[tuple[Path, FieldFile]]:
    """The fields whose shape is right, by their place."""
    steps = raw.get("steps")
    for i, step in enumerate(steps if isinstance(steps, list) else []):
        fields = step.get("fields") if isinstance(step, dict) else None
        for j, value in enumerate(fields if isinstance(fields, list) else []):
            field = _valid(FieldFile, value)
            if field is not None:
                yield ("steps", i, "fields", j), field


# --- fields ---------------------------------------------------------------------------------------------------------------------------


def _check_field(path: Path, field: FieldFile, raw: Mapping[str, Any], plan: Plan, find: Find) -> None:
    """One field by itself."""
    written = field.model_fields_set
    for key, kinds in KEYS_OF.items():
        if key in written and field.kind not in kinds:
            find((*path, key), f"`{key}` must stand with the kind {' or '.join(kinds)}; got it with {field.kind}")
    for key in NEEDED.get(field.kind, ()):
        if getattr(field, key) is None:
            find(path, f"a field of the kind {field.kind} must have its `{key}`; got none")
    if field.name.endswith(("_raw", "_verdict")):
        find((*path, "name"), f"the name of a field must not end as those that cleaning gives; got {shortened(field.name)}")
    if field.name == "email" and field.kind != "email":
        find((*path, "kind"), f"the field `email` must be of the kind email, since people are known by it; got {field.kind}")
    if field.kind == "consent" and field.topic is not None:
        _check_topic((*path, "topic"), field.topic, plan, find)
    _check_limits(path, field, find)
    _check_options(path, field, find)
    _check_pattern(path, field, find)
    if "worth" in written and raw.get("progressive") is None:
        find((*path, "worth"), "`worth` must stand in a form that is `progressive`; got it in one that asks all")


def _check_topic(path: Path, topic: str, plan: Plan, find: Find) -> None:
    ids = [each.id for each in plan.topics]
    if not ids:
        find(path, f"a topic must be one of the `topics` of plan.yaml, which has none; got {shortened(topic)}")
    elif topic not in ids:
        find(path, f"a topic must be one of the `topics` of plan.yaml; got {shortened(topic)}{nearest(topic, ids)}")


def _check_limits(path: Path, field: FieldFile, find: Find) -> None:
    """Limits are of the field's kind, and the least is no more than the most."""
    must = {"number": "a number", "date": "a date such as '2026-01-31', or today"}.get(field.kind)
    sound = True
    for key in ("min", "max") if must is not None else ():
        limit = getattr(field, key)
        if limit is not None and not (_is_date(limit) if field.kind == "date" else type(limit) is not str):
            find((*path, key), f"`{key}` of a {field.kind} must be {must}; got {shortened(str(limit))}")
            sound = False
    if sound and field.min is not None and field.max is not None and "today" not in (field.min, field.max) and field.min > field.max:
        find((*path, "max"), f"`max` must be no less than `min`; got {field.max} and {field.min}")
    if field.min_length is not None and field.max_length is not None and field.min_length > field.max_length:
        find((*path, "max_length"), f"`max_length` must be no less than `min_length`; got {field.max_length} and {field.min_length}")


def _is_date(limit: Any) -> bool:
    return limit == "today" or (type(limit) is str and iso_date(limit) == limit and len(limit) == 10)


def _check_options(path: Path, field: FieldFile, find: Find) -> None:
    seen: set[str] = set()
    for i, option in enumerate(field.options or []):
        value = clean_text(option.value)
        if not value or value in seen:
            find(
                (*path, "options", i),
                f"an option must have a text, and stand once; got {shortened(option.value)}{' again' if value else ''}",
            )
        seen.add(value)


def _check_pattern(path: Path, field: FieldFile, find: Find) -> None:
    if field.pattern is None:
        return
    try:
        compile_pattern(field.pattern)
    except ValueError:
        find((*path, "pattern"), f"`pattern` must be a pattern that RE2 takes; got {shortened(field.pattern)}")


def _names_once(fields: Mapping[Path, FieldFile], raw: Mapping[str, Any], find: Find) -> None:
    names, topics = Counter[str](), Counter[str]()
    for path, field in fields.items():
        if names[field.name]:
            find((*path, "name"), f"the name of a field must stand once in a form; got {shortened(field.name)} again")
        if field.topic is not None and topics[field.topic]:
            find((*path, "topic"), f"a form must ask once for a topic; got {shortened(field.topic)} again")
        names[field.name] += 1
        topics[field.topic or ""] += 1


# --- the form -------------------------------------------------------------------------------------------------------------------------


def _check_hidden(raw: Any, fields: Mapping[Path, FieldFile], find: Find) -> None:
    names = {field.name for field in fields.values()}
    for name, value in (raw if isinstance(raw, dict) else {}).items():
        hidden = _valid(HiddenFile, {"query": value} if isinstance(value, str) else value)
        if not re.fullmatch(FIELD[1:-1], name):
            find(("hidden", name), f"the name of a hidden value must be like 'campaign' (letters, digits, _); got {shortened(name)}")
        if name in EVENTS["Form Submitted"]:
            find(("hidden", name), f"a hidden value must not be named as what each submission tells; got {shortened(name)}")
        if hidden is None:
            continue
        sources = [key for key in ("query", "page", "value") if getattr(hidden, key) is not None]
        if len(sources) != 1:
            find(("hidden", name), f"a hidden value must have one of query, page, value; got {' and '.join(sources) or 'none'}")
        if hidden.trait and name in names:
            find(("hidden", name), f"a hidden value must be no trait that a field asks for; got {shortened(name)}")


def _check_form(raw: Mapping[str, Any], fields: Mapping[Path, FieldFile], plan: Plan, find: Find) -> None:
    kinds, names = {field.kind for field in fields.values()}, {field.name for field in fields.values()}
    if raw.get("double_opt_in") is True and "consent" not in kinds:
        find(("double_opt_in",), "a form with `double_opt_in` must have a field of the kind consent; got none")
    if raw.get("double_opt_in") is True and "email" not in names:
        find(("double_opt_in",), "a form with `double_opt_in` must have the field `email`, to which its link is sent; got none")
    redirect = raw.get("redirect")
    if not isinstance(redirect, str):
        return
    if "thanks" in raw:
        find(("redirect",), "a form must have `thanks` or `redirect`; got both")
    if not may_redirect(redirect, plan.collect.origins):
        must = "a path of this host such as /f/offers, or a page of one of the `origins` of collect.yaml"
        find(("redirect",), f"`redirect` must be {must}; got {shortened(redirect)}")


def may_redirect(target: str, origins: tuple[str, ...]) -> bool:
    """Whether people may be sent there.

    >>> may_redirect("/f/offers", ()), may_redirect("//evil.example", ()), may_redirect("https://a.example/x", ("https://a.example",))
    (True, False, True)
    """
    if not target.isascii() or not target.isprintable() or "\\" in target or " " in target:
        return False
    if target.startswith("/"):
        return not target.startswith("//")
    return _AFTER_ORIGIN.split(target, maxsplit=1)[0] in origins


def _check_events(raw: Mapping[str, Any], plan: Plan, find: Find) -> None:
    """A tracking plan that takes away what it does not know must know what forms send."""
    tracking = plan.tracking
    if tracking is None or tracking.on_unknown == "flag" or not raw:
        return
    known = {event.name for event in tracking.events}
    sent = [name for name in EVENTS if raw.get("double_opt_in") is True or not name.startswith("Subscription")]
    missing = [name for name in sent if name not in known]
    if missing:
        text = f"tracking.yaml must know what a form sends, since it has `on_unknown: {tracking.on_unknown}`; got no {', '.join(missing)}"
        find((), text)


def _form(id: str, file: FormFile) -> Form:
    places = iter(range(10**6))
    steps = tuple(_step(step, places) for step in file.steps)
    hidden = tuple(_hidden(name, value) for name, value in file.hidden.items())
    ask = None if file.progressive is None else file.progressive.ask
    return Form(
        *(id, file.title, steps, file.description, file.language, file.submit, file.thanks, file.redirect, file.privacy),
        double_opt_in=file.double_opt_in,
        ask=ask,
        hidden=hidden,
    )


def _step(step: StepFile, places: Iterator[int]) -> Step:
    return Step(step.title, step.description, tuple(_field(field, -float(next(places))) for field in step.fields))


def _field(field: FieldFile, worth: float) -> Field:
    """`worth` is that of a field of which nothing is said."""
    return Field(
        name=field.name,
        kind=field.kind,
        label=field.label,
        worth=worth if field.worth is None else float(field.worth),
        help=field.help,
        required=field.required,
        options=tuple(Option(clean_text(option.value), option.label or option.value) for option in field.options or ()),
        least=field.min,
        most=field.max,
        min_length=field.min_length or 0,
        max_length=field.max_length or max(LENGTHS.get(field.kind, LENGTH), field.min_length or 0),
        pattern=field.pattern,
        message=field.message,
        topic=field.topic or "",
        text_version=field.text_version or "",
        autocomplete=field.autocomplete or autocomplete_of(field.name, field.kind),
    )


def _hidden(name: str, value: HiddenFile) -> Hidden:
    if value.page is not None:
        return Hidden(name, value.page, "", value.max_length, value.trait)
    if value.query is not None:
        return Hidden(name, "query", value.query, value.max_length, value.trait)
    return Hidden(name, "value", value.value or "", value.max_length, value.trait)
