"""Chromium for the tests: one for a file of them, a visitor of its own for each test.

`visitor()` opens a page of somebody who was never there before; `visitor(width=PHONE, gpc=True)` on a phone, by someone who says no. What a
page says to the console as an error, or throws, fails the test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.shop import Shop, running_shop
from tests.browser.site import DESKTOP, Visitor

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
"""A person's: that of headless Chromium is told for a machine's."""
WAIT_MS = 30_000


# For no longer than a file of tests: as long as it runs no other loop of asyncio can, on the same thread.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that all tests of a file share."""
    program = shutil.which("chromium")
    assert program is not None, "Chromium is needed: install it (on Debian: chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Opens the page of a new visitor, with cookies and storage of its own; `page.context.new_page()` is another tab of the same one.

    `gpc` and `dnt` are how it says no (Sec-GPC, DNT). `errors=False` lets the console say what it likes.
    """
    made, heard = [], []

    def open_page(*, width: int = DESKTOP, gpc: bool = False, dnt: bool = False, errors: bool = True, **options: object) -> Page:
        headers = {name: "1" for name, said in (("Sec-GPC", gpc), ("DNT", dnt)) if said}
        size = {"width": width, "height": 844 if width < 600 else 800}
        context = chromium.new_context(user_agent=USER_AGENT, viewport=size, extra_http_headers=headers, **options)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MS)
        if gpc:
            context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
        if dnt:
            context.add_init_script("Object.defineProperty(navigator, 'doNotTrack', {value: '1'})")
        if errors:
            context.on("weberror", lambda error: heard.append(str(error.error)))
            context.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
        made.append(context)
        return context.new_page()

    yield open_page
    for context in made:
        context.close()
    assert heard == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with beckon.js, and an edge behind it."""
    with running_shop(tmp_path) as running:
        yield running
