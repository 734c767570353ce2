"""From a form to a mail: what visitors send goes through the job, whose triggers and profile tell of it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command import beckon, lines
from tests.flows.collect.forms.forms_edge import PLAN, URL, FormsEdge

CAMPAIGNS = {
    "campaigns/confirm.yaml": "on: event Subscription Requested\ntopic: confirmations\nre_enter: always\nsteps: [{send: confirm}]\n",
    "campaigns/welcome.yaml": "on: enters readers\ntopic: newsletter\nsteps: [{send: welcome}]\n",
    "segments.yaml": "segments:\n  readers: consent('newsletter')\n  people: count('Form Submitted', where=not machine) >= 1\n",
}


def test_the_link_is_mailed_and_consent_counts_from_its_button_on(tmp_path: Path) -> None:
    at = FormsEdge(tmp_path / "data", CAMPAIGNS)
    browser = at.browser()
    browser.send(browser.get("/f/confirmed"), "/f/confirmed", email="Anna@Example.com", news="true")
    browser.send(browser.get("/f/join"), "/f/join", email="anna@example.com", age="42")
    robot = at.browser(**{"User-Agent": "curl/8.5.0"})
    robot.send(robot.get("/f/confirmed"), "/f/confirmed", email="ben@example.com", news="true")
    url = at.told("Subscription Requested")[0]["properties"]["confirm_url"]
    reader = at.browser()
    at.now += 3_600_000
    for _ in range(2):
        reader.send(reader.get(url.removeprefix(URL)), url.removeprefix(URL))
    at.forms.close()

    for name, text in {**PLAN, **CAMPAIGNS}.items():
        (tmp_path / "plan" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plan" / name).write_text(text, encoding="utf-8")
    # Twice, as where an answer was lost on its way.
    (tmp_path / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in [*at.log.lines, *at.log.lines]))
    done = beckon("run", "--plan", "plan", "--input", "events.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    did = json.loads(done.stdout)
    assert (did["rejects"], did["duplicates"]) == ({}, did["records"] // 2)
    confirm, welcome = (json.loads(line) for line in lines(tmp_path / "out", "triggers"))
    assert (confirm["data"]["to"]["address"], confirm["data"]["context"]["properties"]["confirm_url"]) == ("Anna@example.com", url)
    assert (welcome["data"]["template"], welcome["subject"]) == ("welcome", confirm["subject"])
    transitions = [json.loads(line) for line in lines(tmp_path / "out", "transitions")]
    assert sorted((each["data"]["segment"], each["subject"]) for each in transitions) == [
        ("people", "anna@example.com"),
        ("readers", "anna@example.com"),
    ]
