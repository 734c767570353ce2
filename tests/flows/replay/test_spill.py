"""The spill: each output once, in its file and in the index, also after what a crash left behind is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.replay.happenings import stories
from flows.replay.spill import Lines, Spill
from operators.emit import Emit
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Row
from schemas.errors import UnavailableError
from schemas.output import Reject


def rows() -> list[Row]:
    """Three batches: anna enters; she gets a trigger and a record is rejected; she leaves and one mail is held back."""
    emit = Emit("test", 1)
    emit.transition(emit.occasion("anna", 5_000, None), "keen", "v1", entered=True, why={})
    rows = [Row(1, emit.outputs)]
    emit.outputs = []
    emit.trigger("anna", "mail", "t1", 5_000, {"step": 0})
    emit.reject(Reject("no_id", ""), b"{}", 0, 3, None)
    rows.append(Row(2, emit.outputs))
    emit.outputs = []
    emit.transition(emit.occasion("anna", 9_000, None), "keen", "v1", entered=False, why={})
    emit.decision("anna", "mail", "t2", 9_000, "cap", {"step": 0})
    return [*rows, Row(4, emit.outputs)]


def spilled(store: MemoryStore, lines: Lines | None, published: int = 0, from_ms: int | None = None) -> dict[str, int]:
    """All rows are put; gives the sizes of the files."""
    spill = Spill(store, lines, from_ms=from_ms, published=published)
    for row in rows():
        spill.put(row, 0)
    assert spill.published == rows()[-1].last
    sizes = {} if lines is None else lines.sizes()
    spill.close()
    return sizes


def told(store: MemoryStore) -> list[tuple[int, int, str, str]]:
    return [(each.t, each.kind, each.of, each.reason) for story in stories({0: store}) for each in story.happenings]


STORY = [(5_000, 1, "keen", ""), (5_000, 2, "mail", ""), (9_000, 0, "keen", ""), (9_000, 3, "mail", "cap")]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.stat().st_size}


def test_every_output_is_in_its_file_and_in_the_index(tmp_path: Path) -> None:
    store = MemoryStore()
    sizes = spilled(store, Lines(tmp_path, {}))
    outputs = [output for row in rows() for output in row.outputs]
    names = ("transitions", "triggers", "decisions", "rejects")
    expected = {f"{name}.jsonl": b"".join(o.value + b"\n" for o in outputs if o.stream == n) for n, name in enumerate(names)}
    assert files(tmp_path) == expected
    assert {name: size for name, size in sizes.items() if size} == {name: len(content) for name, content in expected.items()}
    assert told(store) == STORY
    [story] = stories({0: store})
    for each, name in zip(story.happenings, ("transitions", "triggers", "transitions", "decisions"), strict=True):
        assert expected[f"{name}.jsonl"][each.at :].split(b"\n")[0] == expected[f"{name}.jsonl"][each.at : each.at + each.size]


def test_what_is_earlier_than_the_span_has_files_of_its_own_and_rejects_have_no_time(tmp_path: Path) -> None:
    spilled(MemoryStore(), Lines(tmp_path, {}), from_ms=9_000)
    assert files(tmp_path).keys() == {
        "earlier-transitions.jsonl",
        "earlier-triggers.jsonl",
        "transitions.jsonl",
        "decisions.jsonl",
        "rejects.jsonl",
    }


def test_without_lines_there_is_the_index_alone() -> None:
    store = MemoryStore()
    spilled(store, None)
    assert told(store) == STORY


def test_what_a_crash_left_is_cut_off_and_comes_again_as_it_was(tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    spilled(MemoryStore(), Lines(whole, {}))
    lines = Lines(halved, {})
    first = Spill(MemoryStore(), lines, from_ms=None)
    first.put(rows()[0], 0)
    sizes = lines.sizes()
    first.put(rows()[1], 0)
    first.close()
    with (halved / "triggers.jsonl").open("ab") as torn:
        torn.write(b'{"specv')
    spilled(MemoryStore(), Lines(halved, sizes), published=1)
    assert files(halved) == files(whole)


def test_a_file_that_lacks_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"transitions\.jsonl lacks lines"):
        Lines(tmp_path, {"transitions.jsonl": 10})
