"""A corpus of records that cannot be used: each is a reject with its reason, nothing stops, and the good records between them apply.

`poison/records.jsonl` has a record a line: `what` it is, the `reason` of its reject, and the record as a text (`record`), as bytes
(`base64`), or as `parts`, pairs of a text and how often it stands there. `poison/tracking.yaml` is the tracking plan.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from operators.decode import decode
from operators.emit import Emit
from operators.identify import blocked_by, carried
from operators.lane.moves import BLOCKED
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from operators.tracking.keep import Tracking
from schemas.event import Event
from schemas.output import REJECT_REASONS, Reject
from tests.command import beckon, lines
from tests.harness import Run, run_engine

FOLDER = Path(__file__).resolve().parent / "poison"


class Poison(NamedTuple):
    """One record of the corpus."""

    what: str
    reason: str
    raw: bytes


def bytes_of(line: dict[str, Any]) -> bytes:
    if "base64" in line:
        return b64decode(line["base64"])
    return "".join(text * times for text, times in line.get("parts") or [(line["record"], 1)]).encode()


def read_corpus() -> list[Poison]:
    found = map(json.loads, (FOLDER / "records.jsonl").read_text(encoding="utf-8").splitlines())
    return [Poison(f"{line['reason']}: {line['what']}", line["reason"], bytes_of(line)) for line in found]


CORPUS = read_corpus()
FILES = {
    "plan.yaml": "name: poisoned\n",
    "segments.yaml": "segments:\n  good: count('Good') >= 3\n",
    "tracking.yaml": (FOLDER / "tracking.yaml").read_text(encoding="utf-8"),
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan(FILES)


def good(number: int) -> bytes:
    """A good record; each person has three."""
    event = {
        "type": "track",
        "event": "Good",
        "userId": f"good-{number // 3}",
        "messageId": f"g{number}",
        "timestamp": "2026-01-05T00:00:00Z",
    }
    return json.dumps(event).encode()


def test_the_corpus_is_large_and_has_each_reason_often() -> None:
    assert len(CORPUS) >= 300
    assert len({poison.what for poison in CORPUS}) == len({poison.raw for poison in CORPUS}) == len(CORPUS)
    often = Counter(poison.reason for poison in CORPUS)
    assert set(often) == set(REJECT_REASONS)
    assert min(often.values()) >= 10


@pytest.mark.parametrize("poison", CORPUS, ids=lambda poison: poison.what)
def test_each_is_a_reject_with_its_reason(plan: Plan, poison: Poison) -> None:
    assert plan.tracking is not None
    found = decode(poison.raw)
    if isinstance(found, Event):
        found = Tracking(plan.tracking).keep(found, poison.raw, Emit("poisoned", 1))
    if isinstance(found, Event) and not carried(found, blocked_by()):
        found = BLOCKED
    assert isinstance(found, Reject), found
    assert (poison.reason, poison.what) == (found.reason, poison.what)
    assert 0 < len(found.detail) < 500
    assert found.detail.isprintable()


def mixed(corpus: list[Poison]) -> list[bytes]:
    """The corpus with a good record behind each."""
    return [raw for number, poison in enumerate(corpus) for raw in (poison.raw, good(number))]


def assert_whole(run: Run, corpus: list[Poison]) -> None:
    assert [(2 * number, poison.reason) for number, poison in enumerate(corpus)] == run.rejects
    assert {f"good-{number}" for number in range(len(corpus) // 3)} == {line[1] for line in run.transitions}
    assert run.counts["events"] == len(corpus)


@pytest.mark.parametrize("batches", [1000, [7, 1, 50]], ids=str)
def test_the_flow_goes_on_and_the_good_ones_between_apply(plan: Plan, tmp_path: Path, batches: list[int] | int) -> None:
    # A blank record is none.
    corpus = [poison for poison in CORPUS if poison.raw.strip()]
    assert corpus == CORPUS
    in_memory = run_engine(plan, mixed(corpus), batches=batches)
    on_disk = run_engine(plan, mixed(corpus), batches=batches, directory=tmp_path / "state", reopen={1, 3}, rewind=2)
    assert_whole(in_memory, corpus)
    assert_whole(on_disk, corpus)
    assert in_memory.published == on_disk.published


def test_a_file_of_them_is_run_to_its_end(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / "plan").mkdir(exist_ok=True)
        (tmp_path / "plan" / name).write_text(text, encoding="utf-8")
    # In a file a line break ends the record, and a mark or a line ending at an end of a line is none of it.
    corpus = [poison for poison in CORPUS if b"\n" not in poison.raw and not poison.raw.startswith(b"\xef\xbb\xbf")]
    (tmp_path / "in.jsonl").write_bytes(b"".join(raw + b"\n" for raw in mixed(corpus)))
    done = beckon("run", "--plan", "plan", "--input", "in.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["events"], told["rejects"]) == (len(corpus), dict(sorted(Counter(poison.reason for poison in corpus).items())))
    rejects = [json.loads(line)["data"] for line in lines(tmp_path / "out", "rejects")]
    assert [poison.reason for poison in corpus] == [reject["reason"] for reject in rejects]
    assert [2 * number for number in range(len(corpus))] == [reject["source"]["offset"] for reject in rejects]
    assert len(lines(tmp_path / "out", "transitions")) == len(corpus) // 3
