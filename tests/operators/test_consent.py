"""`consent` and `permission`: what is read of which event, what is kept in any order, and what it permits."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.consent import ACTS, MOST_ACTS, MOST_LENGTH, acts_of, keep, latest
from operators.permission import consent, refusal, suppression
from operators.plan.checked import Topic
from schemas.consent import ACT_KINDS, Act, ActKind
from schemas.event import Event
from schemas.person import new_person


def event(name: str, t: int = 0, **properties: Any) -> Event:
    return Event(t, "track", name, f"m{t}", "u", None, properties)


def read(name: str, **properties: Any) -> list[tuple[str, str]]:
    """Kinds of the acts of an event, and what they are about."""
    return [(act.kind, act.about) for act in acts_of(event(name, **properties))]


# --- what is read ---------------------------------------------------------------------------------------------------------------------

NEWS = ("given", "news")
READ: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "a topic": ("Consent Given", {"topic": "news"}, [NEWS]),
    "topics": ("Consent Given", {"topics": ["news", "offers"]}, [NEWS, ("given", "offers")]),
    "topics before a topic": ("Consent Given", {"topics": ["news"], "topic": "offers"}, [NEWS]),
    "with the version of a text": ("Consent Given", {"topic": "news", "text_version": "v2"}, [NEWS, ("proved", "news")]),
    "an empty version is none": ("Consent Given", {"topic": "news", "text_version": " "}, [NEWS]),
    "a giving without a topic is about all": ("Consent Given", {}, [("given", "")]),
    "a giving that cannot be read gives nothing": ("Consent Given", {"topic": {"a": 1}}, []),
    "a giving to an empty topic gives nothing": ("Consent Given", {"topic": "", "text_version": "v2"}, []),
    "a giving to a blank topic gives nothing": ("Consent Given", {"topic": " "}, []),
    "a giving to no topics gives nothing": ("Consent Given", {"topics": []}, []),
    "a giving to empty topics gives nothing": ("Consent Given", {"topics": "", "topic": "news"}, []),
    "a withdrawal from an empty topic is about all": ("Consent Withdrawn", {"topic": ""}, [("withdrawn", "")]),
    "unsubscribed from an empty topic": ("Unsubscribed", {"topic": ""}, [("unsubscribed", "")]),
    "a withdrawal without a topic is about all": ("Consent Withdrawn", {"topic": None}, [("withdrawn", "")]),
    "a withdrawal that cannot be read is about all": (
        "Consent Withdrawn",
        {"topics": ["news", True]},
        [("withdrawn", "news"), ("withdrawn", "")],
    ),
    "an empty list names none": ("Consent Withdrawn", {"topics": []}, [("withdrawn", "")]),
    "a topic that is too long": ("Consent Withdrawn", {"topic": "n" * (MOST_LENGTH + 1)}, [("withdrawn", "")]),
    "unsubscribed from all": ("Unsubscribed", {"list_id": "7"}, [("unsubscribed", "")]),
    "unsubscribed from a topic": ("Unsubscribed", {"topic": " news "}, [("unsubscribed", "news")]),
    "a complaint is about all": ("Email Marked as Spam", {"topic": "news"}, [("complained", "")]),
    "a bounce that says not what it is": ("Email Bounced", {"email": "a@x.example"}, []),
    "a soft bounce": ("Email Bounced", {"type": "soft", "email": "a@x.example"}, []),
    "a blocked mail": ("Email Bounced", {"type": "blocked"}, []),
    "a bounce by its type": ("Email Bounced", {"type": "bounce", "email": "A@X.example"}, [("bounced", "a@x.example")]),
    "a permanent bounce": ("Email Bounced", {"bounceType": "Permanent", "recipient": "a@x.example"}, [("bounced", "a@x.example")]),
    "a hard bounce": ("Email Bounced", {"bounce_type": "hard_bounce", "email_id": "a@x.example"}, [("bounced", "a@x.example")]),
    "a hard bounce in one word": ("Email Bounced", {"type": "HardBounce", "email_id": "m-17"}, [("bounced", "")]),
    "a permanent failure": ("Email Bounced", {"severity": "permanent"}, [("bounced", "")]),
    "valid": ("Email Verified", {"status": "valid", "email": "a@x.example"}, [("verified", "a@x.example")]),
    "deliverable": ("Email Verified", {"status": "deliverable", "email": "a@x.example"}, [("verified", "a@x.example")]),
    "invalid": ("Email Verified", {"status": "invalid", "email": "a@x.example"}, []),
    "valid without an address": ("Email Verified", {"status": "valid"}, []),
    "another event": ("Email Opened", {"topic": "news"}, []),
}


@pytest.mark.parametrize(("name", "properties", "expected"), READ.values(), ids=READ)
def test_events_tell_of_acts(name: str, properties: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert expected == read(name, **properties)


def test_each_name_and_kind_is_read_here() -> None:
    assert set(ACTS) == {name for name, _, acts in READ.values() if acts}
    assert set(ACT_KINDS) == {kind for *_, acts in READ.values() for kind, _ in acts}


def test_the_proof_is_kept() -> None:
    (act,) = acts_of(event("Consent Withdrawn", 7, topic="news", source="crm", text_version=3))
    assert act == Act("withdrawn", "news", 7, "m7", "crm", "3")


def test_an_address_is_as_it_was_when_it_was_checked() -> None:
    told = {"status": "deliverable", "email": "a@x.example"}
    checked = {"1970-01-01T00:00:02Z": 2000, "1970-01-01T00:00:09Z": 5000, "soon": 5000}
    assert [next(acts_of(event("Email Verified", 5000, **told, checked_at=at))).t for at in checked] == list(checked.values())


def test_the_source_is_the_sender_where_the_event_tells_none() -> None:
    sent = Event(0, "track", "Unsubscribed", "m", "u", None, {}, source="crm")
    assert next(acts_of(sent)).source == "crm"


# --- what is kept ---------------------------------------------------------------------------------------------------------------------

KINDS: tuple[ActKind, ...] = tuple(ACT_KINDS)
acts = st.builds(
    Act,
    st.sampled_from(KINDS),
    st.sampled_from(("", "news", "offers", "a@x.example")),
    st.integers(0, 3),
    st.sampled_from(("m1", "m2", "m3")),
    st.sampled_from((None, "web", "crm")),
    st.sampled_from((None, "v1")),
)


@given(st.lists(acts, max_size=12), st.integers(0, 12), st.randoms())
def test_acts_are_kept_alike_in_any_order_and_by_any_way(told: list[Act], cut: int, random: Any) -> None:
    one, other = new_person("u"), new_person("v")
    keep(one, told)
    shuffled = random.sample(told, len(told))
    for act in shuffled[:cut]:
        keep(other, [act])
    third = new_person("w")
    keep(third, shuffled[cut:])
    keep(other, third.acts)
    assert one.acts == other.acts
    assert not keep(one, told)


def test_too_many_acts_leave_what_restricts() -> None:
    given = [Act("given", f"t{i}", i, "m") for i in range(MOST_ACTS)]
    kept = latest([Act("withdrawn", "t", -1, "m")], given)
    assert len(kept) == MOST_ACTS
    assert Act("withdrawn", "t", -1, "m") in kept
    assert given[0] not in kept


ALL_TOPICS = [
    Act("unsubscribed", "", 0, "m"),
    Act("complained", "", 0, "m"),
    Act("bounced", "", 0, "m"),
    Act("withdrawn", "", 0, "m"),
    Act("bounced", "a@x.example", 0, "m"),
]


@pytest.mark.parametrize("kind", ["given", "withdrawn", "unsubscribed"])
def test_what_restricts_all_topics_goes_last_whatever_its_age(kind: ActKind) -> None:
    later = [Act(kind, f"t{i}", 1 + i, "m") for i in range(2 * MOST_ACTS)]
    kept = latest(ALL_TOPICS, later)
    assert sorted([*ALL_TOPICS, *later[-(MOST_ACTS - len(ALL_TOPICS)) :]], key=repr) == sorted(kept, key=repr)


def test_what_suppresses_all_topics_stays_beside_too_many_sources_and_addresses() -> None:
    sources = [Act("withdrawn", "", 1 + i, "m", f"s{i}") for i in range(MOST_ACTS)]
    addresses = [Act("bounced", f"a{i}@x.example", 1 + i, "m") for i in range(MOST_ACTS)]
    kept = latest(ALL_TOPICS, sources, addresses)
    assert [act for act in ALL_TOPICS if act.about == "" and act not in kept] == [ALL_TOPICS[3]]


# --- what it permits ------------------------------------------------------------------------------------------------------------------


def told(*events: Event) -> list[Act]:
    return latest(*map(acts_of, events))


def gave(t: int, source: str | None = None, version: str | None = "v1", topic: str | None = "news") -> Event:
    return event("Consent Given", t, topic=topic, source=source, text_version=version)


def withdrew(t: int, source: str | None = None, topic: str | None = "news") -> Event:
    return event("Consent Withdrawn", t, topic=topic, source=source)


CONSENTS: dict[str, tuple[list[Event], bool | None]] = {
    "nobody said anything": ([], None),
    "given": ([gave(1)], True),
    "given without a version": ([gave(1, version=None)], True),
    "given to another topic": ([gave(1, topic="offers")], None),
    "given to all": ([gave(1, topic=None)], True),
    "withdrawn": ([withdrew(1)], False),
    "given, then withdrawn": ([gave(1), withdrew(2)], False),
    "withdrawn, then given": ([withdrew(1), gave(2)], True),
    "both at one instant": ([withdrew(1), gave(1)], False),
    "withdrawn from all": ([gave(1), withdrew(2, topic=None)], False),
    "withdrawn from all, then given to one": ([withdrew(1, topic=None), gave(2)], True),
    "one source withdrew, another gave without a version": ([withdrew(1, "crm"), gave(2, "web", None)], False),
    "one source withdrew, another gave with a version": ([withdrew(1, "crm"), gave(2, "web")], True),
    "a source takes its own withdrawal back": ([withdrew(1, "crm"), gave(2, "crm", None)], True),
    "its own at one instant": ([withdrew(2, "crm"), gave(2, "crm", None)], False),
    "withdrawn after what was given with a version": ([gave(1, "web"), withdrew(2, "crm"), gave(3, "web", None)], False),
}


@pytest.mark.parametrize(("events", "expected"), CONSENTS.values(), ids=CONSENTS)
def test_the_strictest_word_counts(events: list[Event], expected: bool | None) -> None:
    for order in itertools.permutations(events):
        assert consent(told(*order), "news")[0] is expected


def unsubscribed(t: int, topic: str | None = None) -> Event:
    return event("Unsubscribed", t, topic=topic)


def bounced(t: int, address: str | None = "a@x.example") -> Event:
    return event("Email Bounced", t, type="hard", email=address)


def verified(t: int, address: str = "a@x.example") -> Event:
    return event("Email Verified", t, status="valid", email=address)


COMPLAINT = event("Email Marked as Spam", 2)
SUPPRESSIONS: dict[str, tuple[list[Event], str | None]] = {
    "nothing": ([gave(1)], None),
    "from all": ([unsubscribed(1)], "unsubscribed"),
    "from the topic": ([unsubscribed(1, "news")], "unsubscribed"),
    "from another topic": ([unsubscribed(1, "offers")], None),
    "a complaint": ([COMPLAINT], "complained"),
    "a later giving with a version": ([unsubscribed(1), COMPLAINT, gave(3)], None),
    "one to all": ([unsubscribed(1, "news"), gave(3, topic=None)], None),
    "one to another topic": ([unsubscribed(1), gave(3, topic="offers")], "unsubscribed"),
    "one without a version": ([unsubscribed(1), gave(3, version=None)], "unsubscribed"),
    "one at the same instant": ([unsubscribed(3), gave(3)], "unsubscribed"),
    "the latest act is told": ([unsubscribed(1), COMPLAINT], "complained"),
    "of one instant the first kind": ([unsubscribed(2), COMPLAINT], "unsubscribed"),
    "a bounce": ([bounced(1)], "bounced"),
    "a bounce of the same mailbox": ([bounced(1, "A@X.Example")], "bounced"),
    "a bounce of another address": ([bounced(1, "old@x.example")], None),
    "a bounce that tells no address": ([bounced(1, None)], "bounced"),
    "a bounce, then valid": ([bounced(1), verified(2)], None),
    "valid at the same instant": ([bounced(2), verified(2)], "bounced"),
    "valid, then a bounce": ([verified(1), bounced(2)], "bounced"),
    "another address is valid": ([bounced(1), verified(2, "b@x.example")], "bounced"),
    "a giving lifts no bounce": ([bounced(1), gave(2)], "bounced"),
}


@pytest.mark.parametrize(("events", "expected"), SUPPRESSIONS.values(), ids=SUPPRESSIONS)
def test_what_suppresses_a_topic_and_an_address(events: list[Event], expected: str | None) -> None:
    for order in itertools.permutations(events):
        act = suppression(told(*order), "news", "a@x.example")
        assert (act and act.kind) == expected


def test_without_a_topic_only_what_is_about_all_counts() -> None:
    assert refusal(told(unsubscribed(1, "news"), withdrew(1, topic=None)), None, "a@x.example") is None
    refused = refusal(told(unsubscribed(1)), None, "a@x.example")
    assert refused is not None
    assert (refused.reason, refused.act and refused.act.t) == ("suppressed", 1)
    assert refusal(told(unsubscribed(1), gave(2, topic=None)), None, "a@x.example") is None


def test_only_a_later_consent_to_a_told_text_lets_mail_go_to_the_address_of_somebody_erased() -> None:
    topic, address = Topic("news", "", required=True), "a@x.example"
    asked = {"before": told(gave(4)), "at once": told(gave(5)), "later": told(gave(6)), "none": []}
    found = {when: refusal(acts, topic, address, 5) for when, acts in asked.items()}
    assert found == {"before": ("suppressed", None), "at once": ("suppressed", None), "later": None, "none": ("suppressed", None)}


@pytest.mark.parametrize(("required", "reason"), [(True, "consent"), (False, None)])
def test_a_topic_may_need_no_consent(required: bool, reason: str | None) -> None:
    topic = Topic("news", "", required)
    for events in ([], [withdrew(1)]):
        refused = refusal(told(*events), topic, "a@x.example")
        assert (refused and refused.reason) == reason
    refused = refusal(told(unsubscribed(1, "news")), topic, "a@x.example")
    assert refused is not None
    assert refused.reason == "suppressed"


def test_the_act_that_counts_is_told() -> None:
    assert refusal([], Topic("news", "", required=True), None) == ("consent", None)
    refused = refusal(told(gave(1, "web"), withdrew(2, "crm"), withdrew(3, "web")), Topic("news", "", required=True), None)
    assert refused is not None
    assert refused.act == Act("withdrawn", "news", 3, "m3", "web")
    assert consent(told(gave(1, "web"), gave(2, "crm", "v2")), "news")[1] in list(acts_of(gave(2, "crm", "v2")))
