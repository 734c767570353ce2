"""`FormsEdge`: an edge with forms in memory, a clock of its own, and what a browser without script does with its pages."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from flows.collect.app import application
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.forms.routes import open_forms, routes
from flows.collect.keys import Keys
from operators.plan.read import read_plan
from tests.asgi import Client, ListLog

URL = "http://edge.example.com"
SHOP = "https://shop.example.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
START_MS = 1_795_000_000_000
PLAN = {
    "plan.yaml": "name: shop\ncountry: DE\ntopics: {newsletter: {title: The newsletter}, confirmations: {consent: none}}\n",
    "segments.yaml": "segments: {buyers: did('Order Completed')}\n",
    "collect.yaml": f"origins: [{SHOP}]\nkeys: {{backend: {{kind: server}}}}\n",
    "forms/join.yaml": """\
title: Join us
privacy: https://shop.example.com/privacy
hidden: {placement: placement, first_campaign: {query: utm_campaign, trait: true}}
steps:
  - title: You
    fields:
      - {name: email, kind: email, label: E-mail, required: true}
      - {name: age, kind: number, label: Age, min: 18}
  - title: More
    fields:
      - {name: tier, kind: radio, label: Tier, options: [gold, silver]}
      - {name: news, kind: consent, label: "Mails, please", topic: newsletter, text_version: 3}
""",
    "forms/profile.yaml": """\
title: Tell us more
language: de
progressive: {ask: 2}
steps:
  - fields:
      - {name: city, label: Ort}
      - {name: email, kind: email, label: E-Mail, required: true}
      - {name: tier, kind: select, label: Stufe, options: [gold, silver], worth: 9}
      - {name: company, label: Firma, worth: 5}
""",
    "forms/confirmed.yaml": """\
title: Newsletter
double_opt_in: true
redirect: https://shop.example.com/welcome
steps:
  - fields:
      - {name: email, kind: email, label: E-mail, required: true}
      - {name: news, kind: consent, label: "Mails, please", topic: newsletter, text_version: "2026-01", required: true}
""",
}
TOKEN = re.compile(r'name="beckon-token" value="([^"]*)"')


class FormsEdge:
    """An edge that serves the forms of `PLAN`, or of `files` beside the rest of it."""

    def __init__(self, data: Path, files: dict[str, str] | None = None, key: str | None = None) -> None:
        plan = read_plan({**PLAN, **(files or {})})
        self.now = START_MS
        self.log = ListLog()
        self.edge = Edge(plan, self.log, lambda: self.now)
        self.forms = open_forms(self.edge, data, URL, key)
        self.door = Door(
            (*plan.collect.origins, URL), Keys(plan.collect, {"backend": SecretStr("a-secret-of-the-backend")}), lambda: self.now
        )
        self.app = application(self.edge, self.door, routes(self.forms, self.door))

    def browser(self, **headers: str) -> Browser:
        """Somebody new."""
        return Browser(self, headers)

    def collect(self, *records: dict[str, Any]) -> None:
        """Puts records into the log as another part of the edge does, and waits until all that observe have seen them."""
        asyncio.run(self.edge.collect(records, via="elsewhere"))
        self.forms.settle()

    def told(self, *names: str) -> list[Any]:
        """The records in the log: identifies, and events of these names; all where none is given."""
        return [record for record in self.log.records if not names or record.get("event", "identify") in names]


class Browser(Client):
    """A visitor without script. It takes its time before it sends something."""

    def __init__(self, at: FormsEdge, headers: dict[str, str]) -> None:
        super().__init__(at.app, URL, {"User-Agent": BROWSER, **headers})
        self._at = at

    def cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        return self._cookies.get(name)

    def send(
        self, page: httpx.Response, path: str, *, after_ms: int = 5_000, values: dict[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        """What comes of sending a page, with its token, to a path; what is answered with 303 is not followed."""
        self._at.now += after_ms
        return self.ask("POST", path, data={"beckon-token": token_of(page), **(values or {}), **more})

    def go(self, answer: httpx.Response) -> httpx.Response:
        """The page that a 303 leads to."""
        assert answer.status_code == 303, answer.text
        return self.get(str(answer.url.join(answer.headers["Location"])))


def token_of(page: httpx.Response) -> str:
    """The token of a page."""
    found = TOKEN.search(page.text)
    assert found is not None, page.text
    return unescape(found[1])


def names_in(page: httpx.Response) -> list[str]:
    """The names of the fields of a page, each once."""
    found = re.findall(r'<(?:input|select|textarea)[^>]* name="([A-Za-z_]+)"', page.text)
    return list(dict.fromkeys(found))
