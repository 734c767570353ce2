"""The traits on which sources differ: listed over a live state, counted in full, under a newer plan; and in the profile of a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.commands.console import out
from flows.discrepancies import Discrepancies, Discrepancy, read_discrepancies, show
from flows.plan_folder import open_plan
from flows.profile import Said, Trait, read_profile
from schemas.errors import UnavailableError, UsageError
from tests.command import beckon, write_lines
from tests.strategies import stamp

WORDS: dict[str, list[tuple[int, str | None, dict[str, Any]]]] = {
    "anna": [(1, "crm", {"city": "Bonn", "vip": True}), (2, "web", {"city": "Kiel", "vip": True})],
    "ben": [(1, None, {"city": "Bonn", "pet": "cat"}), (2, "web", {"pet": None}), (3, "web", {"city": "Bonn"})],
    "cora": [(1, "web", {"city": "Ulm"}), (2, "app", {"city": "Jena"}), (3, "crm", {"city": "Ulm"})],
    "dora": [(1, "web", {"city": "Ulm"}), (2, "web", {"city": "Jena"})],
}


def plan(folder: Path, survivorship: str = "{}", name: str = "told") -> Path:
    folder.mkdir()
    (folder / "plan.yaml").write_text(f"name: {name}\nsurvivorship: {survivorship}\n")
    (folder / "segments.yaml").write_text("segments: {bonn: trait.city == 'Bonn'}\n")
    return folder


def record(person: str, at: int, source: str | None, traits: dict[str, Any]) -> dict[str, Any]:
    told = {"type": "identify", "userId": person, "messageId": f"{person}{at}", "timestamp": stamp(at * 1000), "traits": traits}
    return told | ({} if source is None else {"context": {"library": {"name": source}}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the state of a job that has read these words."""
    folder = tmp_path_factory.mktemp("told")
    plan(folder / "plan")
    write_lines(folder / "events.jsonl", [record(person, *word) for person, words in WORDS.items() for word in words])
    assert beckon("run", "--plan", "plan", "--input", "events.jsonl", cwd=folder).returncode == 0
    return folder


def at(second: int) -> str:
    return stamp(second * 1000)


ANNA = Discrepancy("anna", "city", "Kiel", "web", at(2), [Said("crm", "Bonn", at(1))])
BEN = Discrepancy("ben", "pet", None, "web", at(2), [Said(None, "cat", at(1))])
CORA = Discrepancy("cora", "city", "Ulm", "crm", at(3), [Said("app", "Jena", at(2))])


def test_all_are_counted_and_the_first_listed(folder: Path) -> None:
    state, found = folder / "out/state", {"city": 2, "pet": 1}
    assert Discrepancies(found, [ANNA, BEN, CORA]) == read_discrepancies(state)
    assert Discrepancies(found, [ANNA, BEN]) == read_discrepancies(state, limit=2)
    assert Discrepancies({"pet": 1}, [BEN]) == read_discrepancies(state, trait="pet", limit=1)
    assert Discrepancies({}, []) == read_discrepancies(state, trait="vip")
    assert read_discrepancies(state, halted=lambda: True) is None


def test_under_a_newer_plan_what_counts_under_it(folder: Path, tmp_path: Path) -> None:
    newer = open_plan(plan(tmp_path / "newer", "{city: [crm, app], pet: [none]}"))
    found = read_discrepancies(folder / "out/state", newer)
    assert found is not None
    assert [(each.person, each.trait, each.value, [other.value for other in each.others]) for each in found.rows] == [
        ("anna", "city", "Bonn", ["Kiel"]),
        ("cora", "city", "Ulm", ["Jena"]),
    ]
    known = read_profile(folder / "out/state", "anna", newer)
    assert known.traits["city"] == Trait("Bonn", at(1), "crm", [Said("web", "Kiel", at(2))])
    assert [each.segment for each in known.segments] == ["bonn"]
    assert read_profile(folder / "out/state", "dora", newer).traits == {"city": Trait("Jena", at(2), "web")}


def test_what_cannot_be_read_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no state in"):
        read_discrepancies(tmp_path)
    with pytest.raises(UsageError, match="the state was made with the plan told, not with other; give that plan"):
        read_discrepancies(folder / "out/state", open_plan(plan(tmp_path / "other", name="other")))


def test_the_command_lists_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = beckon("profile", "discrepancies", "--plan", "plan", "--limit", "1", "--json", cwd=folder)
    assert (found.returncode, found.stderr) == (0, "")
    assert json.loads(found.stdout) == {
        "persons": {"city": 2, "pet": 1},
        "rows": [
            {
                "person": "anna",
                "trait": "city",
                "value": "Kiel",
                "source": "web",
                "time": at(2),
                "others": [{"source": "crm", "value": "Bonn", "time": at(1)}],
            }
        ],
    }
    shown = beckon("profile", "discrepancies", "--limit", "2", cwd=folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.split() for line in shown.stdout.splitlines() if line.strip()]
    assert ["anna", "city", "counts", "Kiel", "web", at(2)] in lines
    assert ["cat", "no", "source", at(1)] in lines
    assert lines[-1] == ["city", "of", "2", "persons,", "pet", "of", "1", "person;", "1", "not", "shown"]
    show(Discrepancies({}, []), out())
    assert capsys.readouterr().out == "no two sources differ\n"


def test_a_profile_tells_sources_where_there_are_several(folder: Path) -> None:
    shown = beckon("profile", "show", "anna", cwd=folder).stdout
    assert [line.split()[-1] for line in shown.splitlines() if "Kiel" in line or "vip" in line][:2] == ["(web)", "(web)"]
    assert "Bonn  (crm differs)" in shown
    assert "(web)" not in beckon("profile", "show", "dora", cwd=folder).stdout
