"""The scratch folder: one replay's, one process's, and back to its newest whole checkpoint."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from flows.replay.scratch import FORMAT, Manifest, Place, Scratch, Standing, scratch_folder
from schemas.errors import UnavailableError, UsageError

MANIFEST = Manifest(FORMAT, "shop 1", "shop 2", [["events.jsonl", 12]], 0, None, {0: 7})


def test_without_a_path_the_folder_is_gone_afterwards() -> None:
    with scratch_folder(None) as scratch:
        (scratch.folder / "file").write_text("x")
        assert not scratch.kept
    assert not scratch.folder.exists()


def test_a_folder_with_a_path_stays_and_is_one_process_s(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "scratch") as scratch:
        assert scratch.kept
        with pytest.raises(UnavailableError, match="in use by another replay"), scratch_folder(tmp_path / "scratch"):
            pass
    with scratch_folder(tmp_path / "scratch"):
        pass
    assert (tmp_path / "scratch").is_dir()


def test_a_file_is_no_scratch(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="got the file"), scratch_folder(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"plan": "shop 3"}, "another --plan"),
        ({"against": None}, "another --against"),
        ({"log": [["events.jsonl", 13]]}, "another input, or this one has changed"),
        ({"from_ms": 1}, "another --from"),
        ({"to_ms": 1}, "another --to"),
        ({"format": FORMAT + 1}, "another version of Beckon"),
    ],
)
def test_a_folder_is_gone_on_with_by_the_same_replay_only(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    with scratch_folder(tmp_path / "scratch") as scratch:
        assert scratch.manifest(MANIFEST) == MANIFEST
        with pytest.raises(UsageError, match=sentence):
            scratch.manifest(msgspec.structs.replace(MANIFEST, **change))


def test_the_ends_are_those_of_the_beginning(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "scratch") as scratch:
        scratch.manifest(MANIFEST)
        assert scratch.manifest(msgspec.structs.replace(MANIFEST, ends={0: 900})).ends == {0: 7}


def test_a_folder_with_other_things_is_refused_and_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with scratch_folder(tmp_path) as scratch, pytest.raises(UsageError, match="something else"):
        scratch.manifest(MANIFEST)
    assert (tmp_path / "letters").is_dir()


def place(tmp_path: Path) -> Place:
    return Scratch(tmp_path, kept=True).place(0)


def put(place: Place, value: bytes, *, keep: Standing | None = None) -> None:
    """Sets the value in the state, and makes a checkpoint of it where a standing is given."""
    store = place.store("new")
    writes = store.writes()
    writes.put(b"k", value)
    store.write(writes)
    if keep is not None:
        keep.side("new")
        place.checkpoint(keep, {"new": store})
    store.close()


def value(place: Place) -> bytes | None:
    store = place.store("new")
    found = store.get(b"k")
    store.close()
    return found


def test_without_a_checkpoint_all_begins_anew(tmp_path: Path) -> None:
    put(place(tmp_path), b"lost")
    assert place(tmp_path).restore() == Standing()
    assert value(place(tmp_path)) is None


def test_the_newest_checkpoint_is_where_it_goes_on_and_can_be_gone_back_to_again(tmp_path: Path) -> None:
    put(place(tmp_path), b"1", keep=Standing(offset=1))
    put(place(tmp_path), b"2", keep=Standing(offset=2, hint="here"))
    for _ in range(2):
        put(place(tmp_path), b"lost")
        standing = place(tmp_path).restore()
        assert (standing.offset, standing.hint) == (2, "here")
        assert value(place(tmp_path)) == b"2"
    assert len(list((tmp_path / "lane-0").glob("checkpoint-*"))) == 1


def test_a_checkpoint_that_was_not_finished_is_none(tmp_path: Path) -> None:
    put(place(tmp_path), b"1", keep=Standing(offset=1))
    half = tmp_path / "lane-0" / "checkpoint-2.part"
    half.mkdir()
    (half / "standing.json").write_bytes(b'{"offset":2')
    assert place(tmp_path).restore().offset == 1
    assert not half.exists()
    put(place(tmp_path), b"2", keep=Standing(offset=2))
    assert place(tmp_path).restore().offset == 2


def test_of_two_checkpoints_that_a_kill_left_the_newer_one_counts(tmp_path: Path) -> None:
    put(place(tmp_path), b"1", keep=Standing(offset=1))
    before = tmp_path / "lane-0" / "checkpoint-1"
    before.rename(tmp_path / "lane-0" / "aside")
    put(place(tmp_path), b"2", keep=Standing(offset=2))
    (tmp_path / "lane-0" / "checkpoint-1").rename(tmp_path / "lane-0" / "checkpoint-10")
    (tmp_path / "lane-0" / "aside").rename(before)
    assert place(tmp_path).restore().offset == 2
    assert value(place(tmp_path)) == b"2"
