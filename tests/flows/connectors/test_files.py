"""Files as a log: the contract of logs, and what only files can meet."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.connectors import files_publisher, files_source
from flows.connectors.files_publisher import FilesPublisher
from flows.connectors.files_source import FilesPartition, FilesSource
from operators.lane.ports import Publisher, Row
from schemas.errors import UnavailableError, UsageError
from schemas.event import MAX_RECORD_BYTES
from schemas.output import STREAMS, Output
from tests.flows.connectors.contract import (
    FRESH,
    ClockedLog,
    IdleContract,
    ManualClock,
    OutputLog,
    Partition,
    PublisherContract,
    SourceContract,
    Start,
    assert_one_sentence,
    events,
    expected,
    put_after,
    read,
    sample_rows,
    values,
)

CHECKOUT = Path(__file__).parents[3]


class FileLog(ClockedLog):
    """One file that grows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"
        self.path.touch()

    def append(self, records: list[bytes]) -> None:
        with self.path.open("ab") as file:
            file.writelines(record + b"\n" for record in records)

    def build(self, start: Start = FRESH, *, live: bool = False) -> Partition:
        return part(self.path, start, follow=live)

    def build_clocked(self, clock: ManualClock) -> Partition:
        return FilesSource(self.path, follow=True, monotonic=clock, wall=clock).build_part("input", "0", None)

    def missing(self) -> Partition:
        return part(self.path.with_name("elsewhere.jsonl"))


