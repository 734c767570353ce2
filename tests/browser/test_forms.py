"""Forms in Chromium: without script, by keyboard alone, on a phone and on a desk, in a frame of another site; axe-core finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.forms_site import FormsSite
from tests.browser.site import AXE, DESKTOP, PHONE, Site, Visitor

FORMS = {
    "forms/all.yaml": """\
title: Everything at once
description: A form with each kind of field there is.
privacy: https://shop.example.com/privacy
steps:
  - title: About you
    description: So that we know whom we talk to.
    fields:
      - {name: email, kind: email, label: E-mail address, required: true, help: One mail a week.}
      - {name: first_name, label: First name}
      - {name: phone, kind: tel, label: Phone number}
      - {name: birthday, kind: date, label: Birthday, max: today}
      - {name: age, kind: number, label: Age, min: 18}
      - {name: tier, kind: select, label: Tier, options: [gold, silver], required: true}
      - {name: colour, kind: radio, label: Favourite colour, options: [Red, {value: blue, label: Sky blue}], required: true}
      - {name: interests, kind: checkboxes, label: What do you like?, help: Any., options: [Laptops, Phones], required: true}
      - {name: business, kind: checkbox, label: I buy for a company}
      - {name: note, kind: textarea, label: Anything else?}
      - {name: news, kind: consent, label: "Yes, send me mails", help: Or no., topic: news, text_version: 3, required: true}
  - fields:
      - {name: city, label: City, required: true}
""",
    "forms/optin.yaml": """\
title: Newsletter
language: de
double_opt_in: true
steps:
  - fields:
      - {name: email, kind: email, label: E-Mail, required: true}
      - {name: news, kind: consent, label: "Ja, gern", topic: news, text_version: 3, required: true}
""",
    "forms/profile.yaml": """\
title: Tell us more
progressive: 2
steps:
  - fields:
      - {name: email, kind: email, label: E-mail, required: true}
      - {name: city, label: City}
      - {name: tier, kind: radio, label: Tier, options: [gold, silver], worth: 9}
      - {name: company, label: Company}
