"""`Shop`: a shop with beckon.js on its pages, and the edge that they send to; and what a browser has of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browser.site import Site
from tests.command import until
from tests.edge import WEB, RunningEdge

SNIPPET = "<script>window.beckon = window.beckon || function () {{ (beckon.q = beckon.q || []).push(arguments); }};{calls}</script>"


class Shop:
    """A shop with beckon.js on each of its pages, and the edge that it sends to."""

    def __init__(self, site: Site, edge: RunningEdge) -> None:
        self.site, self.edge = site, edge

    def page(self, path: str = "/", calls: str = "", options: str = "", body: str = "") -> str:
        """Lays a page, whose snippet makes these calls before the script is there; its URL."""
        script = f'<script async src="{self.edge.url}/beckon.js" data-key="{WEB}" {options}></script>'
        self.site.pages[path] = f"<!doctype html><title>Shop</title>{SNIPPET.format(calls=calls)}{script}{body}"
        return self.site.url + path

    def logged(self, number: int) -> list[dict[str, Any]]:
        """What is in the log, once it is so much."""
        until(lambda: len(self.edge.lines()) >= number, self.edge.process)
        return self.edge.logged()


@contextmanager
def running_shop(work: Path) -> Iterator[Shop]:
    """A shop, with an edge of its own."""
    with Site({}) as site:
        plan = work / "plan"
        plan.mkdir()
        collect = {"origins": [site.url], "keys": {"web": {"kind": "browser", "key": WEB}, "backend": {"kind": "server"}}}
        for name, content in (("plan", {"name": "shop"}), ("segments", {"segments": {}}), ("collect", collect)):
            (plan / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
        with RunningEdge(plan, work) as edge:
            yield Shop(site, edge)


def opened(page: Page, url: str) -> Page:
    """The page, once the script is there."""
    page.goto(url)
    page.wait_for_function("window.beckon && beckon.on")
    return page


def waiting(page: Page) -> list[dict[str, Any]]:
    """The queue in the browser."""
    found = page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('beckon_q')).sort().map(k => JSON.parse(localStorage[k]))")
    assert isinstance(found, list)
    return found


def emptied(page: Page) -> None:
    """Returns when nothing waits any more."""
    page.wait_for_function("!Object.keys(localStorage).some(k => k.startsWith('beckon_q'))")


def kept(page: Page) -> dict[str, str]:
    """All that the site has in this browser."""
    stored = page.evaluate("Object.fromEntries(Object.entries(localStorage))")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return {**stored, **cookies}