class FolderLog(FileLog):
    """A folder in which everything that is added is a new file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.count = 0

    def append(self, records: list[bytes]) -> None:
        new = self.path / f".{self.count:03}.jsonl"
        new.write_bytes(b"".join(record + b"\n" for record in records))
        new.rename(self.path / f"{self.count:03}.jsonl")
        self.count += 1


class PackedLog(FolderLog):
    """The same with compressed files."""

    def append(self, records: list[bytes]) -> None:
        data = gzip.compress(b"\n".join(records), compresslevel=1)
        (self.path / f"{self.count:03}.ndjson.gz").write_bytes(data)
        self.count += 1


def part(path: str | Path, start: Start = FRESH, *, follow: bool = False) -> FilesPartition:
    """A partition of a path."""
    return FilesSource(path, start=start, follow=follow).build_part("input", "0", None)


def lines(path: Path) -> list[tuple[int, bytes]]:
    """What a bounded run reads: line numbers and records."""
    return [(offset, value) for batch in read(part(path)) for offset, _, value in batch.records]


def place(path: Path) -> Start:
    """Where a lane that has read everything stands."""
    batches = read(part(path))
    return (max(record[0] for batch in batches for record in batch.records), batches[-1].hint)


def refusal(path: Path, start: Start = FRESH, *, follow: bool = False) -> str:
    """The one sentence with which reading a path stops."""
    with pytest.raises(UnavailableError) as caught:
        read(part(path, start, follow=follow))
    assert_one_sentence(caught.value)
    return str(caught.value)


class TestFile(SourceContract, IdleContract):
    @pytest.fixture
    def log(self, tmp_path: Path) -> ClockedLog:
        return FileLog(tmp_path)


class TestFolder(SourceContract, IdleContract):
    @pytest.fixture
    def log(self, tmp_path: Path) -> ClockedLog:
        return FolderLog(tmp_path)


class TestPackedFolder(SourceContract):
    @pytest.fixture
    def log(self, tmp_path: Path) -> ClockedLog:
        return PackedLog(tmp_path)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"a", [(0, b"a")]),
        (b"a\n", [(0, b"a")]),
        (b"a\nb", [(0, b"a"), (1, b"b")]),
        (b"\n\n a\n  \n\t\nb\n", [(2, b" a"), (5, b"b")]),
        (b"a\r\nb\r\n\r\nc\r", [(0, b"a"), (1, b"b"), (3, b"c")]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [(0, b"a"), (1, b"\xef\xbb\xbfb")]),
        (b"\xef\xbb\xbf", []),
        (b"a\x00b\n\x00\n", [(0, b"a\x00b"), (1, b"\x00")]),
    ],
)
def test_lines_of_a_file(tmp_path: Path, data: bytes, found: list[tuple[int, bytes]]) -> None:
    (tmp_path / "plain.jsonl").write_bytes(data)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(data))
    assert found == lines(tmp_path / "plain.jsonl")
    assert found == lines(tmp_path / "packed.jsonl.gz")


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("10.json", "2.ndjson", "a.jsonl", "B.jsonl"):
        (tmp_path / name).write_text(name + "\n")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two"))
    for name in ("notes.txt", ".hidden.jsonl", "d.csv.gz"):
        (tmp_path / name).write_text("no\n")
    (tmp_path / "e.jsonl").mkdir()
    assert lines(tmp_path) == [(0, b"10.json"), (1, b"2.ndjson"), (2, b"B.jsonl"), (3, b"a.jsonl"), (4, b"one"), (5, b"two")]


texts = st.lists(st.sampled_from([b"a", b"bb" * 9, b"{}", b" ", b"\n", b"\n", b"\r\n", b"\x00", b"\xef\xbb\xbf"]), max_size=30).map(
    b"".join
)


def naive(files: list[bytes]) -> list[tuple[int, bytes]]:
    """What files hold, said in the simplest way."""
    rows: list[bytes] = []
    for data in files:
        own = data.split(b"\n")
        own = own[:-1] if not own[-1] else own
        own = [line.removesuffix(b"\r") for line in own]
        rows += [line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line for number, line in enumerate(own)]
    return [(number, line) for number, line in enumerate(rows) if line.strip()]


@given(st.lists(texts, max_size=4), st.integers(1, 40), st.integers(1, 4), st.booleans())
def test_any_content_in_any_blocks_and_resumed_after_any_batch(files: list[bytes], block: int, most: int, packed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        patch.setattr(files_source, "BLOCK_BYTES", block)
        patch.setattr(files_source, "MAX_BATCH_RECORDS", most)
        for number, data in enumerate(files):
            path = folder / (f"{number}.jsonl.gz" if packed else f"{number}.jsonl")
            path.write_bytes(gzip.compress(data, 1) if packed else data)
        whole = naive(files)
        batches = read(part(folder))
        assert whole == [(offset, value) for batch in batches for offset, _, value in batch.records]
        for batch in batches:
            if batch.records:
                last = batch.records[-1][0]
                again = read(part(folder, (last, batch.hint)))
                assert [row for row in whole if row[0] > last] == [(row[0], row[2]) for each in again for row in each.records]


def test_a_line_of_many_blocks_is_cut_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"first\n" + b"x" * 30_000_000 + b"\nlast\n")
    monkeypatch.setattr(files_source, "BLOCK_BYTES", 1 << 16)
    partition = part(path)
    found = read(partition)
    assert [len(value) for value in values(found)] == [5, MAX_RECORD_BYTES + 1, 4]
    monkeypatch.setattr(files_source, "MAX_BATCH_RECORDS", 1)
    for batch in read(part(path))[:2]:
        rest = read(part(path, (batch.records[-1][0], batch.hint)))
        assert values(found)[batch.records[-1][0] + 1 :] == values(rest)


def test_a_last_line_that_gets_its_newline_later_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for newline in (b"\n", b"\r\n"):
        path.write_bytes(b"one\ntwo")
        start = place(path)
        path.write_bytes(b"one\ntwo" + newline + b"three\n")
        [batch] = read(part(path, start))
        assert batch.records == [(2, None, b"three")]


def test_what_was_added_to_a_line_that_was_read_is_a_record(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'one\n{"a"')
    start = place(path)
    path.write_bytes(b'one\n{"a":1}\nthree\n')
    [batch] = read(part(path, start))
    assert batch.records == [(2, None, b":1}"), (3, None, b"three")]


def test_only_the_file_at_hand_and_later_ones_are_needed(tmp_path: Path) -> None:
    log = FolderLog(tmp_path)
    for number in range(3):
        log.append(events(2, first=number * 2))
    start = place(tmp_path)
    (tmp_path / "000.jsonl").unlink()
    log.append(events(2, first=6))
    [batch] = read(part(tmp_path, start))
    assert [record[0] for record in batch.records] == [6, 7]
    assert events(2, first=6) == values([batch])


def test_without_a_hint_the_lines_that_the_lane_has_are_passed_over(tmp_path: Path) -> None:
    log = FileLog(tmp_path)
    log.append(events(10))
    [batch] = read(part(log.path, (6, "")))
    assert [record[0] for record in batch.records] == [7, 8, 9]
    assert "10 lines" in refusal(log.path, (10, ""))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def overwrite(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"m2", b"m9") * 2)


def rename(path: Path) -> None:
    path.rename(path.with_name("b.jsonl"))


def put_before(path: Path) -> None:
    path.with_name("0.jsonl").write_bytes(b"{}\n")


@pytest.mark.parametrize("change", [shorten, overwrite, rename, put_before])
def test_an_input_that_went_backwards_is_refused(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(events(3)) + b"\n")
    start = place(tmp_path)
    change(path)
    refusal(tmp_path, start)


def test_a_packed_input_that_went_backwards_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(events(3))))
    start = place(path)
    path.write_bytes(gzip.compress(b"\n".join(events(2))))
    assert "shorter" in refusal(path, start)
    path.write_bytes(gzip.compress(b"\n".join(events(4, first=1))))
    assert "not the file" in refusal(path, start)


def test_another_file_or_kind_of_input_is_refused(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(b"{}\n")
    second.write_bytes(b"{}\n")
    assert "one folder" in refusal(second, place(first))
    assert "another kind of input" in refusal(second, (3, '{"offset":3}'))


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        gzip.compress(b"x\n" * 9, mtime=0)[:-3],
        gzip.compress(b"x\n" * 9, mtime=0) + b"tail",
        b"\x1f\x8b\x08" + b"\x00" * 7 + b"\xff" * 9,
    ],
)
def test_a_damaged_packed_file_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data)
    assert "damaged" in refusal(path)
    assert "damaged" in refusal(tmp_path, follow=True)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "not there" in refusal(tmp_path / "nothing" / "a.jsonl")
    assert "Not a directory" in refusal(tmp_path / "file" / "a.jsonl")
    assert "symbolic links" in refusal(tmp_path / "loop")


def test_a_packed_file_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(UsageError, match="cannot be followed"):
        part(path, follow=True)
    partition = part(tmp_path, follow=True)
    assert values(partition.next_batch()) == [b"{}"]
    path.write_bytes(gzip.compress(b"{}\n") * 2)
    with pytest.raises(UsageError, match="grows"):
        partition.next_batch()
    partition.close()


class Followed:
    """A folder that is followed with a clock that moves by a second at every look."""

    def __init__(self, path: Path) -> None:
        self.clock = ManualClock()
        self.partition = FilesSource(path, follow=True, monotonic=self.clock, wall=self.clock).build_part("input", "0", None)

    def look(self) -> list[bytes]:
        """What has come."""
        self.clock.now_s += 1
        return values(self.partition.next_batch())


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    """`tmp_path`, followed."""
    following = Followed(tmp_path)
    yield following
    following.partition.close()


def test_a_followed_folder_may_be_empty_at_first(tmp_path: Path, followed: Followed) -> None:
    assert followed.look() == []
    (tmp_path / "a.jsonl").write_bytes(b"1\n2")
    assert followed.look() == [b"1"]
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b"2\n3\n4")
    assert followed.look() == [b"22", b"3"]
    assert followed.look() == []
    (tmp_path / "b.jsonl").write_bytes(b"5\n")
    (tmp_path / "c.jsonl").write_bytes(b"6\n")
    assert followed.look() == [b"4", b"5", b"6"]


def test_a_file_that_appears_too_late_is_refused(tmp_path: Path, followed: Followed) -> None:
    (tmp_path / "b.jsonl").write_bytes(b"1\n")
    assert followed.look() == [b"1"]
    (tmp_path / "a.jsonl").write_bytes(b"2\n")
    with pytest.raises(UnavailableError, match=r"before b\.jsonl"):
        followed.look()


def test_a_file_that_grows_after_the_next_was_begun_is_refused(tmp_path: Path, followed: Followed) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"1\n")
    (tmp_path / "b.jsonl").write_bytes(b"2\n")
    assert followed.look() == [b"1", b"2"]
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b"3\n")
    with pytest.raises(UnavailableError, match=r"before b\.jsonl"):
        followed.look()


class Intruder(ManualClock):
    """A clock that does something at one of its calls, so in the middle of a look."""

    def __init__(self, call: int, act: Callable[[], object]) -> None:
        super().__init__()
        self.left = call
        self.act = act

    def __call__(self) -> float:
        self.left -= 1
        self.now_s += 0.01
        if self.left == 0:
            self.act()
        return super().__call__()


def follow(folder: Path, clock: Intruder) -> list[tuple[int, bytes]]:
    """What a folder gives until well after the clock has acted."""
    partition = FilesSource(folder, follow=True, monotonic=clock, wall=clock).build_part("input", "0", None)
    found = []
    try:
        while clock.left > -200:
            found += [(offset, value) for batch in partition.next_batch() for offset, _, value in batch.records]
    finally:
        partition.close()
    return found


@pytest.mark.parametrize("call", range(2, 60))
def test_a_line_written_just_before_the_next_file_is_not_missed(tmp_path: Path, call: int) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(b"1\n")
    clock = Intruder(call, lambda: (first.write_bytes(b"1\n2\n"), second.write_bytes(b"3\n")))
    assert follow(tmp_path, clock) == [(0, b"1"), (1, b"2"), (2, b"3")]


@pytest.mark.parametrize("call", range(2, 30))
def test_a_newline_that_comes_too_late_makes_no_line_or_is_refused(tmp_path: Path, call: int) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_bytes(b"1\n2")
    second.write_bytes(b"3\n")
    clock = Intruder(call, lambda: first.write_bytes(b"1\n2\n"))
    try:
        assert follow(tmp_path, clock) == [(0, b"1"), (1, b"2"), (2, b"3")]
    except UnavailableError as error:
        assert "before b.jsonl" in str(error)  # noqa: PT017 - both are right, by the moment


@pytest.mark.parametrize("data", [b"1\n", b"", b"3\n4\n5\n6\n"])
def test_a_followed_file_that_is_overwritten_is_refused(tmp_path: Path, followed: Followed, data: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n2\n")
    assert followed.look() == [b"1", b"2"]
    assert followed.look() == []
    path.write_bytes(data)
    with pytest.raises(UnavailableError, match="cut off or replaced"):
        followed.look()


def test_a_followed_file_that_is_replaced_or_taken_away_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for moved, target, words in ((path, tmp_path / "old", "not there"), (tmp_path / "new", path, "another file")):
        path.write_bytes(b"1\n")
        (tmp_path / "new").write_bytes(b"1\n2\n")
        following = Followed(path)
        assert following.look() == [b"1"]
        moved.rename(target)
        with pytest.raises(UnavailableError, match=words):
            following.look()
        following.partition.close()


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = b"".join(event + b"\n" for event in events(9_000))
    writer = threading.Thread(target=pipe.write_bytes, args=[data])
    writer.start()
    batches = read(part(pipe))
    writer.join()
    assert events(9_000) == values(batches)
    assert batches[-1].end


READER = """
import sys
from flows.connectors.files_source import FilesSource
from flows.stop import install_signal_handlers
from tests.flows.connectors.contract import drive
install_signal_handlers()
offset, hint, follow = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "follow"
for batch in drive(FilesSource("-", start=(offset, hint), follow=follow).build_part("input", "0", None)):
    if batch.records or batch.end:
        print(len(batch.records), batch.records[0][0] if batch.records else "-", batch.end, batch.hint, flush=True)