""",
}
LEAST_TARGET = 44
"""Pixels of what is to be hit with a finger (WCAG 2.2, 2.5.5)."""


def plan(*origins: str) -> dict[str, str]:
    """The plan of a shop, whose sites are these."""
    return {
        "plan.yaml": "name: shop\ntopics: {news: {title: News from the shop}}\n",
        "segments.yaml": "segments: {buyers: did('Order Completed')}\n",
        "collect.yaml": f"origins: [{', '.join(origins)}]\n",
        **FORMS,
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[FormsSite]:
    """An edge with these forms."""
    with FormsSite(plan(), tmp_path) as served:
        yield served


def sound(page: Page) -> None:
    """Nothing that axe-core finds is wrong with the page, and nothing is wider than it, or too small for a finger."""
    found = page.evaluate(AXE.read_text(encoding="utf-8") + "; axe.run()")
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert found["passes"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    targets = page.locator("a, button, select, textarea, .choice, input:not([type=hidden], .choice input, .trap input)")
    boxes = [each.bounding_box() for each in targets.all()]
    assert all(box["height"] >= LEAST_TARGET for box in boxes if box)


def fill(page: Page) -> None:
    """Fills in the first page of the form with everything."""
    page.get_by_label("E-mail address").fill("anna@example.com")
    page.get_by_label("Tier").select_option("gold")
    page.get_by_label("Sky blue").check()
    page.get_by_label("Phones").check()
    page.get_by_label("Birthday").fill("1990-12-24")
    page.get_by_label("Yes, send me mails").check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_each_page_is_sound(site: FormsSite, visitor: Visitor, width: int, scheme: str) -> None:
    page = visitor(width=width, errors=False, java_script_enabled=True, color_scheme=scheme)
    page.goto(f"{site.url}/f/all")
    sound(page)
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("Please have another look")
    sound(page)
    fill(page)
    page.get_by_role("button").click()
    expect(page.get_by_text("Step 2 of 2")).to_be_visible()
    sound(page)
    page.get_by_label("City").fill("Ulm")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    sound(page)
    page.goto(f"{site.url}/f/none")
    sound(page)
    page.goto(f"{site.url}/f/optin/confirm?token=x")
    sound(page)


def test_it_works_without_script(site: FormsSite, visitor: Visitor) -> None:
    page = visitor(width=PHONE, java_script_enabled=False)
    page.goto(f"{site.url}/f/all?utm_source=mail")
    fill(page)
    page.get_by_role("button").click()
    page.get_by_label("City").fill("Ulm")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    page.reload()
    first, second = site.told("identify")
    assert first["traits"] == {
        "email": "anna@example.com",
        "tier": "gold",
        "colour": "blue",
        "interests": ["Phones"],
        "birthday": "1990-12-24",
        "business": False,
    }
    assert second["traits"] == {"city": "Ulm"}
    assert [record["properties"]["final"] for record in site.told("Form Submitted")] == [False, True]
    assert [record["properties"]["text"] for record in site.told("Consent Given")] == ["Yes, send me mails"]


def test_by_keyboard_alone(site: FormsSite, visitor: Visitor) -> None:
    page = visitor(errors=False)
    page.goto(f"{site.url}/f/profile")
    keys = page.keyboard
    # What is wrong has the focus; its link leads to the field.
    page.get_by_role("button").focus()
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    keys.press("Tab")
    expect(page.get_by_role("link", name="E-mail: Please fill this in.")).to_be_focused()
    keys.press("Enter")
    email = page.get_by_label("E-mail")
    expect(email).to_be_focused()
    assert email.evaluate("e => getComputedStyle(e).outline").endswith("solid 3px")
    expect(email).to_have_accessible_description("Please fill this in.")
    expect(email).to_have_attribute("aria-invalid", "true")
    keys.type("anna@example.com")
    keys.press("Tab")
    keys.press("ArrowDown")
    expect(page.get_by_label("silver")).to_be_checked()
    keys.press("Tab")
    expect(page.get_by_role("button")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    assert site.told("identify")[0]["traits"] == {"email": "anna@example.com", "tier": "silver"}


def test_nobody_is_asked_the_same_twice(site: FormsSite, visitor: Visitor) -> None:
    page = visitor(width=PHONE)
    page.goto(f"{site.url}/f/profile")
    page.get_by_label("E-mail").fill("anna@example.com")
    page.get_by_label("gold").check()
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    page.goto(f"{site.url}/f/profile")
    assert [label.inner_text() for label in page.locator(".field label, legend").all()] == [
        "City (optional)",
        "Company (optional)",
    ]
    sound(page)
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Thank you")
    page.goto(f"{site.url}/f/profile")
    expect(page.get_by_text("You have told us everything")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Start anew").click()
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_consent_is_confirmed_with_one_button(site: FormsSite, visitor: Visitor) -> None:
    page = visitor(width=PHONE)
    page.goto(f"{site.url}/f/optin")
    page.get_by_label("E-Mail").fill("anna@example.com")
    page.get_by_label("Ja, gern").check()
    page.get_by_role("button", name="Absenden").click()
    expect(page.get_by_text("Sie erhalten jetzt eine E-Mail")).to_be_visible()
    sound(page)
    (request,) = site.told("Subscription Requested")
    # The mail is read on another device.
    other = visitor(width=DESKTOP)
    other.goto(request["properties"]["confirm_url"])
    expect(other.get_by_text("News from the shop")).to_be_visible()
    sound(other)
    assert site.told("Consent Given") == []
    other.get_by_role("button", name="Ja, ich bestätige").click()
    expect(other.get_by_role("heading")).to_have_text("Bestätigt")
    sound(other)
    other.reload()
    assert [record["properties"]["topic"] for record in site.told("Consent Given")] == ["news"]


def test_a_page_loads_nothing(site: FormsSite, visitor: Visitor) -> None:
    page = visitor()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.url}/f/all")
    page.wait_for_load_state("networkidle")
    assert {url for url in asked if not url.endswith("/favicon.ico")} == {f"{site.url}/f/all"}


def test_in_a_frame_of_a_site_of_the_plan_and_of_no_other(tmp_path: Path, visitor: Visitor) -> None:
    with Site({}) as shop, Site({}) as stranger, FormsSite(plan(shop.url), tmp_path) as served:
        frame = f'<title>Shop</title><iframe title="Form" src="{served.url}/f/profile?embed&anonymousId=visitor-of-the-shop"></iframe>'
        shop.pages["/"] = stranger.pages["/"] = frame
        page = visitor()
        page.goto(shop.url)
        inside = page.frame_locator("iframe")
        inside.get_by_label("E-mail").fill("anna@example.com")
        inside.get_by_role("button").click()
        expect(inside.get_by_role("heading")).to_have_text("Thank you")
        (identify,) = served.told("identify")
        assert (identify["anonymousId"], identify["context"]["page"]["url"]) == ("visitor-of-the-shop", f"{shop.url}/")
        page = visitor(errors=False)
        page.goto(stranger.url)
        expect(page.frame_locator("iframe").get_by_label("E-mail")).to_have_count(0)
        assert page.frames[-1].url.startswith("chrome-error://")
