"""The README does what it says: its blocks run as they stand, its tables are those of the code, and what it names is there.

How a fenced block is tested goes by its language:

| block | test |
|---|---|
| sh | run by bash, in order, in one folder, with the real `beckon`; those of `make`, `apt` and the like only name what is there |
| text | what the sh block before it in its section prints: `...` stands for anything in a line, alone for any lines; durations may differ |
| json | a record that the sh blocks have put out, however it is broken into lines |
| yaml | a file of a plan, named in its first line, without findings |
| python | run beside the job of its section, on a real broker |
| html, js | what stands in pages of a site: `tests/browser` has such |

`.venv/bin/python -m tests.test_readme` writes the tables between markers (`<!-- name -->` to `<!-- /name -->`) anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from flows.cli import app
from flows.collect.metrics import COLLECT_METRICS
from flows.meters import Metric
from flows.metrics import METRICS
from flows.settings import PREFIX, Settings
from flows.verify.verdict import REASONS
from operators.language.calls import CALLS
from operators.language.calls.events import FILTERS
from operators.language.nodes import CallRow, Parameter
from schemas.forms import FIELD_KINDS, KEYS_OF
from schemas.output import DECISION_REASONS, REJECT_REASONS
from schemas.plan import BREACH_ACTIONS, CLEAN_KINDS, CLEANED_TRAITS
from tests.command import ROOT, WAIT_S, beckon, ended, environment, lines, outputs, until
from tests.kafka_broker import Broker, free_ports

README = ROOT / "README.md"
BROKER = "localhost:9092"
SETUP = ("make ", "sudo apt ", ". .venv/")
"""How the lines of a block begin that sets up the machine or the checkout: such blocks are not run."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `line` is that of its fence in the README."""

    section: str
    language: str
    text: str
    line: int


def blocks(*languages: str) -> list[Block]:
    """The blocks in these languages, in order."""
    found, section = [], ""
    text = README.read_text(encoding="utf-8")
    for match in re.finditer(r"^## (?P<section>[^\n]+)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$", text, re.MULTILINE | re.DOTALL):
        section = match["section"] or section
        if match["language"] in languages:
            found.append(Block(section, match["language"], match["text"], text.count("\n", 0, match.start()) + 1))
    return found


def is_setup(block: Block) -> bool:
    """True for a block that is not run."""
    return all(line.startswith(SETUP) for line in block.text.splitlines())


def code() -> Iterator[str]:
    """All that stands in code: blocks, and spans between backquotes."""
    yield from (block.text for block in blocks("sh", "text", "python", "yaml"))
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL))


# --- the tables -----------------------------------------------------------------------------------------------------------------------


def table(*rows: tuple[str, ...]) -> str:
    """A table of Markdown; the first row is its head."""
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def calls_table() -> str:
    """The calls of the language."""
    rows = [
        (f"`{form(row)}`", GIVES.get(row.gives, str(row.gives)), row.doc, f"`{row.example}`", row.boundaries, row.state)
        for row in CALLS.values()
    ]
    return table(("call", "gives", "meaning", "as in", "may change with time at", "keeps of a person"), *rows)


GIVES = {None: "what its arguments give", "any": "any value"}
WRITTEN = {
    "events": "E",
    "property": "'property'",
    "segment": "'id'",
    "text": "'name'",
    "topic": "'topic'",
    "computed": "'name'",
    "item": "expression",
    "steps": "E, E, ...",
    "values": "a, b, ...",
}
"""How an argument is written in the table, by the kind of its parameter; others by its name."""


def form(row: CallRow) -> str:
    """A call as it is written, the parameters of all calls over events as `...`."""
    if row.bare:
        return row.name
    named: tuple[Parameter, ...] = tuple(p for p in row.parameters if p.keyword)
    written = [WRITTEN.get(p.kind, p.name) for p in row.parameters if not p.keyword]
    written += ["..."] if named == FILTERS else [f"{p.name}=" for p in named]
    return f"{row.name}({', '.join(written)})"


def settings_table() -> str:
    """The settings of the environment; those that stand for an option in one row."""
    fields = Settings.model_fields
    options = [name for name, field in fields.items() if (field.description or "").startswith("--")]
    rows = [(variable(name), described(name)) for name in fields if name not in options]
    return table(("variable", "what"), (", ".join(map(variable, options)), "the options of these names"), *rows)


def variable(name: str) -> str:
    return f"`{PREFIX}{name.upper()}`"


def described(name: str) -> str:
    """What a setting is, with the values it can have where they are few."""
    field = Settings.model_fields[name]
    values = [value for kind in (field.annotation, *get_args(field.annotation)) for value in get_args(kind) if isinstance(value, str)]
    return (field.description or "") + (f" ({', '.join(f'`{value}`' for value in dict.fromkeys(values))})" if values else "")