print("clean", flush=True)
"""


def reader(offset: int = -1, hint: str = "", how: str = "bounded") -> subprocess.Popen[str]:
    """A process that reads its standard input with the source."""
    command = [sys.executable, "-c", READER, str(offset), hint, how]
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_standard_input_is_read_to_its_end_and_resumed_by_giving_it_again() -> None:
    with reader() as first:
        out, _ = first.communicate("a\n\nb\nc")
    *batches, last = out.splitlines()
    assert (last, first.returncode) == ("clean", 0)
    assert sum(int(line.split()[0]) for line in batches) == 3
    hint = batches[-1].split(" ", 3)[3]
    with reader(3, hint) as second:
        out, _ = second.communicate("a\n\nb\nc\nd\n")
    assert out.split()[:3] == ["1", "4", "True"]
    with reader(3, hint) as third:
        third.communicate("a\n")
    assert third.returncode == 1


def test_a_signal_stops_after_the_batch() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with reader(how="follow") as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("a\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith("1 0 False")
            process.send_signal(number)
            assert process.stdout.read() == "clean\n"
            assert process.wait() == 0


def test_a_second_signal_exits_at_once() -> None:
    program = (
        "from flows.stop import stop, install_signal_handlers; install_signal_handlers(); print('up', flush=True)\n"
        "stop.wait(); print('asked', flush=True)\nimport time\nwhile True: time.sleep(9)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 128 + signal.SIGINT


class FolderOutput(OutputLog):
    """An output folder, not there at first."""

    takes_over = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publisher(self) -> Publisher:
        return FilesPublisher(self.folder)

    def read(self) -> dict[str, list[bytes]]:
        return {stream: self.path(stream).read_bytes().splitlines() for stream in STREAMS}

    def path(self, stream: str) -> Path:
        """A stream's file."""
        return self.folder / f"{stream}.jsonl"

    def publish(self, rows: list[Row]) -> int:
        """Opens, puts all that is missing, and closes; gives what was there."""
        publisher = self.publisher()
        try:
            there = publisher.open().sequence
            put_after(publisher, rows, there)
            publisher.wait()
        finally:
            publisher.close()
        return there

    def refusal(self, rows: list[Row]) -> str:
        """The one sentence with which that is refused."""
        with pytest.raises(UnavailableError) as caught:
            self.publish(rows)
        assert_one_sentence(caught.value)
        return str(caught.value)


