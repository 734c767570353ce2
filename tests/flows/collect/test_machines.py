"""Machines, told by their user agents, and the events that they bring: marked, and otherwise as they came."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from flows.collect.machines import APPS, MOST_NAME, MOST_READ, machine_of, tag
from operators.decode import decode
from operators.plan.read import read_plan
from schemas.event import Event

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
EDGE = f"{CHROME} Edg/142.0.0.0"
MACHINES = {
    "Mozilla/5.0": "Apple Mail Privacy Protection",
    " Mozilla/5.0 ": "Apple Mail Privacy Protection",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)": "GoogleImageProxy",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html": "YahooMailProxy",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 "
    "Edge/12.246 Mozilla/5.0": "Gmail",
    f"{CHROME} Gmail-content-sampling": "Gmail",
    "Barracuda Sentinel (EE)": "Barracuda",
    "Microsoft Office Existence Discovery": "Microsoft Office Existence Discovery",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": "Googlebot",
    "curl/8.5.0": "curl",
    f"{CHROME} HeadlessChrome/142.0.0.0": "HeadlessChrome",
}
PEOPLE = [
    "",
    CHROME,
    EDGE,
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Thunderbird/140.5.0",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/8.0; Microsoft Outlook 16.0.17928; ms-office; MSOffice 16)",
    "okhttp/4.12.0",
    "Shop/7 CFNetwork/1490.0.4 Darwin/23.2.0",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
    "Outlook-iOS/729.4.1.prod.iphone (4.22.0)",
]


@pytest.mark.parametrize(("user_agent", "name"), MACHINES.items(), ids=[f"{n}-{name}" for n, name in enumerate(MACHINES.values())])
def test_a_machine_has_a_name(user_agent: str, name: str) -> None:
    assert name == machine_of(user_agent)


@pytest.mark.parametrize("user_agent", PEOPLE, ids=range(len(PEOPLE)))
def test_a_person_is_no_machine(user_agent: str) -> None:
    assert machine_of(user_agent) is None


def test_every_crawler_of_the_list_is_one_and_has_a_short_name() -> None:
    seen = [
        machine_of(example) for crawler in CRAWLER_USER_AGENTS_DATA for example in crawler["instances"] if crawler["pattern"] not in APPS
    ]
    assert len(seen) > 2000
    assert [name for name in seen if not name or len(name) > MOST_NAME or name != name.strip()] == []


@pytest.mark.parametrize("text", ["x" * 10_000, "\ud800", "\0", "(" * 5000, "é" * 600, "\n"], ids=range(6))
def test_anything_can_be_a_user_agent(text: str) -> None:
    assert machine_of(text) is None
    assert machine_of(f"curl/8.5.0 {text}") == "curl"


def test_what_comes_late_in_a_user_agent_is_not_looked_at() -> None:
    assert machine_of("x" * (MOST_READ - 15) + " Googlebot/2.1 ") == "Googlebot"
    assert machine_of("x" * MOST_READ + " Googlebot/2.1") is None


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Email Opened", "anonymousId": "a", "timestamp": "2026-01-05T00:00:00Z", **fields}


TAGS = {"machine": True, "agent": "curl"}
TAGGED: dict[str, tuple[dict[str, Any], str | None, Any]] = {
    "by the request": (track(), "curl/8.5.0", TAGS),
    "a page": (track(type="page"), "curl/8.5.0", TAGS),
    "with properties": (track(properties={"a": 1}), "curl/8.5.0", {"a": 1, **TAGS}),
    "no properties": (track(properties=None), "curl/8.5.0", TAGS),
    "by its context": (track(context={"userAgent": "curl/8.5.0"}), CHROME, TAGS),
    "a person behind a server": (track(context={"userAgent": CHROME}), "curl/8.5.0", None),
    "an empty context": (track(context={"userAgent": ""}), "curl/8.5.0", TAGS),
    "a strange context": (track(context=[]), "curl/8.5.0", TAGS),
    "a person": (track(), CHROME, None),
    "a server": (track(), None, None),
    "what the sender says": (track(properties={"agent": "x", "machine": False}), "curl/8.5.0", {"agent": "x", "machine": True}),
    "no such properties": (track(properties=[1]), "curl/8.5.0", [1]),
    "an identify": (track(type="identify", traits={}), "curl/8.5.0", None),
    "no type": ({"anonymousId": "a"}, "curl/8.5.0", None),
}


@pytest.mark.parametrize(("record", "user_agent", "properties"), TAGGED.values(), ids=TAGGED)
def test_what_a_machine_brings_is_marked(record: dict[str, Any], user_agent: str | None, properties: Any) -> None:
    before = {name: value for name, value in record.items() if name != "properties"}
    tagged = tag(record, user_agent)
    assert properties == tagged.get("properties")
    assert before == {name: value for name, value in tagged.items() if name != "properties"}


def test_a_rule_can_leave_machines_out() -> None:
    plan = read_plan(
        {
            "plan.yaml": "name: test",
            "segments.yaml": "segments: {read: \"did('Email Opened', where=not (machine == True) and agent is None)\"}",
            "tracking.yaml": "events: {Email Opened: {schema: {properties: {id: {}}, additionalProperties: false}}}",
        }
    )
    assert [segment.id for segment in plan.segments] == ["read"]


def test_the_job_takes_what_is_marked() -> None:
    event = decode(orjson.dumps(tag(track(), "curl/8.5.0")))
    assert isinstance(event, Event)
    assert event.properties == TAGS
