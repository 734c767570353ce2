"""HubSpot's contacts: what is asked is what HubSpot's own client asks, and what its models write is read; all that changes is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hubspot.crm.contacts import BasicApi, Filter, FilterGroup, PublicObjectSearchRequest, SearchApi
from pydantic import SecretStr

from flows.collect.crm.ask import Answer
from flows.collect.crm.hubspot import HubspotWalk
from flows.collect.crm.progress import ProgressFile
from flows.collect.crm.pull import Pull
from flows.collect.crm.walk import WrongAnswerError
from flows.collect.crm.world import Pulled, PullError, World
from flows.connectors.json_http import JsonHttp
from operators.plan.checked import CrmSource
from operators.plan.read import read_plan
from tests.crm_server import CONTACTS, KEY, Hubspot, Plays, Request

START_MS = 1_767_600_000_000
MINUTE_MS = 60_000


def source_at(url: str, *, archived: bool = False) -> CrmSource:
    """The contacts of HubSpot at a URL."""
    text = f"""\
crm:
  hubspot:
    kind: hubspot
    url: {url}
    archived: {str(archived).lower()}
    rate: 1000
    map:
      anonymousId: id
      email: properties.email
      traits: {{first_name: properties.firstname, archived: archived}}
"""
    plan = read_plan({"plan.yaml": "name: p", "segments.yaml": "segments: {a: everyone}", "collect.yaml": text})
    return plan.collect.crm[0]


class Reading:
    """A reader of a HubSpot: what it has put into the log, and how long it waited."""

    def __init__(self, hubspot: Hubspot, folder: Path, *, archived: bool = False) -> None:
        self.hubspot, self.folder = hubspot, folder
        self.source = source_at(hubspot.url, archived=archived)
        self.log: list[dict[str, Any]] = []
        self.pauses: list[float] = []
        self.pages = 1_000_000

    def run(self, *, key: str = KEY) -> Pulled:
        """One pass; it is halted behind `pages` pages."""
        left = [self.pages]

        async def sleep(seconds: float) -> None:
            if seconds > 0.1:
                self.pauses.append(seconds)

        async def put(records: Any) -> None:
            self.log += records

        def halted() -> bool:
            left[0] -= 1
            return left[0] < 0

        async def run() -> Pulled:
            with closing(ProgressFile(self.folder, "hubspot")) as progress:
                async with JsonHttp({}, "bearer", "", SecretStr(key)) as http:
                    world = World(lambda: self.hubspot.now_ms, sleep, lambda: 0.0, halted)
                    return await Pull(self.source, HubspotWalk(self.source), http, progress, put, world).run()

        return asyncio.run(run())

    def names(self) -> dict[str, str | None]:
        """The last first name of each contact in the log."""
        return {each["anonymousId"]: each["traits"].get("first_name") for each in self.log}


@pytest.fixture
def hubspot() -> Iterator[Hubspot]:
    """A HubSpot without contacts."""
    with Hubspot() as running:
        yield running


def asked(request: Request) -> tuple[str, str, list[tuple[str, str]], Any]:
    """What a request says, whatever the order of its parameters and the case of its truths."""
    return request.method, request.path, sorted((name, value.lower()) for name, value in request.query), request.body


PROPERTIES = ["email", "firstname", "lastmodifieddate"]


def test_the_list_is_asked_for_as_by_hubspots_own_client(hubspot: Hubspot, tmp_path: Path) -> None:
    for number in range(1, 251):
        hubspot.put(number, START_MS + number, firstname=f"A{number}", email=f"a{number}@example.com")
    hubspot.archived = {7: START_MS, 8: START_MS}
    reading = Reading(hubspot, tmp_path, archived=True)
    assert ((done := reading.run()).pages, done.rows, done.events) == (4, 250, 250)
    ours = [asked(request) for request in hubspot.requests]
    hubspot.requests.clear()
    basic, ids = BasicApi(hubspot.client()), []
    for archived in (False, True):
        after = None
        while True:
            page = basic.get_page(limit=100, properties=PROPERTIES, archived=archived, **({} if after is None else {"after": after}))
            ids += [contact.id for contact in page.results]
            if page.paging is None:
                break
            after = page.paging.next.after
    assert [asked(request) for request in hubspot.requests] == ours
    assert ids == [each["anonymousId"] for each in reading.log]
    assert hubspot.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_a_search_is_asked_for_as_by_hubspots_own_client(hubspot: Hubspot, tmp_path: Path) -> None:
    for number in range(1, 302):
        hubspot.put(number, START_MS, firstname="A")
    reading = Reading(hubspot, tmp_path)
    reading.run()
    hubspot.requests.clear()
    assert reading.run().rows == 301
    ours = [asked(request) for request in hubspot.requests]
    assert len(ours) == 2
    hubspot.requests.clear()
    search = SearchApi(hubspot.client())
    since = Filter(property_name="lastmodifieddate", operator="GTE", value=str(START_MS - 5 * MINUTE_MS))
    sorts: Any = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    for filters in ([since], [since, Filter(property_name="hs_object_id", operator="GT", value="200")]):
        search.do_search(
            public_object_search_request=PublicObjectSearchRequest(
                filter_groups=[FilterGroup(filters=filters)], sorts=sorts, properties=PROPERTIES, limit=200, after="0"
            )
        )
    assert [asked(request) for request in hubspot.requests] == ours


def test_what_has_changed_comes_once_and_what_has_not_does_not(hubspot: Hubspot, tmp_path: Path) -> None:
    hubspot.put(1, START_MS, firstname="Anna", email="anna@example.com")
    hubspot.put(2, START_MS + MINUTE_MS, firstname="Ben")
    reading = Reading(hubspot, tmp_path)
    assert reading.run().events == 2
    # Within the overlap both come again, and are known.
    assert ((done := reading.run()).rows, done.events, done.known) == (2, 0, 2)
    hubspot.put(2, START_MS + 3 * MINUTE_MS, firstname="Benno")
    hubspot.put(3, START_MS + 20 * MINUTE_MS, firstname="Carla")
    assert ((done := reading.run()).rows, done.events, done.known) == (3, 2, 1)
    assert reading.names() == {"1": "Anna", "2": "Benno", "3": "Carla"}
    assert ((done := reading.run()).rows, done.events, done.known) == (1, 0, 1)
    assert [reading.log[0]["timestamp"], reading.log[0]["traits"]["email"]] == ["2026-01-05T08:00:00.000Z", "anna@example.com"]


def test_more_than_a_search_can_give_changed_at_one_instant(hubspot: Hubspot, tmp_path: Path) -> None:
    hubspot.put(1, START_MS, firstname="A")
    reading = Reading(hubspot, tmp_path)
    reading.run()
    for number in range(1, 10_402):
        hubspot.put(number, START_MS + MINUTE_MS, firstname="B")
    assert ((done := reading.run()).pages, done.events) == (53, 10_401)
    assert {"B"} == set(reading.names().values())


def test_what_changes_while_it_is_read_is_read_too(hubspot: Hubspot, tmp_path: Path) -> None:
    for number in range(1, 402):
        hubspot.put(number, START_MS, firstname="A")
    reading = Reading(hubspot, tmp_path)
    reading.run()
    hubspot.now_ms = START_MS + 10 * MINUTE_MS
    play = hubspot.plays

    def changing(request: Request) -> Plays:
        # Behind each page one contact that was read already changes, one that was not is archived, and one is new.
        page = play(request)
        if request.path.endswith("search"):
            hubspot.now_ms += MINUTE_MS
            number = len(hubspot.requests)
            hubspot.put(number, hubspot.now_ms, firstname="B")
            hubspot.put(1000 + number, hubspot.now_ms, firstname="B")
        return page

    hubspot.plays = changing
    reading.run()
    hubspot.plays = play
    reading.run()
    expected = {str(number): properties["firstname"] for number, properties in hubspot.contacts.items()}
    assert expected == reading.names()


def test_archived_contacts_are_told_once_with_the_time_at_which_they_were(hubspot: Hubspot, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        hubspot.put(number, START_MS, firstname="A")
    hubspot.archived[3] = START_MS - 90 * MINUTE_MS
    reading = Reading(hubspot, tmp_path, archived=True)
    reading.run()
    assert {each["anonymousId"]: each["traits"]["archived"] for each in reading.log} == {"1": False, "2": False, "3": True}
    reading.log.clear()
    hubspot.archived[1] = START_MS + 30 * MINUTE_MS
    reading.run()
    assert [(e["anonymousId"], e["traits"]["archived"], e["timestamp"]) for e in reading.log] == [("1", True, "2026-01-05T08:30:00.000Z")]
    reading.log.clear()
    assert (reading.run().events, reading.log) == (0, [])


@pytest.mark.parametrize("fault", [Plays({}, 400), Plays({"error": "the cursor is over"})], ids=["400", "words"])
def test_a_pass_that_breaks_off_goes_on_at_its_page(hubspot: Hubspot, tmp_path: Path, fault: Plays) -> None:
    for number in range(1, 551):
        hubspot.put(number, START_MS, firstname="A")
    reading = Reading(hubspot, tmp_path)
    reading.pages = 2
    assert reading.run().events == 200
    reading.pages = 1_000_000
    hubspot.requests.clear()
    assert reading.run().events == 350
    assert hubspot.requests[0].one("after") == "200"
    assert sorted(hubspot.contacts) == [int(each["anonymousId"]) for each in reading.log]
    # Where the page cannot be asked for any more, the pass begins anew.
    reading.pages = 1
    hubspot.contacts[551], hubspot.changed[551] = {"firstname": "B"}, START_MS + 60 * MINUTE_MS
    reading.run()
    hubspot.faults = [fault]
    reading.pages = 1_000_000
    reading.run()
    assert reading.names()["551"] == "B"


FAULTS = [
    (Plays({}, 429, {"Retry-After": "7"}), [7.0]),
    (Plays({}, 429), [0.5]),
    (Plays({}, 503, {"Retry-After": "3"}), [3.0]),
    (Plays({}, 502), [0.5]),
    (Plays(hang_up=True), [0.5]),
]


@pytest.mark.parametrize(("fault", "pauses"), FAULTS, ids=["429-told", "429", "503-told", "502", "hung up"])
def test_what_may_go_well_later_is_asked_again(hubspot: Hubspot, tmp_path: Path, fault: Plays, pauses: list[float]) -> None:
    hubspot.put(1, START_MS, firstname="A")
    hubspot.faults = [fault, fault]
    reading = Reading(hubspot, tmp_path)
    assert reading.run().events == 1
    assert [*pauses, pauses[0] if fault.headers else 2 * pauses[0]] == reading.pauses


@pytest.mark.parametrize(
    ("fault", "why", "words"),
    [
        (Plays({}, 403), "refused", r"the key is not taken \(HTTP 403\)"),
        (Plays({}, 400), "wrong", "HTTP 400"),
        (Plays({}, 302, {"Location": "http://127.0.0.1:9/"}), "wrong", "HTTP 302"),
        (Plays(b"<html>"), "wrong", "the answer must be JSON"),
        (Plays([]), "wrong", "the answer must have `results`"),
        (Plays({"results": [{"properties": {}}]}), "wrong", "the answer must have `results`"),
    ],
)
def test_what_will_not_go_well_is_told_at_once(hubspot: Hubspot, tmp_path: Path, fault: Plays, why: str, words: str) -> None:
    hubspot.faults = [fault]
    reading = Reading(hubspot, tmp_path)
    with pytest.raises(PullError, match=words) as error:
        reading.run()
    assert (why, 1, []) == (error.value.why, len(hubspot.requests), reading.pauses)


def test_a_wrong_key_is_told(hubspot: Hubspot, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"the key is not taken \(HTTP 401\)") as error:
        Reading(hubspot, tmp_path).run(key="another-key")
    assert "another-key" not in str(error.value)


def test_who_fails_again_and_again_is_given_up_for_now(hubspot: Hubspot, tmp_path: Path) -> None:
    hubspot.faults = [Plays({}, 500)] * 8
    reading = Reading(hubspot, tmp_path)
    with pytest.raises(PullError, match="HTTP 500"):
        reading.run()
    assert reading.pauses == [0.5, 1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize("ids", [["2", "1"], ["1", "1"], ["x"]])
def test_contacts_of_a_search_that_come_out_of_order_are_not_believed(ids: list[str]) -> None:
    walk = HubspotWalk(source_at("https://api.hubapi.com"))
    position = walk.begin(START_MS)
    answer = Answer({"results": [{"id": each, "properties": {}} for each in ids], "paging": {"next": {"after": "200"}}})
    with pytest.raises(WrongAnswerError, match=r"the ids? of|the order of their ids"):
        walk.follow(position, answer, walk.rows(position, answer))


def test_the_address_is_hubspots_own_unless_told() -> None:
    plan = read_plan(
        {
            "plan.yaml": "name: p",
            "segments.yaml": "segments: {a: everyone}",
            "collect.yaml": "crm: {h: {kind: hubspot, map: {email: properties.email}}}",
        }
    )
    walk = HubspotWalk(plan.collect.crm[0])
    assert f"https://api.hubapi.com{CONTACTS}" == walk.ask(walk.begin(None)).url