@pytest.fixture
def out(tmp_path: Path) -> FolderOutput:
    return FolderOutput(tmp_path / "deep" / "out")


class TestFilesPublisher(PublisherContract):
    @pytest.fixture
    def log(self, out: FolderOutput) -> OutputLog:
        return out


class TestFilesPublisherInSmallGroups(PublisherContract):
    @pytest.fixture
    def log(self, out: FolderOutput, monkeypatch: pytest.MonkeyPatch) -> OutputLog:
        monkeypatch.setattr(files_publisher, "GROUP_OUTPUTS", 3)
        monkeypatch.setattr(files_publisher, "BLOCK_BYTES", 11)
        monkeypatch.setattr(files_publisher, "QUEUE_ROWS", 2)
        return out


@pytest.mark.parametrize(("limit", "value"), [("QUEUE_BYTES", 1), ("QUEUE_ROWS", 2)])
def test_a_full_queue_waits_for_room(out: FolderOutput, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(files_publisher, limit, value)
    rows = sample_rows(200, padding=100)
    assert len(published_at_each_sync(out, rows, monkeypatch)) >= len(rows) / value  # else more was taken at once than may have waited
    assert expected(rows) == out.read()


def test_what_is_published_ends_with_a_row(out: FolderOutput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_publisher, "GROUP_OUTPUTS", 2)
    rows = sample_rows(40)
    seen = published_at_each_sync(out, rows, monkeypatch)
    assert len(set(seen)) > 2
    assert set(seen) <= {0, *(row.last for row in rows)}


def published_at_each_sync(out: FolderOutput, rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Publishes rows, and gives what was named published whenever a file was synced."""
    publisher = FilesPublisher(out.folder)
    publisher.open()
    seen: list[int] = []
    sync = os.fsync

    def observed(fd: int) -> None:
        seen.append(publisher.published)
        sync(fd)

    monkeypatch.setattr(os, "fsync", observed)
    put_after(publisher, rows, 0)
    publisher.wait()
    publisher.close()
    return seen


def test_a_tail_torn_anywhere_is_cut_and_made_whole(out: FolderOutput) -> None:
    rows = sample_rows(3)
    out.publish(rows)
    for stream in STREAMS:
        path = out.path(stream)
        whole = path.read_bytes()
        for size in range(len(whole)):
            path.write_bytes(whole[:size] + b"\0" * (size % 2 * 20))
            assert out.publish(rows) <= rows[-1].last
            assert whole == path.read_bytes()


def test_files_torn_at_different_numbers_are_made_whole(out: FolderOutput) -> None:
    rows = sample_rows(12)
    chance = random.Random(5)
    for _ in range(60):
        kept = {stream: chance.randint(0, len(found)) for stream, found in expected(rows).items()}
        out.folder.mkdir(parents=True, exist_ok=True)
        for stream, found in expected(rows).items():
            out.path(stream).write_bytes(b"".join(value + b"\n" for value in found[: kept[stream]]))
        there = {value for stream, found in expected(rows).items() for value in found[: kept[stream]]}
        complete = 0
        for output in (output for row in rows for output in row.outputs):
            if output.value not in there:
                break
            complete += 1
        assert complete == out.publish(rows)
        assert expected(rows) == out.read()


def test_only_the_newest_numbers_are_looked_at(out: FolderOutput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_publisher, "GROUP_OUTPUTS", 10)
    rows = sample_rows(40)
    out.publish(rows)
    for stream in STREAMS:
        own = out.path(stream).read_bytes().splitlines(keepends=True)
        out.path(stream).write_bytes(b"old\n" + b"".join(own[-10:]))
    assert out.publish(rows) >= rows[-1].last - 10


def test_a_state_that_went_backwards_is_noticed(out: FolderOutput) -> None:
    rows = sample_rows(6, outputs=1)
    out.publish(rows)
    gone = STREAMS[rows[3].outputs[0].stream]
    out.path(gone).write_bytes(b"")  # leaves a gap, as a crash does, so that not all is reported
    publisher = out.publisher()
    there = publisher.open().sequence
    assert there < rows[3].last
    anew = [Row(row.first, [Output(o.stream, o.key, o.value.replace(b'"i', b'"other')) for o in row.outputs]) for row in rows]
    put_after(publisher, anew, there)
    with pytest.raises(UnavailableError, match="went backwards"):
        publisher.wait()
    with pytest.raises(UnavailableError, match="went backwards"):
        publisher.put(None, 1)
    publisher.close()


@pytest.mark.parametrize(
    "data", [b"their own line\n", b'{"specversion":"1.0"}\n', b'{"sequence":7}\n', b"[]\n", b"\n", b"torn", b'{"sequence":"x"}\n']
)
def test_a_folder_with_lines_of_others_is_refused_and_left_alone(out: FolderOutput, data: bytes) -> None:
    out.folder.mkdir(parents=True)
    out.path("triggers").write_bytes(data)
    assert "another output folder" in out.refusal([])
    assert data == out.path("triggers").read_bytes()


def test_lines_out_of_order_are_refused(out: FolderOutput) -> None:
    rows = sample_rows(20)
    out.publish(rows)
    own = out.path("triggers").read_bytes().splitlines(keepends=True)
    out.path("triggers").write_bytes(b"".join([*own, own[0]]))
    assert "in this order" in out.refusal(rows)


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "out" / "rejects.jsonl").mkdir(parents=True)
    assert "File exists" in FolderOutput(tmp_path / "file").refusal([])
    assert "Not a directory" in FolderOutput(tmp_path / "file" / "out").refusal([])
    assert "Is a directory" in FolderOutput(tmp_path / "out").refusal([])


FULL = """
import resource, sys
from flows.connectors.files_publisher import FilesPublisher
from schemas.errors import UnavailableError
from tests.flows.connectors.contract import put_after, sample_rows
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, resource.RLIM_INFINITY))
publisher = FilesPublisher(sys.argv[1])
there = publisher.open().sequence
try:
    put_after(publisher, sample_rows(60, padding=30), there)
    publisher.wait()
