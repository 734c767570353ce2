"""The browser of the tests is there, and hears what goes wrong on a page."""

from __future__ import annotations

from tests.browser.site import AXE, PHONE, Site, Visitor


def test_a_visitor_says_no_in_both_ways(visitor: Visitor) -> None:
    with Site({"/": "<title>Shop</title>"}) as site:
        page = visitor(width=PHONE, gpc=True, dnt=True)
        page.goto(site.url)
        assert page.title() == "Shop"
        assert page.evaluate("[navigator.globalPrivacyControl, navigator.doNotTrack, innerWidth]") == [True, "1", 390]
        assert page.evaluate(AXE.read_text(encoding="utf-8") + "; axe.version").startswith("4.")
