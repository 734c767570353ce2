"""The routes of forms as JSON, for front ends of one's own: `GET /v1/forms/<id>` asks, `POST` takes the answers.

| GET gives | |
|---|---|
| `token` | comes back with the answers |
| `fields` | what is asked now, as the plan has it |
| `no`, `of` | which page of how many this is |
| `anonymousId` | the visitor's, that it was asked with or got |
| `done` | nothing is left to ask |

POST takes `{"token": ..., "answers": {field: value}}` and gives what GET does for the next page, or `done` with `thanks` or `redirect`; 422
with `errors` by field where something must be otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flows.collect.app import told
from flows.collect.body import parse, read_body
from flows.collect.door import Door
from flows.collect.forms.asker import caller_of
from flows.collect.forms.forms import Forms
from flows.collect.forms.page import SURE, TRAP
from flows.collect.refusal import Refusal
from operators.forms.check import texts_of
from operators.forms.form import Field, Form
from operators.forms.visit import Visit
from operators.forms.words import WORDS

_OF_FIELDS = ("name", "kind", "label", "help", "required", "min_length", "max_length", "autocomplete", "topic", "text_version")
MOST_TEXTS = 500


class Api:
    """Answers for the JSON of forms."""

    def __init__(self, forms: Forms, door: Door) -> None:
        self._forms, self._door = forms, door

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [Route("/v1/forms/{id}", self._answer, methods=["GET", "POST", "OPTIONS"])]

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(None, 204, self._door.preflight(request))
        headers = {**self._door.cors(request), "Cache-Control": "no-store"}
        if request.headers.get("origin") is not None and "Access-Control-Allow-Origin" not in headers:
            raise Refusal(403, "a browser must come from one of the plan's origins")
        self._door.pass_by(request, "forms")
        form = self._forms.form(request.path_params["id"])
        value, status = await (self._take(request, form) if request.method == "POST" else self._ask(request, form))
        return told(value, status, headers)

    async def _ask(self, request: Request, form: Form) -> tuple[dict[str, Any], int]:
        asker = caller_of(request)
        shown, _ = await self._forms.begin(form, asker)
        if request.method == "GET":
            await self._forms.viewed(form, shown, asker)
        return self._asked(form, shown), 200

    def _asked(self, form: Form, shown: Visit) -> dict[str, Any]:
        page = shown.page(form)
        found: dict[str, Any] = {"success": True, "form": form.id, "anonymousId": shown.anonymous_id, "done": page is None}
        if page is None:
            words = WORDS[form.language]
            end = {"redirect": form.redirect} if form.redirect is not None else {"thanks": form.thanks or words["thanks"]}
            return {**found, **end, "to_confirm": shown.to_confirm}
        step = form.steps[page.step - 1]
        words = {name: getattr(form, name) for name in ("title", "description", "language", "submit", "privacy")}
        place = {"no": shown.place + 1, "of": len(shown.pages(form)), "step": {"title": step.title, "description": step.description}}
        fields = [self._field(field) for field in page.fields]
        return {**found, **words, **place, "fields": fields, "token": self._forms.seal.close(shown)}

    def _field(self, field: Field) -> dict[str, Any]:
        found = {name: value for name in _OF_FIELDS if (value := getattr(field, name)) or value is False}
        limits = {"min": field.least, "max": field.most}
        found |= {name: self._forms.today() if limit == "today" else limit for name, limit in limits.items() if limit is not None}
        if field.options:
            found["options"] = [option._asdict() for option in field.options]
        return found

    async def _take(self, request: Request, form: Form) -> tuple[dict[str, Any], int]:
        body = parse(await read_body(request))
        token, answers, sure = body.get("token"), body.get("answers"), body.get(SURE)
        shown = self._forms.resume(form, token) if isinstance(token, str) else None
        if shown is None:
            raise Refusal(400, "`token` must be the one that GET gave")
        if not isinstance(answers, dict):
            raise Refusal(400, "`answers` must be an object of fields and values")
        sent, wrong = _texts(answers, WORDS[form.language]["no_text"])
        if wrong:
            return {"success": False, "error": "some answers must be of another kind", "errors": wrong}, 422
        sure = sure if isinstance(sure, str) else ""
        taken = await self._forms.take(form, shown, sent, caller_of(request), sure=sure, trapped=bool(body.get(TRAP)))
        if taken.expired:
            words = WORDS[form.language]["expired"]
            return {"success": False, "error": words, "token": self._forms.seal.close(self._forms.renewed(shown))}, 422
        if taken.next is None:
            return {"success": False, "error": "some answers must be otherwise", "errors": taken.checked.errors}, 422
        return self._asked(form, taken.next), 200


def _texts(answers: Mapping[str, Any], no_text: str) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """What was sent as a browser would send it, and what is wrong with the rest."""
    sent: dict[str, Sequence[str]] = {}
    wrong: dict[str, str] = {}
    for name, value in answers.items():
        texts = texts_of(value)
        if texts is None or len(texts) > MOST_TEXTS:
            wrong[name] = no_text
        else:
            sent[name] = texts
    return sent, wrong