def metrics_table(metrics: Mapping[Any, Metric]) -> str:
    """The metrics, by what they are and the labels they have."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, metric in metrics.items():
        groups.setdefault((metric.kind, metric.labels), []).append(f"`{name}{'_total' if metric.kind == 'counter' else ''}`")
    rows = [(kind, ", ".join(f"`{label}`" for label in labels), ", ".join(names)) for (kind, labels), names in groups.items()]
    return table(("kind", "labels", "metrics"), *rows)


def fields_table() -> str:
    """The kinds of fields of forms."""
    rows = (
        (f"`{kind}`", text, ", ".join(f"`{key}`" for key, kinds in KEYS_OF.items() if kind in kinds)) for kind, text in FIELD_KINDS.items()
    )
    return table(("kind", "asks for", "further keys"), *rows)


def reasons_table(reasons: Mapping[Any, str]) -> str:
    """The reasons of a closed list, in its order."""
    return table(("reason", "meaning"), *((f"`{reason}`", meaning) for reason, meaning in reasons.items()))


def kinds_table() -> str:
    """What traits are cleaned as."""
    rows = (
        (f"`{kind}`", form, ", ".join(f"`{name}`" for name, of in CLEANED_TRAITS.items() if of == kind))
        for kind, form in CLEAN_KINDS.items()
    )
    return table(("kind", "form", "traits"), *rows)


def verdicts_table() -> str:
    """Why mail arrives at an address, or does not."""
    return table(("status", "reason", "meaning"), *((f"`{status}`", f"`{reason}`", text) for reason, (status, text) in REASONS.items()))


def breaches_table() -> str:
    """What can become of an event that breaks the tracking plan."""
    return table(("outcome", "what it does"), *((f"`{action}`", meaning) for action, meaning in BREACH_ACTIONS.items()))


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "metrics": lambda: metrics_table(METRICS),
    "collect-metrics": lambda: metrics_table(COLLECT_METRICS),
    "fields": fields_table,
    "calls": calls_table,
    "decisions": lambda: reasons_table(DECISION_REASONS),
    "rejects": lambda: reasons_table(REJECT_REASONS),
    "breaches": breaches_table,
    "kinds": kinds_table,
    "verdicts": verdicts_table,
}
"""What stands between the markers of each name."""


def marked(name: str) -> re.Pattern[str]:
    """A table with its markers."""
    return re.compile(rf"(?<=^<!-- {name} -->\n)(.*?)(?=^<!-- /{name} -->$)", re.MULTILINE | re.DOTALL)


def with_tables(text: str) -> str:
    """The README with its tables as they are to be."""
    for name, made in TABLES.items():
        text = marked(name).sub(lambda _, made=made: f"{made()}\n", text)  # type: ignore[misc]  # mypy does not see the default
    return text


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_the_code(name: str) -> None:
    found = marked(name).findall(README.read_text(encoding="utf-8"))
    assert [TABLES[name]()] == [each.strip() for each in found], "run '.venv/bin/python -m tests.test_readme'"


# --- the first plan -------------------------------------------------------------------------------------------------------------------

TRIED = (
    "Five minutes to a first plan",
    "Why somebody is in a segment",
    "Testing a plan",
    "Replays",
    "Audits",
    "Changing a plan",
    "Records that could not be used",
    "Clean data",
    "When sources differ",
    "Whether mail arrives",
    "Persons that are probably one",
    "Rights",
    "Identity",
    "Consent and suppression",
    "Collecting",
)
PORTS = ("8080", "8081")
"""The ports that the page has an edge listen at; in the tests there are free ones in their places."""
ON_KAFKA = "On Kafka"


@dataclass(frozen=True, slots=True)
class Tried:
    """The folder in which the first plan was tried, and what each sh block about it printed, by line."""

    folder: Path
    printed: dict[int, str]


def shell_environment() -> dict[str, str]:
    """With the commands of this interpreter's environment, `beckon` among them, before all others."""
    return environment(PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """The blocks about the first plan, run one after the other."""
    folder, printed = tmp_path_factory.mktemp("readme"), {}
    free = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    for block in blocks("sh"):
        if block.section in TRIED and not is_setup(block):
            done = subprocess.run(
                ["bash", "-euc", replaced(block.text, free)],
                cwd=folder,
                env=shell_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=WAIT_S,
                check=False,
            )
            printed[block.line] = replaced(done.stdout.decode(), {port: name for name, port in free.items()})
            assert done.returncode == 0, (block, printed[block.line])
    return Tried(folder, printed)


def replaced(text: str, names: Mapping[str, str]) -> str:
    """The text with other names in the places of these."""
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def test_the_first_plan_prints_what_the_page_says(tried: Tried) -> None:
    shown, last = dict.fromkeys(tried.printed, ""), 0
    for block in blocks("sh", "text"):
        if block.section in TRIED and block.language == "sh":
            last = block.line
        elif block.section in TRIED:
            shown[last] = block.text
    for line, expected in shown.items():
        assert matches(expected, tried.printed[line]), f"line {line} prints\n{tried.printed[line]}"


def matches(expected: str, got: str) -> bool:
    """Whether an output is what a text block says.

    >>> matches("a ... 1\\n...\\nin 0.1 s (5/s)\\n", "a bc 1\\nd\\ne\\nin 2.0 s (9,000/s)\\n")
    True
    """
    pattern = ""
    for line in plain(expected).splitlines():
        pattern += r"(.*\n)*?" if line.strip() == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
    return re.fullmatch(pattern, plain(got)) is not None


def plain(text: str) -> str:
    """Without what differs from run to run, and without blanks at the ends of lines."""
    text = re.sub(r"in [0-9.,]+ s \([0-9,]+/s\)", "in T s (N/s)", text)
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def test_a_record_on_the_page_is_one_that_comes_out(tried: Tried) -> None:
    came = [json.loads(line) for stream in outputs(tried.folder / "out").values() for line in stream]
    shown = [json.loads(block.text) for block in blocks("json")]
    assert shown != []
    assert [record for record in shown if record not in came] == [], came


def test_the_plan_files_on_the_page_have_no_findings(tried: Tried, tmp_path: Path) -> None:
    shown = {block.text.splitlines()[0].removeprefix("# "): block.text for block in blocks("yaml")}
    assert shown != {}
    for plan in {name.split("/")[0] for name in shown}:
        files = {f"{plan}/plan.yaml": "name: some\n", f"{plan}/segments.yaml": "segments: {}\n"}
        files |= {str(path.relative_to(tried.folder)): path.read_text(encoding="utf-8") for path in tried.folder.glob(f"{plan}/**/*.yaml")}
        for path, content in (files | {name: text for name, text in shown.items() if name.startswith(f"{plan}/")}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content, encoding="utf-8")
        done = beckon("lint", plan, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_job_on_kafka_gives_the_same_trigger(tried: Tried, broker: Broker) -> None:
    (job,) = [block.text.strip() for block in blocks("sh") if block.section == ON_KAFKA]
    (program,) = [block.text for block in blocks("python") if block.section == ON_KAFKA]
    command = re.sub(r"--metrics-port \d+", "--metrics-port 0", job.replace(BROKER, broker.address))
    pipe = subprocess.PIPE
    running = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=tried.folder, env=shell_environment(), stdout=pipe, stderr=pipe)
    try:
        until((tried.folder / "beckon-state" / "lane-3").exists, running)
        got = subprocess.run(
            [sys.executable, "-c", program.replace(BROKER, broker.address)],
            cwd=tried.folder,
            capture_output=True,
            timeout=2 * WAIT_S,
            check=False,
        )
        assert got.returncode == 0, got.stderr.decode()
    finally:
        running.terminate()
        done = ended(running)
    assert done.returncode == 0, done.stderr
    assert [unnumbered(line) for line in lines(tried.folder / "out", "triggers")] == [unnumbered(got.stdout)]


def unnumbered(line: bytes) -> dict[str, Any]:
    """A record without its `sequence`, which is of its lane."""
    record: dict[str, Any] = json.loads(line)
    return {name: value for name, value in record.items() if name != "sequence"}


# --- what is named --------------------------------------------------------------------------------------------------------------------


def test_every_target_on_the_page_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for text in code() for target in re.findall(r"(?:^|&& )make ([a-z-]+)", text, re.MULTILINE)}
    assert {"demo", "test"} <= named
    assert set() == named - targets


def test_every_command_and_option_on_the_page_is_there() -> None:
    commands, options = known(typer.main.get_command(app))
    text = "\n".join(code())
    assert set() == set(re.findall(r"^(?:\$ )?beckon ([a-z]+)", text, re.MULTILINE)) - commands
    assert set() == set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)) - options - {"--help", "--retry", "--retry-connrefused"}


def known(command: object) -> tuple[set[str], set[str]]:
    """The words of all commands under one, and all their options."""
    words: set[str] = set()
    options = {option for parameter in getattr(command, "params", []) for option in (*parameter.opts, *parameter.secondary_opts)}
    for name, inner in getattr(command, "commands", {}).items():
        more, others = known(inner)
        words |= {name} | more
        options |= others
    return words, options


def test_a_block_is_of_a_kind_that_is_tested() -> None:
    fences = re.findall(r"^```(\w*)", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences) == {"", "sh", "text", "json", "yaml", "python", "html", "js"}
    strays = [block for block in blocks("sh") if not is_setup(block) and block.section not in (*TRIED, ON_KAFKA)]
    assert strays == []


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
