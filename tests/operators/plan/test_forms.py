"""Forms read: the whole value of a good one; those of broken plans are in `broken/forms`."""

from __future__ import annotations

import pytest

from operators.forms.form import Field, Form, Hidden, Option, Step
from operators.plan.forms import may_redirect
from operators.plan.read import read_plan

PLAN = "name: shop\ntopics: {news: {title: News}}\n"
SEGMENTS = "segments: {buyers: did('Order Completed')}\n"
FORM = """\
title: Our newsletter
description: Once a week.
language: de
submit: Subscribe
thanks: See you.
double_opt_in: true
progressive: 3
hidden:
  campaign: utm_campaign
  form_page: {page: url, max_length: 500}
  first_source: {value: footer, trait: true}
steps:
  - title: You
    fields:
      - {name: email, kind: email, label: E-mail, required: true}
      - {name: age, kind: number, label: Age, min: 18, max: 99.5, worth: 7}
      - {name: born, kind: date, label: Born, max: today}
  - fields:
      - {name: colours, kind: checkboxes, label: Colours, options: [red, {value: blue, label: Sky blue}]}
      - {name: note, kind: textarea, label: Note, help: Anything.}
      - {name: yes, kind: consent, label: Mails please, topic: news, text_version: 3}
"""


def test_a_whole_form() -> None:
    (form,) = read_plan({"plan.yaml": PLAN, "segments.yaml": SEGMENTS, "forms/newsletter.yaml": FORM}).forms
    first = (
        Field("email", "email", "E-mail", required=True, max_length=254, autocomplete="email"),
        Field("age", "number", "Age", worth=7.0, least=18, most=99.5),
        Field("born", "date", "Born", worth=-2.0, most="today"),
    )
    options = (Option("red", "red"), Option("blue", "Sky blue"))
    second = (
        Field("colours", "checkboxes", "Colours", worth=-3.0, options=options),
        Field("note", "textarea", "Note", worth=-4.0, help="Anything.", max_length=2000),
        Field("yes", "consent", "Mails please", worth=-5.0, topic="news", text_version="3"),
    )
    hidden = (
        Hidden("campaign", "query", "utm_campaign", 200, trait=False),
        Hidden("form_page", "url", "", 500, trait=False),
        Hidden("first_source", "value", "footer", 200, trait=True),
    )
    assert form == Form(
        id="newsletter",
        title="Our newsletter",
        steps=(Step("You", "", first), Step("", "", second)),
        description="Once a week.",
        language="de",
        submit="Subscribe",
        thanks="See you.",
        double_opt_in=True,
        ask=3,
        hidden=hidden,
    )
    assert list(form.fields) == ["email", "age", "born", "colours", "note", "yes"]


def test_forms_change_no_outcome() -> None:
    files = {"plan.yaml": PLAN, "segments.yaml": SEGMENTS}
    assert read_plan(files).version == read_plan({**files, "forms/newsletter.yaml": FORM}).version


@pytest.mark.parametrize(
    ("target", "may"),
    {
        "/f/offers": True,
        "/": True,
        "//evil.example": False,
        "/\\evil.example": False,
        "https://shop.example.com/thanks?a=b": True,
        "https://shop.example.com.evil.example/": False,
        "https://shop.example.com@evil.example/": False,
        "http://shop.example.com/": False,
        "javascript:alert(1)": False,
        "https://[": False,
        "": False,
        "thanks": False,
        "/a\nb": False,
    }.items(),
)
def test_where_people_may_be_sent(target: str, may: bool) -> None:
    assert may == may_redirect(target, ("https://shop.example.com",))
