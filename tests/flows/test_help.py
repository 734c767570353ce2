"""Every command has help with an example, and every example works as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from flows.cli import app
from tests.command import CACHE, SHOP, WAIT_S, beckon, environment, words, write_lines
from tests.kafka_broker import Broker

BROKER = "localhost:9092"
"""What stands in examples for a broker."""

EVENTS: list[dict[str, Any]] = [
    {
        "type": "identify",
        "messageId": "1",
        "userId": "anna",
        "timestamp": "2024-01-01T10:00:00Z",
        "traits": {"email": "anna@example.com"},
    },
    {"type": "track", "messageId": "2", "userId": "anna", "event": "Product Viewed", "timestamp": "2024-01-01T10:01:00Z"},
    {"type": "track", "messageId": "3", "event": "Product Viewed", "timestamp": "2024-01-01T10:02:00Z"},
    *(
        {
            "type": "identify",
            "messageId": f"of-{person}",
            "userId": person,
            "timestamp": "2024-01-01T10:03:00Z",
            "traits": {"name": "Anna Berg", "birthday": "1985-03-02"},
        }
        for person in ("anna", "anna-2")
    ),
]


WITHOUT_END = {"collect"}
"""Commands that go on until they are stopped."""


def commands() -> list[tuple[str, ...]]:
    """Every command that does something, by its words."""

    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if not inner:
            yield path
            return
        for name, each in inner.items():
            yield from walk(each, (*path, name))

    return list(walk(typer.main.get_command(app), ()))


def examples(command: tuple[str, ...], cwd: Path) -> list[str]:
    """The examples in the help of a command."""
    done = beckon(*command, "--help", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return re.findall(r"^ *\$ (beckon .+?) *$", done.stdout, re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What an example finds where it is tried: the example plan, some events, and the state of a run over them."""
    shutil.copytree(SHOP, tmp_path / "deploy" / "shop")
    for folder in ("imports", "crm"):
        shutil.copytree(SHOP.parent / folder, tmp_path / "deploy" / folder)
    with (tmp_path / "deploy" / "shop" / "plan.yaml").open("a", encoding="utf-8") as plan:
        plan.write("duplicate_persons: review\n")
    write_lines(tmp_path / "events.jsonl", EVENTS)
    done = beckon("run", "--plan", "deploy/shop", "--input", "events.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = beckon("rejects", "show", "0:2", "--json", cwd=tmp_path)
    line = json.loads(done.stdout)
    line["record"]["userId"] = "anna"
    write_lines(tmp_path / "mended.jsonl", [line])
    return tmp_path


def execute(example: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Runs an example as it stands, in a shell's words."""
    _, *arguments = shlex.split(example)
    env = environment(BECKON_CACHE=os.fspath(CACHE))
    return subprocess.run(words(*arguments), cwd=cwd, env=env, capture_output=True, timeout=WAIT_S, check=False)


def try_out(example: str, cwd: Path) -> None:
    """Runs an example to its end; one that has none until it is up, and then has it stop."""
    if example.split()[1] not in WITHOUT_END:
        done = execute(example, cwd)
        assert done.returncode == 0, (example, done.stderr.decode())
        return
    _, *arguments = shlex.split(example)
    with subprocess.Popen(words(*arguments, "--port", "0"), cwd=cwd, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.terminate()
        rest = process.stderr.read()
    assert (process.returncode, rest) == (0, "beckon: stopped\n"), (example, first, rest)


def test_the_commands_are_these() -> None:
    assert {" ".join(command) for command in commands()} == {
        "run",
        "lint",
        "test",
        "replay",
        "plan status",
        "explain",
        "audit",
        "collect",
        "profile discrepancies",
        "profile show",
        "rejects ls",
        "rejects show",
        "rejects retry",
        "duplicates ls",
        "duplicates show",
        "duplicates accept",
        "duplicates refuse",
        "verify",
        "person export",
        "person erase",
        "import crm",
        "import csv",
        "import ecom",
        "import jsonl",
        "demo",
        "schema",
    }


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_examples_without_a_broker_work(command: tuple[str, ...], checkout: Path) -> None:
    found = examples(command, checkout)
    assert found != []
    for example in found:
        assert example.startswith(f"beckon {' '.join(command)}")
        if BROKER not in example:
            try_out(example, checkout)


def test_examples_with_a_broker_work(checkout: Path, broker: Broker) -> None:
    found = [example for command in commands() for example in examples(command, checkout) if BROKER in example]
    assert found != []
    for example in found:
        try_out(example.replace(BROKER, broker.address), checkout)


def test_the_first_help_names_every_command(tmp_path: Path) -> None:
    names = {command[0] for command in commands()}
    for arguments in ((), ("--help",), ("-h",)):
        said = beckon(*arguments, cwd=tmp_path).stdout
        assert names == {name for name in names if f" {name} " in said}
