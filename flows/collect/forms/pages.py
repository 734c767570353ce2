"""The routes of forms as pages: `/f/<id>`, its thanks, and where consent is confirmed.

A page is sent by POST and answered with 303, so that a reload sends nothing twice. Where a link of a mail leads, nothing happens until a
button is pressed: scanners of mail follow links, too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flows.collect.body import read_body
from flows.collect.door import Door
from flows.collect.forms.asker import EMBED_PARAMETER, Asker, asker_of, cookie_of
from flows.collect.forms.forms import Forms
from flows.collect.forms.page import SURE, TOKEN, TRAP, Asking, answer, form_page, words_page
from flows.collect.refusal import Refusal
from operators.forms.form import IDENTIFYING, Form
from operators.forms.records import Grant
from operators.forms.visit import Visit
from operators.forms.words import WORDS

VISIT_PARAMETER, MAIL_PARAMETER, CONFIRMED_PARAMETER = "visit", "mail", "confirmed"
MOST_BODY_BYTES, MOST_VALUES = 262_144, 2_000
_CONTROLS = dict.fromkeys({*range(32), 127} - {*map(ord, "\t\n\r")})
Handler = Callable[[Request], Awaitable[Response]]


class Pages:
    """Answers for the pages of forms."""

    def __init__(self, forms: Forms, door: Door, origins: Sequence[str]) -> None:
        self._forms, self._door, self._origins = forms, door, origins

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [
            Route("/f/{id}", self._shown(self._ask), methods=["GET"]),
            Route("/f/{id}", self._shown(self._take), methods=["POST"]),
            Route("/f/{id}/thanks", self._shown(self._thank), methods=["GET"]),
            Route("/f/{id}/confirm", self._shown(self._confirm), methods=["GET", "POST"]),
        ]

    def _shown(self, handler: Handler) -> Handler:
        """A refusal is a page, too."""

        @wraps(handler)
        async def shown(request: Request) -> Response:
            try:
                self._door.pass_by(request, "forms")
                return await handler(request)
            except Refusal as refusal:
                found = answer(
                    words_page("en", "Sorry", [f"{refusal.sentence[:1].upper()}{refusal.sentence[1:]}."]), refusal.status, form=None
                )
                found.headers.update(refusal.headers)
                return found

        return shown

    def _form(self, request: Request) -> Form:
        return self._forms.form(request.path_params["id"])

    def _asker(self, request: Request) -> Asker:
        return asker_of(request, self._forms.public_url)

    # Asking

    async def _ask(self, request: Request) -> Response:
        form, asker = self._form(request), self._asker(request)
        resumed = self._forms.resume(form, asker.query.get(VISIT_PARAMETER, ""))
        shown, known = (resumed, False) if resumed is not None else await self._forms.begin(form, asker)
        if shown.page(form) is None:
            return self._say(
                form, WORDS[form.language]["thanks_title"], [WORDS[form.language]["nothing"]], embedded=asker.embedded, new=True
            )
        if request.method == "GET":
            await self._forms.viewed(form, shown, asker)
        found = self._page(form, shown, known=known)
        cookie = cookie_of(asker, self._forms.public_url)
        if cookie is not None and resumed is None:
            found.headers.append("Set-Cookie", cookie)
        return found

    def _page(
        self,
        form: Form,
        shown: Visit,
        *,
        status: int = 200,
        values: Mapping[str, Sequence[str]] | None = None,
        errors: Mapping[str, str] | None = None,
        notice: str = "",
        known: bool = False,
    ) -> Response:
        page, errors, values = shown.page(form), errors or {}, values or {}
        assert page is not None
        asking = Asking(
            page=page,
            no=shown.place + 1,
            of=len(shown.pages(form)),
            token=self._forms.seal.close(shown),
            values=values,
            errors=errors,
            notice=notice,
            sure=next(iter(values.get(IDENTIFYING, ())), "").strip() if IDENTIFYING in errors else "",
            known=known,
            today=self._forms.today(),
        )
        return self._answer(form_page(form, asking, embedded=shown.embedded), form, status=status, embedded=shown.embedded)

    # Taking

    async def _take(self, request: Request) -> Response:
        form, asker = self._form(request), self._asker(request)
        sent = await _sent(request)
        shown = self._forms.resume(form, _first(sent, TOKEN))
        if shown is None:
            # Of an earlier key, or nobody's: what was written stays, and can be sent again.
            begun, _ = await self._forms.begin(form, asker)
            return self._again(form, begun, sent, "expired", 422)
        try:
            taken = await self._forms.take(form, shown, sent, asker, sure=_first(sent, SURE), trapped=bool(_first(sent, TRAP)))
        except Refusal as refusal:
            found = self._again(form, shown, sent, "busy", refusal.status)
            found.headers.update(refusal.headers)
            return found
        if taken.next is None:
            again = self._forms.renewed(shown) if taken.expired else shown
            notice = WORDS[form.language]["expired"] if taken.expired else ""
            return self._page(form, again, status=422, values=sent, errors=taken.checked.errors, notice=notice)
        return self._on(form, taken.next)

    def _again(self, form: Form, shown: Visit, sent: Mapping[str, Sequence[str]], word: str, status: int) -> Response:
        if shown.page(form) is None:
            return self._on(form, shown)
        return self._page(form, shown, status=status, values=sent, notice=WORDS[form.language][word])

    def _on(self, form: Form, shown: Visit) -> Response:
        """Leads to the next page of a visit, and after the last to the thanks."""
        flags = [*([EMBED_PARAMETER] if shown.embedded else []), *([MAIL_PARAMETER] if shown.to_confirm else [])]
        if shown.page(form) is not None:
            target = f"{form.id}?{VISIT_PARAMETER}={self._forms.seal.close(shown)}{'&embed' if shown.embedded else ''}"
        elif form.redirect is not None and not shown.embedded:
            target = form.redirect
        else:
            target = f"{form.id}/thanks{'?' if flags else ''}{'&'.join(flags)}"
        return Response(None, 303, {"Location": target, "Cache-Control": "no-store"})

    async def _thank(self, request: Request) -> Response:
        form, words = self._form(request), WORDS[self._form(request).language]
        if CONFIRMED_PARAMETER in request.query_params:
            return self._say(form, words["confirmed_title"], [words["confirmed"]])
        embedded = EMBED_PARAMETER in request.query_params
        texts = [form.thanks or words["thanks"], *([words["check_mail"]] if MAIL_PARAMETER in request.query_params else [])]
        link = (form.redirect, words["go_on"]) if form.redirect is not None else None
        return self._say(form, words["thanks_title"], texts, embedded=embedded, link=link)

    # Confirming

    async def _confirm(self, request: Request) -> Response:
        form, words = self._form(request), WORDS[self._form(request).language]
        sent = await _sent(request) if request.method == "POST" else {}
        token = _first(sent, TOKEN) or request.query_params.get("token", "")
        grant = self._forms.grant(form, token)
        if grant is None:
            return self._say(form, words["gone_title"], [words["gone"]], status=410, link=(f"../{form.id}", words["again"]))
        if request.method == "GET":
            page = words_page(
                form.language,
                words["confirm_title"],
                [words["confirm"]],
                topics=self._topics(grant),
                button=words["confirm_button"],
                token=token,
            )
            return self._answer(page, form)
        await self._forms.confirm(form, grant)
        return Response(None, 303, {"Location": f"thanks?{CONFIRMED_PARAMETER}", "Cache-Control": "no-store"})

    def _topics(self, grant: Grant) -> list[str]:
        titles = {topic.id: topic.title for topic in self._forms.edge.plan.topics}
        return [titles.get(topic) or topic for topic, _ in grant.topics]

    def _say(
        self,
        form: Form,
        title: str,
        texts: Sequence[str],
        *,
        status: int = 200,
        embedded: bool = False,
        link: tuple[str, str] | None = None,
        new: bool = False,
    ) -> Response:
        if new:
            link = (f"{form.id}?new{'&embed' if embedded else ''}", WORDS[form.language]["not_you"])
        page = words_page(form.language, title, texts, embedded=embedded, link=link, leaves=embedded and not new)
        return self._answer(page, form, status=status, embedded=embedded)

    def _answer(self, page: str, form: Form, *, status: int = 200, embedded: bool = False) -> Response:
        return answer(page, status, form=form, origins=self._origins, embedded=embedded)


async def _sent(request: Request) -> Mapping[str, Sequence[str]]:
    """The values of a form as browsers send them (application/x-www-form-urlencoded), without control characters: HTML has none."""
    body = await read_body(request, MOST_BODY_BYTES)
    try:
        sent = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_VALUES, errors="strict")
    except ValueError:
        raise Refusal(400, "what a form sends must be URL-encoded UTF-8") from None
    return {name: [value.translate(_CONTROLS) for value in values] for name, values in sent.items()}


def _first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(sent.get(name, ())), "")
