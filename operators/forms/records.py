"""The records that forms become: Segment envelopes, for the log of events.

| of | become |
|---|---|
| a page that is shown | `Form Viewed` |
| its answers | an identify with them as traits, `Form Submitted`, and `Consent Given` for each consent |
| a consent with double opt-in | `Subscription Requested`; when it is confirmed, `Consent Given` and `Subscription Confirmed` |
| answers of a machine | `Form Submitted` alone, with `machine: true` and the answers in it |

*Guarantees*: the same page with the same answers has the same messageIds. Of a machine nobody becomes known, and nothing is agreed to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from operators.forms.ask import Page
from operators.forms.form import Field, Form
from operators.forms.visit import Visit

LIBRARY = "beckon-forms"
"""The source of these events."""
Record = dict[str, Any]


class Grant(NamedTuple):
    """Consent that waits to be confirmed: of whom, to which topics and versions of their texts, and until when. `key` is that of the page
    that asked."""

    form: str
    key: str
    anonymous_id: str
    topics: tuple[tuple[str, str], ...]
    until_ms: int


class Seen(NamedTuple):
    """What is known of who asks for a page: its User-Agent, and the name of the machine that it is, None for a person."""

    agent: str = ""
    machine: str | None = None


def viewed(form: Form, visit: Visit, page: Page, seen: Seen) -> list[Record]:
    """The page was shown."""
    told = _told(form, visit, page, [field.name for field in page.fields], seen)
    return [_track(visit, seen, "Form Viewed", told, f"form-{visit.nonce}-{visit.place}-viewed")]


def submitted(
    form: Form,
    visit: Visit,
    page: Page,
    answers: Mapping[str, Any],
    seen: Seen,
    *,
    link: Callable[[Grant], Mapping[str, str]],
    until_ms: int,
) -> list[Record]:
    """The page was sent with these answers; `link` gives what a mail must carry so that consent can be confirmed, until `until_ms`."""
    key, machine = visit.key(answers), seen.machine is not None
    traits = {**_traits_of(form, visit), **{field.name: answers[field.name] for field in page.fields if _is_trait(field, answers)}}
    told = _told(form, visit, page, [field.name for field in page.fields if field.name in answers], seen)
    told["final"] = visit.place + 1 >= len(visit.pages(form))
    if machine:
        return [_track(visit, seen, "Form Submitted", {**told, "answers": dict(answers)}, f"form-{key}-submitted")]
    records = [_identify(visit, seen, traits, f"form-{key}-identify")] if traits else []
    records.append(_track(visit, seen, "Form Submitted", told, f"form-{key}-submitted"))
    agreed = [field for field in page.fields if field.kind == "consent" and answers.get(field.name) is True]
    if agreed and form.double_opt_in:
        grant = Grant(form.id, key, visit.anonymous_id, tuple((field.topic, field.text_version) for field in agreed), until_ms)
        asked = {"form": form.id, "topics": [field.topic for field in agreed], **link(grant)}
        return [*records, _track(visit, seen, "Subscription Requested", asked, f"form-{key}-requested")]
    return records + [_track(visit, seen, "Consent Given", _proof(form, field), f"form-{key}-consent-{field.topic}") for field in agreed]


def confirmed(form: Form, grant: Grant) -> list[Record]:
    """The consents of a grant were confirmed."""
    texts = {(field.topic, field.text_version): field for field in form.fields.values() if field.kind == "consent"}
    records = []
    for topic, version in grant.topics:
        field = texts.get((topic, version))
        proof = (
            _proof(form, field)
            if field is not None
            else {"topic": topic, "text_version": version, "source": _source(form), "form": form.id}
        )
        records.append(_bare(grant.anonymous_id, "Consent Given", {**proof, "confirmed": True}, f"form-{grant.key}-consent-{topic}"))
    told = {"form": form.id, "topics": [topic for topic, _ in grant.topics]}
    return [*records, _bare(grant.anonymous_id, "Subscription Confirmed", told, f"form-{grant.key}-confirmed")]


def _is_trait(field: Field, answers: Mapping[str, Any]) -> bool:
    return field.name in answers and field.kind != "consent"


def _traits_of(form: Form, visit: Visit) -> dict[str, str]:
    hidden = visit.hidden or {}
    return {each.name: hidden[each.name] for each in form.hidden if each.trait and each.name in hidden}


def _told(form: Form, visit: Visit, page: Page, fields: Sequence[str], seen: Seen) -> Record:
    told: Record = {**(visit.hidden or {}), "form": form.id, "title": form.title, "step": page.step, "fields": list(fields)}
    return told if seen.machine is None else {**told, "machine": True, "agent": seen.machine}


def _proof(form: Form, field: Field) -> Record:
    """What proves a consent: the text that was agreed to, and its version."""
    return {"topic": field.topic, "text_version": field.text_version, "text": field.label, "source": _source(form), "form": form.id}


def _source(form: Form) -> str:
    return f"forms/{form.id}"


def _identify(visit: Visit, seen: Seen, traits: Record, id: str) -> Record:
    return {"type": "identify", "anonymousId": visit.anonymous_id, "traits": traits, "context": _context(visit, seen), "messageId": id}


def _track(visit: Visit, seen: Seen, event: str, properties: Record, id: str) -> Record:
    return _bare(visit.anonymous_id, event, properties, id) | {"context": _context(visit, seen)}


def _bare(anonymous_id: str, event: str, properties: Record, id: str) -> Record:
    context = {"library": {"name": LIBRARY}}
    return {"type": "track", "event": event, "anonymousId": anonymous_id, "properties": properties, "context": context, "messageId": id}


def _context(visit: Visit, seen: Seen) -> Record:
    page = {name: value for name, value in (("url", visit.url), ("referrer", visit.referrer)) if value}
    context: Record = {"library": {"name": LIBRARY}}
    for name, value in (("page", page), ("campaign", dict(visit.campaign or {})), ("userAgent", seen.agent)):
        if value:
            context[name] = value
    return context
