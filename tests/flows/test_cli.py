"""The command line: what it prints where, its exit codes, its sentences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.commands.run import numbers
from flows.connectors.files_publisher import FilesPublisher
from flows.plan_folder import open_plan
from operators.lane.lane import Lane
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from schemas.errors import UsageError
from tests.command import beckon, environment, events, plan_folder, write_lines

PLAN = ("--plan", "plan")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan and a few events."""
    plan_folder(tmp_path / "plan")
    write_lines(tmp_path / "events.jsonl", events(3, 12))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", *PLAN), "no input: give --input"),
        (("run", "--input", "events.jsonl"), "no plan: give --plan"),
        (("run", *PLAN, "--input", "events.jsonl", "--kafka", "b:1"), "exclude each other"),
        (("run", *PLAN, "--kafka", "b:1", "--output", "out"), "--output goes with --input"),
        (("run", *PLAN, "--kafka", "b:1", "--follow"), "--follow goes with --input"),
        (("run", *PLAN, "--input", "events.jsonl", "--topic", "t"), "--topic goes with --kafka"),
        (("run", *PLAN, "--input", "events.jsonl", "--create-topics"), "--create-topics goes with --kafka"),
        (("run", *PLAN, "--input", "events.jsonl", "--follow", "--until", "2026-01-01"), "give one of them"),
        (("run", *PLAN, "--input", "events.jsonl", "--until", "soon"), "like 2026-01-31T12:00:00Z; got 'soon'"),
        (("run", *PLAN, "--input", "events.jsonl", "--workers", "2"), "one worker runs it"),
        (("run", *PLAN, "--kafka", "b:1", "--addresses", "a:1;b:1"), "needs both"),
        (("run", *PLAN, "--kafka", "b:1", "--process-id", "0"), "needs both"),
        (("run", *PLAN, "--kafka", "b:1", "--addresses", "a:1;b:1", "--process-id", "2"), "from 0 to 1; got 2"),
        (("run", *PLAN, "--kafka", "b:1", "--addresses", "a;b", "--process-id", "1"), "got 'a'"),
        (("run", *PLAN, "--kafka", "b:1", "--partitions", "3-1"), "like 0-1,3; got '3-1'"),
        (("run", *PLAN, "--kafka", "no broker"), "brokers must be like"),
        (("run", "--plan", "nowhere", "--input", "events.jsonl"), "no plan folder nowhere"),
        (("lint", "nowhere"), "no plan folder nowhere"),
        (("test", "nowhere"), "no plan folder nowhere"),
        (("import", "ecom", "--json"), "give --output a file"),
        (("plan", "status"), "no plan: give --plan"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_one_sentence_and_2(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = beckon(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("beckon: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "out").exists()


@pytest.mark.parametrize("arguments", [("walk",), ("run", "--inptu", "x"), ("lint",), ("run", "--workers", "0"), ("profile", "show")])
def test_what_the_parser_refuses_is_2_too(folder: Path, arguments: tuple[str, ...]) -> None:
    done = beckon(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", *PLAN, "--input", "absent.jsonl"), "absent.jsonl is not there"),
        (("profile", "show", "p0"), "there is no state in out/state"),
        (("plan", "status", *PLAN), "there is no state in out/state"),
        (("run", *PLAN, "--input", "events.jsonl", "--output", "plan/plan.yaml"), "plan/plan.yaml"),
        (("run", *PLAN, "--input", "events.jsonl", "--state", "plan/plan.yaml"), "plan/plan.yaml"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_3(folder: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = beckon(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("beckon: ")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_lint_of_a_good_plan(folder: Path) -> None:
    done = beckon("lint", "plan", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "plan: no findings in 2 segments and 1 campaign\n", "")
    assert json.loads(beckon("lint", "plan", "--json", cwd=folder).stdout) == {"plan": "plan", "findings": [], "notes": []}


def test_lint_prints_notes_behind_and_costs_where_asked(folder: Path) -> None:
    rules = (
        "segments:\n  looking: did('Product Viewed')\n  keen: sum('Product Viewed', 'price', within='7d') > 100\n  hot: segment('keen')\n"
    )
    (folder / "plan" / "segments.yaml").write_text(rules, encoding="utf-8")
    done = beckon("lint", "plan", "--costs", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    first, note, *table = done.stdout.splitlines()
    assert first == "plan: no findings in 3 segments and 1 campaign"
    assert note == "plan/segments.yaml:3:9: note: everybody in 'keen' is in 'looking' too"
    assert table == [
        "segment       timers  bytes a person, at most",
        "hot           yes     12",
        "keen          yes     67",
        "                      + 24 for each event of 'Product Viewed', property='price', within='7d'",
        "looking       no      26",
        "all segments  yes     119 and a value",
        "                      + what grows with events and values",
    ]
    told = json.loads(beckon("lint", "plan", "--costs", "--json", cwd=folder).stdout)
    assert told["notes"] == [{"file": "plan/segments.yaml", "line": 3, "column": 9, "text": "everybody in 'keen' is in 'looking' too"}]
    assert told["costs"][1] == {
        "segment": "keen",
        "timers": True,
        "bytes": 67,
        "values": 0,
        "growing": [{"bytes": 24, "values": 0, "each": "event", "of": "'Product Viewed', property='price', within='7d'"}],
    }
    assert [cost["segment"] for cost in told["costs"]] == ["hot", "keen", "looking", "all segments"]


def test_a_segment_that_nobody_can_be_in_is_a_finding_to_lint_and_to_a_run(folder: Path) -> None:
    (folder / "plan" / "segments.yaml").write_text(
        "segments:\n  looking: did('Product Viewed', within='7d') and not did('Product Viewed')\n", encoding="utf-8"
    )
    finding = (
        "plan/segments.yaml:2:12: a rule must be able to hold and not to hold; "
        "`did('Product Viewed', within='7d')` and `not did('Product Viewed')` never hold together\n"
    )
    done = beckon("lint", "plan", cwd=folder)
    assert (done.returncode, done.stdout) == (1, finding)
    done = beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    assert (done.returncode, done.stderr.startswith(finding)) == (1, True)


def spoil(folder: Path) -> None:
    """Two findings in two files, and a third in a file that is no text."""
    (folder / "plan" / "plan.yaml").write_text("name: tiny\nlateness: 10 seconds\n", encoding="utf-8")
    (folder / "plan" / "segments.yaml").write_text("segments:\n  looking: did('Product Viewed', within='1x')\n", encoding="utf-8")
    (folder / "plan" / "campaigns" / "look.yaml").write_bytes(b"on: enters looking\nsteps: [{send: \xff}]\n")


def test_lint_prints_all_findings_on_standard_output_and_ends_with_1(folder: Path) -> None:
    spoil(folder)
    done = beckon("lint", "plan", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    places = [line.split(": ", 1)[0] for line in done.stdout.splitlines()]
    assert places == ["plan/campaigns/look.yaml:2:1", "plan/plan.yaml:2:11", "plan/segments.yaml:2:41"]
    found = json.loads(beckon("lint", "plan", "--json", cwd=folder).stdout)["findings"]
    assert [f"{each['file']}:{each['line']}:{each['column']}: {each['text']}" for each in found] == done.stdout.splitlines()


CASES = """\
cases:
  whoever looks is looking:
    given: [{at: +0s, event: Product Viewed}]
    after: +1h-1ms
    then: {members: [looking]}
  whoever orders has looked:
    title: A view too many
    given: [{at: +0s, event: Order Completed}]
    after: +1h
    then: {members: [buyers, looking]}
"""


def write_cases(folder: Path, text: str) -> None:
    (folder / "plan" / "cases").mkdir(exist_ok=True)
    (folder / "plan" / "cases" / "views.yaml").write_text(text, encoding="utf-8")


def test_the_cases_of_a_plan_pass_or_fail(folder: Path) -> None:
    write_cases(folder, CASES)
    done = beckon("test", "plan", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("plan/cases/views.yaml\n  ✓ whoever looks is looking\n  ✗ A view too many\n\n✗ A view too many\n")
    assert re.search(r"\n\n2 cases: 1 failed, 1 passed in [0-9.]+ s\nin no case: campaigns look\n$", done.stdout)
    for name in ("looks", "LOOKING", "whoever l"):
        some = beckon("test", "plan", "-k", name, cwd=folder)
        assert (some.returncode, some.stderr) == (0, "")
        assert some.stdout.startswith("plan/cases/views.yaml\n  ✓ whoever looks is looking\n\n1 case: 1 passed in ")
    assert beckon("test", "plan", "-k", "too many", cwd=folder).returncode == 1
    assert beckon("test", "plan", "-k", "views.yaml", cwd=folder).stdout.splitlines()[1:3] == done.stdout.splitlines()[1:3]


def test_the_cases_of_a_plan_as_json(folder: Path) -> None:
    write_cases(folder, CASES)
    done = beckon("test", "plan", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    passed, failed = told.pop("cases")
    assert told.pop("seconds") >= 0
    assert told == {"plan": "plan", "passed": 1, "failed": 1, "not_run": 0, "untested": {"segments": [], "campaigns": ["look"]}}
    assert (passed["file"], passed["line"], passed["name"], passed["title"], passed["passed"], passed["failures"]) == (
        *("plan/cases/views.yaml", 2, "whoever looks is looking", "", True, []),
    )
    [failure] = failed["failures"]
    assert (failure["line"], failure["after"], failure["person"], failure["what"]) == (10, "+1h", "person", "members")
    assert (failure["expected"], failure["actual"], failure["missing"], failure["extra"]) == (
        *(["buyers", "looking"], ["buyers"], ["looking"], []),
    )
    assert failure["why"] == [
        {
            "text": "looking: never entered",
            "rule": "did('Product Viewed', within='1h') and not did('Order Completed', within='1h')",
            "values": {"did('Product Viewed', within='1h')": False, "did('Order Completed', within='1h')": False},
        }
    ]


def test_findings_of_cases_end_lint_and_test_alike(folder: Path) -> None:
    write_cases(folder, CASES.replace("[looking]", "[lookin]"))
    expected = "plan/cases/views.yaml:5:22: a segment must be one of segments.yaml; got 'lookin'; did you mean 'looking'?\n"
    for command in ("lint", "test"):
        done = beckon(command, "plan", cwd=folder)
        assert (done.returncode, done.stdout, done.stderr) == (1, expected, "")
        assert [each["line"] for each in json.loads(beckon(command, "plan", "--json", cwd=folder).stdout)["findings"]] == [5]
    spoil(folder)
    files = dict.fromkeys(line.split(":")[0] for line in beckon("test", "plan", cwd=folder).stdout.splitlines())
    assert list(files) == ["plan/campaigns/look.yaml", "plan/cases/views.yaml", "plan/plan.yaml", "plan/segments.yaml"]


@pytest.mark.parametrize("command", ["run", "replay"])
def test_nothing_is_applied_by_a_plan_whose_cases_are_broken(folder: Path, command: str) -> None:
    write_cases(folder, "cases: []")
    done = beckon(command, *PLAN, "--input", "events.jsonl", "--output", "out", cwd=folder)
    findings = beckon("lint", "plan", cwd=folder).stdout
    assert findings.startswith("plan/cases/views.yaml:1:8: ")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{findings}beckon: the plan has 1 finding; nothing was read\n")
    assert not (folder / "out").exists()


def test_broken_cases_keep_nobody_from_a_look_at_the_state(folder: Path) -> None:
    assert beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder).returncode == 0
    write_cases(folder, "cases: []")
    looks = (("plan", "status"), ("audit",), ("profile", "show", "p0"), ("explain", "p0", "buyers"))
    assert [beckon(*look, *PLAN, cwd=folder).returncode for look in looks] == [0, 0, 0, 0]


def test_lint_counts_the_cases(folder: Path) -> None:
    write_cases(folder, CASES)
    assert beckon("lint", "plan", cwd=folder).stdout == "plan: no findings in 2 segments, 1 campaign and 2 cases\n"


def test_no_cases_and_none_of_that_name(folder: Path) -> None:
    none = beckon("test", "plan", cwd=folder)
    assert (none.returncode, none.stdout, none.stderr) == (0, "plan: there are no cases; write some as plan/cases/<name>.yaml\n", "")
    assert json.loads(beckon("test", "plan", "--json", cwd=folder).stdout)["cases"] == []
    write_cases(folder, CASES)
    done = beckon("test", "plan", "-k", "cart", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "beckon: -k must be part of the name, title or file name of a case; got 'cart', which is in none of 2\n"


def test_a_run_of_a_broken_plan_shows_all_findings_and_reads_nothing(folder: Path) -> None:
    spoil(folder)
    done = beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "beckon: the plan has 3 findings; nothing was read"
    assert len(done.stderr.splitlines()) == 4
    assert not (folder / "out").exists()


def test_profile_shows_a_person(folder: Path) -> None:
    assert beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder).returncode == 0
    shown = beckon("profile", "show", "p1", *PLAN, "--events", "2", cwd=folder)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("p1  partition 0, 13 events")
    assert "p1@example.com" in shown.stdout
    found = json.loads(beckon("profile", "show", "p1", *PLAN, "--events", "2", "--json", cwd=folder).stdout)
    assert (found["person"], found["partition"], found["events"]) == ("p1", 0, 13)
    assert found["traits"]["email"] == {"value": "p1@example.com", "time": "2026-01-01T00:00:01.000Z"}
    # The order at half past ten ended `looking`; the view at half past eleven is within the hour after it.
    assert found["segments"] == [
        {"segment": "buyers", "since": "2026-01-01T02:30:00.000Z", "values": {"did('Order Completed')": True}},
        {
            "segment": "looking",
            "since": "2026-01-01T11:30:00.000Z",
            "values": {"did('Product Viewed', within='1h')": True, "did('Order Completed', within='1h')": False},
        },
    ]
    assert [(each["name"], each["time"]) for each in found["recent"]] == [
        ("Product Viewed", "2026-01-01T11:30:00.000Z"),
        ("Order Completed", "2026-01-01T10:30:00.000Z"),
    ]


def test_profile_without_the_plan_gives_no_values(folder: Path) -> None:
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    found = json.loads(beckon("profile", "show", "p1", "--json", cwd=folder).stdout)
    assert [(each["segment"], each["values"]) for each in found["segments"]] == [("buyers", {}), ("looking", {})]


def change(folder: Path) -> None:
    """Another plan: one segment less, another one more."""
    segments = "segments:\n  buyers: did('Order Completed')\n  fans: count('Product Viewed', within='7d') >= 3\n"
    (folder / "plan" / "segments.yaml").write_text(segments, encoding="utf-8")
    (folder / "plan" / "campaigns" / "look.yaml").unlink()


def test_profile_of_a_person_whom_a_changed_plan_has_not_reached_is_as_the_plan_makes_it(folder: Path) -> None:
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    before = json.loads(beckon("profile", "show", "p1", "--json", cwd=folder).stdout)["segments"]
    change(folder)
    lane = Lane(open_plan(folder / "plan"), open_store(folder / "out" / "state" / "lane-0"), FilesPublisher(folder / "out"))
    lane.apply(Batch(0, 0, [], wall_ms=0))
    lane.close()
    assert json.loads(beckon("profile", "show", "p1", "--json", cwd=folder).stdout)["segments"] == before
    ahead = json.loads(beckon("profile", "show", "p1", *PLAN, "--json", cwd=folder).stdout)["segments"]
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    after = json.loads(beckon("profile", "show", "p1", *PLAN, "--json", cwd=folder).stdout)["segments"]
    assert [(each["segment"], len(each["values"])) for each in after] == [("buyers", 1), ("fans", 1)]
    assert [each["segment"] for each in ahead] == ["buyers", "fans"]


def test_plan_status_says_what_a_changed_plan_brings_and_has_brought(folder: Path) -> None:
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    status = ("plan", "status", *PLAN, "--state", "out/state")
    assert json.loads(beckon(*status, "--json", cwd=folder).stdout)["change"] is None
    change(folder)
    done = beckon(*status, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"a start would bring\n  fans     new *\n  looking  gone *\n  1 slot would be filled for 3 persons from the hist", done.stdout
    )
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    told = json.loads(beckon(*status, "--json", cwd=folder).stdout)
    assert (told["filling"], told["filled"], told["to_fill"], told["change"]) == (False, 3, 0, None)
    assert [(each["segment"], each["state"], each["complete_since"]) for each in told["segments"]] == [
        ("buyers", "live", None),
        ("fans", "live", "2026-01-01T11:30:00.001Z"),
    ]
    assert re.search(r"^Lane 0  version .*, 3 persons$", beckon(*status, "--lanes", cwd=folder).stdout, re.MULTILINE)


def test_profile_of_nobody_and_with_another_plan(folder: Path) -> None:
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    nobody = beckon("profile", "show", "nobody", cwd=folder)
    assert (nobody.returncode, nobody.stdout) == (3, "")
    assert "no such person" in nobody.stderr
    plan_folder(folder / "other", "other")
    other = beckon("profile", "show", "p1", "--plan", "other", cwd=folder)
    assert (other.returncode, other.stdout) == (2, "")
    assert "was made with the plan tiny" in other.stderr


def test_profile_under_a_newer_plan_is_as_that_will_make_it(folder: Path) -> None:
    beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder)
    with (folder / "plan" / "segments.yaml").open("a", encoding="utf-8") as file:
        file.write("  often: count('Product Viewed') >= 8\n")
    found = json.loads(beckon("profile", "show", "p1", *PLAN, "--json", cwd=folder).stdout)
    assert [(each["segment"], each["since"]) for each in found["segments"]] == [
        ("buyers", "2026-01-01T02:30:00.000Z"),
        ("looking", "2026-01-01T11:30:00.000Z"),
        ("often", found["at"]),
    ]


def test_schema_is_a_json_schema(tmp_path: Path) -> None:
    document = json.loads(beckon("schema", cwd=tmp_path).stdout)
    assert document["$schema"].startswith("https://json-schema.org/")
    assert "segments.yaml" in document["properties"]


def test_version(tmp_path: Path) -> None:
    assert beckon("--version", cwd=tmp_path).stdout.startswith("beckon 0.")


def test_the_environment_gives_what_options_do_not(folder: Path) -> None:
    done = beckon("run", "--input", "events.jsonl", cwd=folder, BECKON_PLAN="plan", BECKON_OUTPUT="there", BECKON_KAFKA="unused:9092")
    assert done.returncode == 0, done.stderr
    assert (folder / "there" / "state" / "lane-0").is_dir()


def test_a_wrong_setting_is_named_and_its_value_is_not(folder: Path) -> None:
    done = beckon("run", *PLAN, "--input", "events.jsonl", cwd=folder, BECKON_KAFKA_SASL_MECHANISM="hunter2", BECKON_METRICS_PORT="x")
    assert done.returncode == 2
    assert "BECKON_KAFKA_SASL_MECHANISM" in done.stderr
    assert "BECKON_METRICS_PORT" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_login_without_its_password_is_refused_before_a_broker_is_asked(folder: Path) -> None:
    done = beckon("run", *PLAN, "--kafka", "b:9092", cwd=folder, BECKON_KAFKA_SASL_MECHANISM="PLAIN", BECKON_KAFKA_SASL_USERNAME="u")
    assert done.returncode == 2
    assert "password" in done.stderr


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys, flows.cli; sys.exit(any(name in sys.modules for name in ('bytewax', 'rocksdict', 'confluent_kafka', 'ruamel.yaml')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment(), check=False).returncode == 0


def test_logs_are_json_lines_where_stderr_is_no_terminal(folder: Path) -> None:
    done = beckon("run", *PLAN, "--input", "events.jsonl", "--metrics-port", "0", cwd=folder)
    first, last = done.stderr.splitlines()
    assert json.loads(first)["event"] == "metrics are served"
    assert last.startswith("beckon: ")
    quiet = beckon("run", *PLAN, "--input", "events.jsonl", "--metrics-port", "0", cwd=folder, BECKON_LOG_LEVEL="error")
    assert quiet.stderr.startswith("beckon: ")


def test_partitions_are_read_as_they_are_written() -> None:
    assert numbers("0-2, 5,5") == [0, 1, 2, 5]
    with pytest.raises(UsageError):
        numbers("1;2")


def test_a_bug_shows_its_traceback_without_the_values_of_variables(folder: Path) -> None:
    program = (
        "import sys, flows.plan_folder, flows.cli\n"
        "def broken(folder):\n    address = 'anna' + '@example.com'\n    raise ZeroDivisionError('a bug')\n"
        "flows.plan_folder.open_tested_plan = broken\nsys.argv = ['beckon', 'lint', 'plan']\nflows.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("ZeroDivisionError: a bug\n")
    assert "anna@example.com" not in done.stderr
