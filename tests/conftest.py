"""What all tests share: the real broker, a plan name of their own, and how many examples and kills a run takes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from rocksdict import DBCompressionType

from schemas.output import STREAMS
from tests.kafka_broker import Broker

# `ci` takes the same examples at every run, so a change is judged by what it changes; `long` looks for new ones (make oracle).
# A test that sets `max_examples` itself leaves `long` without effect: say in a profile how many, not at the test.
settings.register_profile("ci", max_examples=500, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("long", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile("ci")

_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of our own."""
    parser.addoption("--kills", type=int, default=25, metavar="N", help="how often the kill loop of tests/crash kills its processes (25)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test that asks for the broker, so that `-m 'not kafka'` is the run without Java."""
    for item in items:
        if isinstance(item, pytest.Function) and "broker" in item.fixturenames:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The real Kafka broker that all tests of a run share; it starts with the first test that asks for it.

    A test that stops or kills it leaves it running again. Topics are told apart by `plan_name`.
    """
    with Broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test alone, not started yet: for tests that keep it away for long or ruin its data."""
    alone = Broker(tmp_path / "kafka")
    yield alone
    alone.stop()


@pytest.fixture
def plan_name(request: pytest.FixtureRequest) -> str:
    """A plan name that no other test of this run has, so that its topics are this test's alone."""
    return new_plan_name(request.node.name)


@pytest.fixture
def topics(broker: Broker, plan_name: str) -> Callable[..., str]:
    """Creates the topics of a plan on the broker: `topics(4)` gives `plan_name`, with 4 partitions of input and of every output.

    `topics(4, "other")` creates those of a plan of that name.
    """

    def create(partitions: int = 1, name: str = plan_name) -> str:
        for stream in ("events", *STREAMS):
            broker.create_topic(f"{name}.{stream}", partitions)
        for compacted in ("progress", "profiles"):
            broker.create_topic(f"{name}.{compacted}", partitions, {"cleanup.policy": "compact"})
        return name

    return create


@pytest.fixture
def uncompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores whose files hold all texts as they are: LZ4 writes what stood there before as a distance."""

    class Plain:
        lz4 = staticmethod(DBCompressionType.none)

    monkeypatch.setattr("operators.lane.rocks.DBCompressionType", Plain)


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often the kill loop kills: `--kills`."""
    return int(request.config.getoption("--kills"))


def new_plan_name(label: str) -> str:
    """A plan name never given before in this run, with `label` in it for the reader of a log."""
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:40]
    return f"{slug}-{next(_numbers)}"
