"""`beckon import crm` as a process: what it asks, sends and says."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import beckon, ended, plan_folder, start, until
from tests.crm_server import KEY, CrmServer, Hubspot, Plays, Request

START_MS = 1_767_600_000_000
KEYS: dict[str, Any] = {"BECKON_CRM_KEYS": f"hubspot={KEY},erp=x"}


@pytest.fixture
def hubspot() -> Iterator[Hubspot]:
    """A HubSpot with 150 contacts, one of them without an address."""
    with Hubspot() as running:
        for number in range(1, 151):
            running.put(number, START_MS + number, email=f"a{number}@example.com" if number != 7 else None, firstname="A")
        yield running


def planned(folder: Path, url: str, **more: Any) -> Path:
    """A plan with that HubSpot."""
    plan = plan_folder(folder / "plan")
    entry = {
        "kind": "hubspot",
        "url": url,
        "rate": 1000,
        "map": {"email": "properties.email", "traits": {"first_name": "properties.firstname"}},
    }
    (plan / "collect.yaml").write_text(json.dumps({"crm": {"hubspot": {**entry, **more}}}), encoding="utf-8")
    return folder


def test_what_has_changed_goes_into_the_input_of_a_job(hubspot: Hubspot, tmp_path: Path) -> None:
    planned(tmp_path, hubspot.url)
    (tmp_path / "in").mkdir()
    pull = ("import", "crm", "hubspot", "--plan", "plan", "--data", "data", "--input", "in", "--rejects", "r.jsonl", "--json")
    done = beckon(*pull, cwd=tmp_path, **KEYS)
    assert done.returncode == 1
    told = {"output": "in", "pages": 2, "rows": 150, "events": 149, "known": 0, "skipped": 0, "rejected": {"no_id": 1}, "stopped": False}
    assert told == json.loads(done.stdout)
    assert "150 rows on 2 pages: 149 events to in, 1 rejected (1 no_id)" in done.stderr
    assert json.loads((tmp_path / "r.jsonl").read_text())["record"]["id"] == "7"
    hubspot.put(8, START_MS + 3_600_000, firstname="B")
    assert json.loads(beckon(*pull, cwd=tmp_path, **KEYS).stdout)["events"] == 1
    sums = json.loads(beckon("run", "--plan", "plan", "--input", "in", "--json", cwd=tmp_path).stdout)
    assert (sums["events"], sums["persons"], sums["duplicates"]) == (150, 149, 0)
    # All again is known to the job.
    assert json.loads(beckon(*pull, "--all", cwd=tmp_path, **KEYS).stdout)["events"] == 149
    sums = json.loads(beckon("run", "--plan", "plan", "--input", "in", "--json", cwd=tmp_path).stdout)
    assert (sums["events"], sums["duplicates"]) == (0, 149)


def test_without_an_input_all_is_printed_and_nothing_noted(hubspot: Hubspot, tmp_path: Path) -> None:
    planned(tmp_path, hubspot.url)
    for _ in range(2):
        done = beckon("import", "crm", "hubspot", "--plan", "plan", cwd=tmp_path, **KEYS)
        assert len(done.stdout.splitlines()) == 149
    assert {"plan"} == {path.name for path in tmp_path.iterdir()}


def test_who_has_opted_out_there_is_suppressed_here(hubspot: Hubspot, tmp_path: Path) -> None:
    planned(tmp_path, hubspot.url)
    hubspot.put(9, START_MS, hs_email_optout="true")
    hubspot.put(10, START_MS, hs_email_optout="false")
    crm = json.loads((tmp_path / "plan" / "collect.yaml").read_text())["crm"]
    by = {"email": "properties.email", "event": "Unsubscribed", "skip": {"properties.hs_email_optout": ["", "false"]}}
    crm["optouts"] = {**crm["hubspot"], "map": by}
    (tmp_path / "plan" / "collect.yaml").write_text(json.dumps({"crm": crm}), encoding="utf-8")
    (tmp_path / "in").mkdir()
    keys: dict[str, Any] = {"BECKON_CRM_KEYS": f"hubspot={KEY},optouts={KEY}"}
    for name in ("hubspot", "optouts"):
        beckon("import", "crm", name, "--plan", "plan", "--data", "data", "--input", "in", cwd=tmp_path, **keys)
    beckon("run", "--plan", "plan", "--input", "in", cwd=tmp_path)
    suppressed = [beckon("profile", "show", f"a{n}@example.com", "--plan", "plan", "--json", cwd=tmp_path).stdout for n in (9, 10)]
    assert ["unsubscribed" in each.lower() for each in suppressed] == [True, False]


def test_a_column_that_hubspot_does_not_know_is_told(hubspot: Hubspot, tmp_path: Path) -> None:
    planned(tmp_path, hubspot.url, map={"email": "properties.email", "traits": {"name": "properties.name", "stage": "archivd"}})
    done = beckon("import", "crm", "hubspot", "--plan", "plan", cwd=tmp_path, **KEYS)
    assert "no row has the column 'archivd'; did you mean 'archived'?" in done.stderr


def test_a_stop_ends_behind_the_page_at_hand_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with Hubspot() as hubspot:
        for number in range(1, 3001):
            hubspot.put(number, START_MS, email=f"a{number}@example.com")
        planned(tmp_path, hubspot.url, rate=5)
        (tmp_path / "in").mkdir()
        pull = ("import", "crm", "hubspot", "--plan", "plan", "--data", "data", "--input", "in", "--json")
        process = start(*pull, cwd=tmp_path, **KEYS)
        until(lambda: len(hubspot.requests) >= 2, process)
        process.send_signal(signal.SIGTERM)
        done = ended(process)
        assert (done.returncode, (told := json.loads(done.stdout))["stopped"]) == (0, True)
        assert "stopped before the end; run the same again to go on there" in done.stderr
        (tmp_path / "plan" / "collect.yaml").write_text(
            (tmp_path / "plan" / "collect.yaml").read_text().replace('"rate": 5', '"rate": 1000')
        )
        rest = json.loads(beckon(*pull, cwd=tmp_path, **KEYS).stdout)
        assert told["events"] + rest["events"] == 3000


def test_what_fails_is_one_sentence(hubspot: Hubspot, tmp_path: Path) -> None:
    planned(tmp_path, hubspot.url)
    pull = ("import", "crm", "hubspot", "--plan", "plan")
    cases: list[tuple[tuple[str, ...], dict[str, Any], int, str]] = [
        (pull, {}, 2, "the CRM hubspot needs a key: give BECKON_CRM_KEYS='hubspot=...'"),
        (pull, {"BECKON_CRM_KEYS": "hubspot=wrong"}, 3, "the CRM hubspot cannot be read: the key is not taken (HTTP 401)"),
        (("import", "crm", "hubspott", "--plan", "plan"), KEYS, 2, "got 'hubspott'; did you mean 'hubspot'?"),
        ((*pull, "--input", "plan"), KEYS, 2, "give --data, the folder"),
        ((*pull, "--json"), KEYS, 2, "--json prints what was done on standard output"),
        (("import", "crm", "hubspot"), KEYS, 2, "no plan: give --plan"),
    ]
    for arguments, env, code, said in cases:
        done = beckon(*arguments, cwd=tmp_path, **env)
        assert (code, "") == (done.returncode, done.stdout)
        assert said in done.stderr
        assert "wrong" not in done.stderr
        assert "Traceback" not in done.stderr


def test_the_request_is_shown_without_the_key(tmp_path: Path) -> None:
    def plays(_: Request) -> Plays:
        raise AssertionError("was asked")

    with CrmServer(plays) as server:
        planned(tmp_path, server.url)
        done = beckon("import", "crm", "hubspot", "--plan", "plan", "--show-request", cwd=tmp_path, **KEYS)
    query = "limit=100&properties=email&properties=firstname&properties=lastmodifieddate&archived=false"
    assert {"method": "GET", "url": f"{server.url}/crm/v3/objects/contacts", "query": query, "body": None} == json.loads(done.stdout)
    assert KEY not in done.stdout
