"""What is asked: never the same twice, at most N, in the order of worth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operators.forms.ask import pages, remembered, visit
from operators.forms.form import Field, Form, Step

NAMES = ["email", "first_name", "city", "tier", "budget", "born", "phone", "company"]


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """A form of some steps, with worth of its own or none, that asks a few each time."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    worth = st.one_of(st.integers(-3, 3).map(float), st.floats(-5, 5))
    fields = [Field(name, "text", name, worth=draw(worth), required=draw(st.booleans())) for name in names]
    if draw(st.booleans()):
        fields.append(Field("news", "consent", "News", worth=draw(worth), topic="news", text_version="2"))
    cut = draw(st.integers(0, len(fields) - 1))
    steps = [Step("", "", tuple(part)) for part in (fields[:cut], fields[cut:]) if part]
    return Form("f", "F", tuple(steps), ask=draw(st.integers(1, 5)), double_opt_in=draw(st.booleans()))


@given(forms(), st.data())
def test_no_field_is_asked_twice_nor_more_than_n_and_the_worthiest_first(form: Form, data: st.DataObject) -> None:
    asked: set[str] = set()
    order: list[Field] = []
    for _ in range(len(form.fields) + 1):
        names = visit(form, asked)
        assert form.ask is not None
        assert len(names) <= form.ask
        fields = [form.fields[name] for name in names]
        assert not {field.memory for field in fields} & asked
        # Nothing that is left is worth more than what is asked.
        left = [field for field in form.fields.values() if field.memory not in asked and field.name not in names]
        worst = min((field.worth for field in fields if not field.identifies), default=0.0)
        assert not left or len(names) == form.ask
        assert all(field.worth <= worst for field in left) or not [field for field in fields if not field.identifies]
        assert not any(field.identifies for field in left)
        answered = [field.name for field in fields if data.draw(st.booleans())]
        now = set(remembered(form, fields, answered))
        # What is remembered was asked, and only who did not say who it is, or has to confirm, is asked again.
        assert now <= {field.memory for field in fields}
        for field in fields:
            again = (field.identifies and field.name not in answered) or (
                field.kind == "consent" and form.double_opt_in and field.name in answered
            )
            assert again == (field.memory not in now)
        asked |= now
        order += fields
    if not any(field.identifies or field.kind == "consent" for field in form.fields.values()):
        assert [field.worth for field in order] == sorted((field.worth for field in order), reverse=True)
        assert len(order) == len(form.fields)


@given(forms())
def test_pages_hold_what_is_asked_in_the_order_of_the_plan(form: Form) -> None:
    names = visit(form, ())
    found = [field.name for page in pages(form, names) for field in page.fields]
    assert found == [name for name in form.fields if name in names]
    assert all(page.fields for page in pages(form, names))
    assert [page.step for page in pages(form, names)] == sorted({page.step for page in pages(form, names)})


def test_a_form_that_is_not_progressive_asks_everything_each_time() -> None:
    form = Form("f", "F", (Step("", "", (Field("city", "text", "City"), Field("email", "email", "E-mail"))),))
    assert visit(form, {"city", "email"}) == ("city", "email")


def test_a_new_text_of_a_consent_is_another_question() -> None:
    def form(version: str) -> Form:
        return Form("f", "F", (Step("", "", (Field("news", "consent", "N", topic="news", text_version=version),)),), ask=3)

    asked = set(remembered(form("1"), list(form("1").fields.values()), {"news": True}))
    assert (visit(form("1"), asked), visit(form("2"), asked)) == ((), ("news",))


def test_fields_that_the_plan_has_no_longer_are_left_out() -> None:
    form = Form("f", "F", (Step("", "", (Field("city", "text", "City"),)), Step("", "", (Field("tier", "text", "Tier"),))))
    assert [page.step for page in pages(form, ("gone", "tier"))] == [2]
