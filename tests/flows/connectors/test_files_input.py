"""Records written into an input of files are read behind all that is there, once, by a job that has read the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.connectors.files_input import add_records, next_name
from flows.connectors.files_source import SUFFIXES, FilesSource
from operators.lane.ports import Batch
from schemas.errors import UnavailableError, UsageError

NAMES = st.lists(st.text("ab.-~0é", min_size=1, max_size=6).map(lambda name: "a" + name + SUFFIXES[0]), max_size=5, unique=True)


@given(NAMES, st.integers(1, 12))
def test_each_new_file_is_read_behind_all_others(names: list[str], times: int) -> None:
    there = list(names)
    for _ in range(times):
        name = next_name(there)
        assert name.endswith(SUFFIXES)
        assert not name.startswith(".")
        assert all(name > other for other in there)
        there.append(name)
    assert max(map(len, there)) <= max(map(len, names), default=0) + 30


def read(path: Path, start: tuple[int, str] = (-1, "")) -> list[Batch]:
    """All batches from behind a place."""
    partition = FilesSource(str(path), start=start).build_part("input", "0", None)
    found = []
    try:
        while True:
            found += partition.next_batch()
    except StopIteration:
        return found
    finally:
        partition.close()


def records(batches: list[Batch]) -> list[bytes]:
    return [raw for batch in batches for _, _, raw in batch.records]


@pytest.mark.parametrize("before", [b"", b"{}\n", b'{}\n{"a":1}\n', b'{}\n{"a":1}'], ids=["empty", "one", "two", "without an end"])
@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_a_job_that_has_read_the_rest_goes_on_with_them(tmp_path: Path, before: bytes, folder: bool) -> None:
    path = tmp_path / "in" / "a.jsonl"
    path.parent.mkdir()
    path.write_bytes(before)
    target = path.parent if folder else path
    first = read(target)
    number = len(records(first))
    where = add_records(target, [b'{"new":1}', b'{"new":2}'])
    assert where == (path.parent / "a.jsonl.retry-000001.jsonl" if folder else path)
    assert records(read(target)) == [*records(first), b'{"new":1}', b'{"new":2}']
    if number and (folder or before.endswith(b"\n")):
        last = first[-1]
        assert records(read(target, (number - 1, last.hint))) == [b'{"new":1}', b'{"new":2}']
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def test_a_second_time_is_a_second_file(tmp_path: Path) -> None:
    assert [add_records(tmp_path, [b"{}"]).name for _ in range(3)] == [f"retry-00000{number}.jsonl" for number in (1, 2, 3)]
    assert [json.loads(raw) for raw in records(read(tmp_path))] == [{}, {}, {}]


@pytest.mark.parametrize("name", ["-", "events.jsonl.gz", "gone.jsonl", "events.txt"])
def test_what_is_no_such_input_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "events.txt").touch()
    (tmp_path / "events.jsonl.gz").touch()
    with pytest.raises(UsageError):
        add_records(Path(name) if name == "-" else tmp_path / name, [b"{}"])


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    (tmp_path / "a.jsonl" / ".retry-000001.jsonl.part").mkdir()
    with pytest.raises(UnavailableError, match="cannot write into the input"):
        add_records(tmp_path / "a.jsonl", [b"{}"])
