"""The demo's second act, as somebody at a terminal and a browser sees it: a click, and what it sets off."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.site import AXE, DESKTOP, PHONE, Visitor
from tests.command import CACHE, ROOT, WAIT_S, environment, until, words

ANNA = "anna.lindqvist@example.com"
"""Not in the plan's hold-out."""


class Demo:
    """`beckon demo --live`, whose words go into a file."""

    def __init__(self, work: Path) -> None:
        self._said = work / "said"
        command = words("demo", "--live", "--plan", "deploy/shop", "--cache", CACHE, "--work", work / "demo")
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=said, stderr=subprocess.STDOUT)
        self.url = self.seen(r"open (http://127\.0\.0\.1:[0-9]+/)")[1]

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def seen(self, pattern: str) -> re.Match[str]:
        """Where the pattern stands in what was said, once it does."""
        until(lambda: re.search(pattern, self.said) is not None, self.process)
        found = re.search(pattern, self.said)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("live"))
    yield demo
    demo.process.kill()
    demo.process.wait()


def order(page: Page, name: str, email: str) -> None:
    page.click("text=Cart")
    page.fill("#first-name", name)
    page.fill("#email", email)
    page.click("button:has-text('Order')")
    page.wait_for_selector(f"h1:has-text('Thank you, {name}')")


def test_clicks_become_a_trigger_that_is_shown(demo: Demo, visitor: Visitor) -> None:
    page = visitor()
    page.goto(demo.url)
    for name in ("Brandt Book 13", "Brandt Book 15", "Brandt Studio 16", "Brandt Book 13"):
        page.click(".brand")
        page.click(f".grid >> text={name}")
        page.wait_for_selector(f"h1:has-text('{name}')")
    demo.seen(r"Product Viewed +Brandt Studio 16, Laptops, 1,799")
    demo.seen(r"entered +hot_viewers +count\('Product Viewed', within='7d'\) = 4")
    page.click("text=Add to cart")
    order(page, "Anna", ANNA)
    for campaign in ("thank_you", "welcome"):
        demo.seen(rf"TRIGGER +{campaign} +to Anna <{ANNA}>, .*Order Completed.* \([0-9.]+ s after it happened\)")


def test_the_form_of_the_plan_is_one_click_away(demo: Demo, visitor: Visitor) -> None:
    page = visitor()
    page.goto(demo.url)
    page.click("nav >> text=Phones")
    page.click("text=News by e-mail")
    page.fill("input[type=email]", "ben@example.com")
    page.click("button[type=submit], form button")
    page.wait_for_url(re.compile("/f/newsletter/thanks"))
    demo.seen(r"Identified +.*email.*\(")


def test_who_asks_not_to_be_followed_is_not(demo: Demo, visitor: Visitor) -> None:
    page = visitor(gpc=True)
    page.goto(demo.url)
    assert "Your browser asks not to be followed" in page.inner_text("footer")
    page.click("text=Let it be told.")
    assert "What you do here is told" in page.inner_text("footer")
    page.click("text=Stop that.")
    assert page.evaluate("Object.keys(localStorage)") == ["beckon_consent"]


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_page_is_fit_for_all(demo: Demo, visitor: Visitor, width: int) -> None:
    page = visitor(width=width, bypass_csp=True)
    page.goto(demo.url)
    for way in (None, ".grid >> text=Ilmen 5 Pro", "text=Add to cart", "text=Cart"):
        if way:
            page.click(way)
        page.wait_for_selector("h1")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert page.evaluate("axe.run().then(found => found.violations.map(each => `${each.id}: ${each.nodes[0].html}`))") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_zz_ctrl_c_ends_it_cleanly(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(WAIT_S) == 0
    assert demo.said.rstrip().endswith("demo/live")
    assert "stopped; what happened is in" in demo.said
    assert "Traceback" not in demo.said