except UnavailableError as error:
    print(publisher.published, error)
publisher.close()
"""


def test_a_full_disk_is_one_sentence_and_nothing_is_lost(out: FolderOutput) -> None:
    found = subprocess.run([sys.executable, "-c", FULL, str(out.folder)], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    published, sentence = found.stdout.split(" ", 1)
    assert sentence.startswith("cannot write ")
    assert "File too large" in sentence
    assert "make room" in sentence
    assert len(found.stdout.splitlines()) == 1
    rows = sample_rows(60, padding=30)
    assert int(published) <= out.publish(rows) < rows[-1].last
    assert expected(rows) == out.read()


WRITER = """
import sys
from flows.connectors.files_publisher import FilesPublisher
from tests.flows.connectors.contract import sample_rows
publisher = FilesPublisher(sys.argv[1])
there = publisher.open().sequence
for row in sample_rows(300, outputs=90, padding=200):
    if row.last > there:
        publisher.put(row, row.last)
        print(publisher.published, flush=True)
publisher.wait()
print("all", flush=True)
"""


def test_kill_9_in_the_middle_of_publishing(out: FolderOutput) -> None:
    rows = sample_rows(300, outputs=90, padding=200)
    chance = random.Random(11)
    published = 0
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(out.folder)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _, line in zip(range(chance.randint(1, 40)), process.stdout, strict=False):
                assert line != "all\n"
                assert published <= int(line)
                published = int(line)
            process.kill()
        publisher = out.publisher()
        assert published <= publisher.open().sequence <= rows[-1].last
        publisher.close()
    assert published > 0
    out.publish(rows)
    assert expected(rows) == out.read()
