"""What `beckon profile show` lists of consents and suppressions."""

from __future__ import annotations

from typing import Any

from flows.profile_consents import consent_rows, suppression_rows
from operators.consent import acts_of, keep
from operators.profile import consents_of, suppressions_of
from schemas.event import Event
from schemas.person import Person, new_person

TOPICS = ("news", "offers")


def person(*told: tuple[str, int, dict[str, Any]]) -> Person:
    p = new_person("u")
    for name, t, properties in told:
        keep(p, acts_of(Event(t, "track", name, f"m{t}", "u", None, properties)))
    return p


def test_topics_of_the_plan_and_of_acts_are_listed() -> None:
    p = person(
        ("Consent Given", 1, {"topic": "news", "text_version": "v2", "source": "web"}),
        ("Consent Withdrawn", 2, {"topics": ["news", "old"], "source": "crm"}),
    )
    assert [(each.topic, each.given) for each in consents_of(p, TOPICS)] == [("news", False), ("offers", None), ("old", False)]
    assert [each.topic for each in consents_of(p)] == ["news", "old"]
    assert consent_rows(consents_of(p, TOPICS))[:2] == [
        ("news", "1970-01-01T00:00:00.002Z", "withdrawn, by m2, source crm"),
        ("offers", "", "nothing is known"),
    ]


def test_a_consent_to_all_is_one_of_each_topic() -> None:
    p = person(("Consent Given", 1, {}))
    assert [(each.topic, each.given) for each in consents_of(p, TOPICS)] == [("news", True), ("offers", True), (None, True)]


def test_suppressions_are_listed_as_long_as_they_stand() -> None:
    told: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("Unsubscribed", 1, {"topic": "news"}),
        ("Unsubscribed", 2, {}),
        ("Email Bounced", 3, {"type": "hard", "email": "u@x.example"}),
        ("Email Bounced", 4, {"type": "hard", "email": "old@x.example"}),
    )
    p = person(*told)
    p.traits["email"] = [0, "U@x.example"]
    assert [(each.reason, each.topic) for each in suppressions_of(p)] == [
        ("bounced", None),
        ("unsubscribed", None),
        ("unsubscribed", "news"),
    ]
    assert suppression_rows(suppressions_of(p))[0] == ("all topics", "1970-01-01T00:00:00.003Z", "bounced, of u@x.example, by m3")
    keep(p, acts_of(Event(9, "track", "Consent Given", "m9", "u", None, {"topic": "news", "text_version": "v2"})))
    assert [(each.reason, each.topic) for each in suppressions_of(p)] == [("bounced", None), ("unsubscribed", None)]
