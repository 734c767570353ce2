"""`Visit`: what belongs to one visit of a form, from its first page to its last; it travels with the pages, signed.

So nothing is kept between pages, a page that is sent twice is known as one, and nobody can send fields that were not asked, or under
another's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson

from operators.forms.ask import Page, pages
from operators.forms.form import Form

CAMPAIGN = {
    "source": "utm_source",
    "medium": "utm_medium",
    "name": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
}
"""Parameters of addresses that tell of a campaign, by what the Segment spec calls them in `context.campaign`."""
MOST_URL, MOST_VALUE, MOST_HIDDEN = 500, 200, 4000
"""Characters of an address, of a parameter, and of all hidden values together; what is longer is cut off."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit. `nonce` is its own, `names` are the fields that are asked in it, `place` is the page that is asked now, from 0 on, and
    `shown_ms` when that was shown. `hidden`, `campaign`, `url` and `referrer` are those of the first page; `embedded` says that the form
    stands in a page of another site, `to_confirm` that consent waits to be confirmed."""

    form: str
    nonce: str
    anonymous_id: str
    names: tuple[str, ...]
    shown_ms: int
    place: int = 0
    hidden: Mapping[str, str] | None = None
    campaign: Mapping[str, str] | None = None
    url: str = ""
    referrer: str = ""
    embedded: bool = False
    to_confirm: bool = False

    def pages(self, form: Form) -> tuple[Page, ...]:
        """The pages of this visit. Where the plan was changed since it began, fields that are no more are left out."""
        return pages(form, self.names)

    def page(self, form: Form) -> Page | None:
        """The page that is asked now; None where all were."""
        found = self.pages(form)
        return found[self.place] if self.place < len(found) else None

    def next(self, now_ms: int, *, to_confirm: bool) -> Visit:
        """The visit with its next page; `to_confirm` says that the last one asked for consent that waits to be confirmed."""
        return replace(self, place=self.place + 1, shown_ms=now_ms, to_confirm=self.to_confirm or to_confirm)

    def key(self, answers: Mapping[str, Any]) -> str:
        """What the messageIds of a page and its answers begin with: sent twice, it is one; sent again with other answers, it is another."""
        told = orjson.dumps([self.form, self.nonce, self.place, dict(answers)], option=orjson.OPT_SORT_KEYS)
        return blake2b(told, digest_size=12).hexdigest()


def hidden_of(form: Form, query: Mapping[str, str], url: str, referrer: str) -> dict[str, str]:
    """The hidden values of a form, of the parameters of its address and what is known of the page; empty ones are left out.

    >>> from operators.forms.form import Hidden
    >>> form = Form("f", "F", (), hidden=(Hidden("seen", "query", "s", 5, trait=False), Hidden("kind", "value", "lead", 9, trait=True)))
    >>> hidden_of(form, {"s": "laptops", "other": "x"}, "", "")
    {'seen': 'lapto', 'kind': 'lead'}
    """
    found: dict[str, str] = {}
    left = MOST_HIDDEN
    for each in form.hidden:
        value = {"query": query.get(each.text, ""), "url": url, "referrer": referrer, "value": each.text}[each.source]
        value = _printable(value)[: min(each.max_length, left)]
        if value:
            found[each.name] = value
            left -= len(value)
    return found


def campaign_of(query: Mapping[str, str]) -> dict[str, str]:
    """What the parameters tell of a campaign.

    >>> campaign_of({"utm_source": "mail", "utm_campaign": "", "x": "y"})
    {'source': 'mail'}
    """
    found = {name: _printable(query.get(parameter, ""))[:MOST_VALUE] for name, parameter in CAMPAIGN.items()}
    return {name: value for name, value in found.items() if value}


def address_of(url: str) -> str:
    """The address of a page, as it is kept: of the web, and not too long."""
    return _printable(url)[:MOST_URL] if url.startswith(("http://", "https://")) else ""


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())
