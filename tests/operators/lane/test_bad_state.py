"""States that cannot be continued: in use, of another plan, damaged, gone backwards, or on a full disk.

Each is refused in words, and nothing is lost in silence.
The states are made by processes that are killed, and damaged byte by byte in real RocksDB files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.keys import FORMAT, META, Meta
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch, Progress
from operators.lane.rocks import RocksStore, open_live, open_store, read_position
from operators.plan.checked import Plan
from schemas.errors import UnavailableError
from tests.harness import make_plan

RULES = {"twice": 'count("A", within="1h") >= 2', "bought": 'did("B")', "quiet": 'since("*") > "10s"'}
BATCHES = 40


def batches(first: int = 0, last: int = BATCHES) -> Iterator[Batch]:
    """Batches of two events and a reject, the offsets going on."""
    for number in range(first, last):
        lines = [
            f'{{"type":"track","event":"{name}","userId":"u{number % 5}","messageId":"{name}{number}","properties":{{"text":"{"x" * 40}"}},'
            f'"timestamp":"2026-01-05T00:{number % 60:02d}:{second:02d}Z"}}'.encode()
            for second, name in enumerate("AB")
        ]
        yield Batch(0, 0, [(3 * number + place, None, raw) for place, raw in enumerate([*lines, b"poison"])])


def the_plan() -> Plan:
    return make_plan(RULES, lateness="0s")


def expected(last: int = BATCHES) -> MemoryOutput:
    """What comes out of the first batches when nothing goes wrong."""
    output = MemoryOutput()
    lane = Lane(the_plan(), MemoryStore(), MemoryPublisher(output))
    for batch in batches(0, last):
        lane.apply(batch)
    lane.close()
    return output


_CHILD = """
import os, resource, signal, sys, json
from pathlib import Path
from tests.operators.lane import test_bad_state as t
from flows.connectors.memory import MemoryOutput, MemoryPublisher
from operators.lane.lane import Lane
from operators.lane.rocks import open_store
from schemas.errors import UnavailableError
path = Path(sys.argv[1])
"""

WRITE_AND_DIE = """
lane = Lane(t.the_plan(), open_store(path), MemoryPublisher(MemoryOutput()))
for batch in t.batches():
    lane.apply(batch)
os.kill(os.getpid(), signal.SIGKILL)
"""

WRITE_TABLES = """
store = open_store(path)
for part in range(4):
    writes = store.writes()
    for number in range(part * 500, part * 500 + 500):
        writes.put(b"k%06d" % number, os.urandom(64).hex().encode())
    store.write(writes)
store.close()
"""

HOLD = """
store = open_store(path)
print("open", flush=True)
sys.stdin.read()
"""


def child(program: str, path: Path, *more: str) -> subprocess.Popen[str]:
    """A process of its own that runs the program on a state."""
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD + program, str(path), *more],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_child(program: str, path: Path, *more: str, code: int = 0) -> str:
    process = child(program, path, *more)
    out, err = process.communicate()
    assert code == process.returncode, err
    return out


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a process that was killed after all batches were applied and published."""
    path = tmp_path_factory.mktemp("killed") / "lane-0"
    run_child(WRITE_AND_DIE, path, code=-signal.SIGKILL)
    return path


@pytest.fixture
def state(killed: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return Path(shutil.copytree(killed, tmp_path / "lane-0"))


def log_of(state: Path) -> Path:
    """The one write-ahead log of a state; it holds all that was written."""
    [log] = state.glob("*.log")
    assert log.stat().st_size > 10_000
    return log


def lane_over(state: Path, output: MemoryOutput | None = None, plan: Plan | None = None, partition: int = 0) -> Lane:
    """A lane over the state; a lane that is refused lets go of it."""
    store = open_store(state)
    try:
        if output is None:
            # One that has all the state has published.
            output = MemoryOutput()
            raw = store.get(META)
            if raw is not None and msgspec.msgpack.decode(raw)[0] == FORMAT:
                output.progress[partition] = Progress(msgspec.msgpack.decode(raw, type=Meta).sequence)
        return Lane(plan or the_plan(), store, MemoryPublisher(output, partition), partition)
    except UnavailableError:
        store.close()
        raise


def flipped(file: Path, place: int, bits: int = 0xFF) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= bits
    file.write_bytes(data)


# --- whose state it is ----------------------------------------------------------------------------------------------------------------


def test_a_killed_process_leaves_a_state_that_goes_on(state: Path) -> None:
    output = expected()
    lane = lane_over(state, output)
    assert lane.offset == 3 * BATCHES - 1
    for batch in batches(BATCHES - 5, BATCHES + 5):
        lane.apply(batch)
    lane.close()
    assert expected(BATCHES + 5).streams == output.streams


def test_a_state_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    holder = child(HOLD, tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(UnavailableError, match="is in use by another process; stop that one, or give this one another --state"):
        open_store(tmp_path)
    open_live(tmp_path).close()
    holder.communicate("")
    open_store(tmp_path).close()


def test_a_state_that_this_process_holds_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(UnavailableError, match="is in use"):
        open_store(tmp_path)
    store.close()


def test_a_state_of_a_plan_of_another_name_is_refused(state: Path) -> None:
    with pytest.raises(
        UnavailableError,
        match=r"the state was made with the plan test, this one is other; go back to that plan, or start with a new --state",
    ):
        lane_over(state, plan=make_plan(RULES, lateness="0s", name="other"))
    lane_over(state).close()


CHANGED_PLANS = {
    "another rule": make_plan({**RULES, "bought": 'did("C")'}, lateness="0s"),
    "a rule more": make_plan({**RULES, "more": "everyone"}, lateness="0s"),
    "another lateness": make_plan(RULES, lateness="1s"),
    "a campaign": make_plan(RULES, {"c": {"on": "event A", "steps": [{"send": "x"}]}}, lateness="0s"),
}


@pytest.mark.parametrize("plan", CHANGED_PLANS.values(), ids=CHANGED_PLANS)
def test_a_state_of_a_changed_plan_is_continued(state: Path, plan: Plan) -> None:
    lane_over(state, plan=plan).close()
    lane_over(state).close()


def test_another_spelling_is_the_same_plan(state: Path) -> None:
    spelled = {name: f"( {rule} )".replace('"', "'").replace("1h", "60m") for name, rule in RULES.items()}
    lane_over(state, plan=make_plan(spelled, lateness="0ms")).close()


def test_a_state_of_another_partition_is_refused(state: Path) -> None:
    with pytest.raises(UnavailableError, match="the state belongs to partition 0, not to 1; give each its own folder"):
        lane_over(state, partition=1)


def test_a_state_of_another_format_is_refused(state: Path) -> None:
    store = open_store(state)
    raw = store.get(META)
    assert raw is not None
    meta = msgspec.msgpack.decode(raw, type=Meta)
    meta.format = FORMAT + 1
    writes = store.writes()
    writes.put(META, msgspec.msgpack.encode(meta))
    store.write(writes)
    store.close()
    with pytest.raises(
        UnavailableError, match=rf"the state has format {FORMAT + 1}, this version of Beckon reads {FORMAT}; use the version"
    ):
        lane_over(state)


def test_a_state_of_a_format_of_another_shape_is_refused(state: Path) -> None:
    store = open_store(state)
    writes = store.writes()
    writes.put(META, msgspec.msgpack.encode([FORMAT + 1, {"plan": "test"}, ["other", "shape"]]))
    store.write(writes)
    store.close()
    with pytest.raises(UnavailableError, match=rf"the state has format {FORMAT + 1}"):
        lane_over(state)


def test_a_state_that_left_events_out_goes_on_with_the_same_until_alone(tmp_path: Path) -> None:
    early, late = 1_767_571_200_000, 1_767_571_260_000
    lane = Lane(the_plan(), open_store(tmp_path), MemoryPublisher(MemoryOutput()), until_ms=early)
    assert lane.apply(next(batches(1))).after_until == 2
    lane.close()
    for until in (None, late):
        store = open_store(tmp_path)
        with pytest.raises(UnavailableError, match=r"left out 2 events after its --until"):
            Lane(the_plan(), store, MemoryPublisher(MemoryOutput()), until_ms=until)
        store.close()
    Lane(the_plan(), open_store(tmp_path), MemoryPublisher(MemoryOutput()), until_ms=early).close()


# --- folders that are none ------------------------------------------------------------------------------------------------------------


def test_a_state_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file", tmp_path / "file" / "lane-0"):
        with pytest.raises(UnavailableError, match="cannot be made or opened"):
            open_store(path)


def test_a_folder_without_a_state_has_no_position_and_no_view(tmp_path: Path) -> None:
    assert read_position(tmp_path / "nothing") == (-1, "")
    with pytest.raises(UnavailableError, match="there is no state in"):
        open_live(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*"])
def test_files_of_a_state_that_hold_nonsense_are_refused(state: Path, name: str) -> None:
    for file in state.glob(name):
        file.write_bytes(b"nonsense")
    with pytest.raises(UnavailableError, match=r"the state in .* (is damaged|cannot be opened)"):
        open_store(state)


# --- the write-ahead log --------------------------------------------------------------------------------------------------------------

WHERE = [0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8]


@pytest.mark.parametrize("share", WHERE)
def test_a_log_with_a_broken_middle_is_refused(state: Path, share: float) -> None:
    log = log_of(state)
    place = int(log.stat().st_size * share) + 20
    for offset in range(8):
        flipped(log, place + offset)
    with pytest.raises(UnavailableError, match=r"is damaged \(Corruption.*\); restore it from a backup, or start with a new --state"):
        open_store(state)


@pytest.mark.parametrize("cut", [1, 3, 8, 50, 200])
def test_a_torn_tail_is_cut_and_what_it_held_is_applied_again(state: Path, cut: int) -> None:
    """The process died in its last write: that batch was never published."""
    log = log_of(state)
    log.write_bytes(log.read_bytes()[:-cut])
    output = expected(BATCHES - 1)
    lane = lane_over(state, output)
    assert lane.offset == 3 * (BATCHES - 1) - 1
    for batch in batches(BATCHES - 8, BATCHES):
        lane.apply(batch)
    lane.close()
    assert expected().streams == output.streams


def test_no_cut_of_the_log_loses_anything_unnoticed(state: Path) -> None:
    """A cut at any place looks like a torn tail to RocksDB. What was published behind it gives it away."""
    log, output = log_of(state), expected()
    whole = log.read_bytes()
    for size in range(0, len(whole), len(whole) // 25):
        log.write_bytes(whole[:size])
        copy = Path(shutil.copytree(state, state.parent / f"cut-{size}"))
        with pytest.raises(UnavailableError, match="the state went backwards"):
            lane_over(copy, output)


def last_records(log: bytes) -> Iterator[int]:
    """Where the records in the last block (of 32 KiB) of a RocksDB log begin: checksum (4 bytes), length (2), type (1), content."""
    place = len(log) // 32_768 * 32_768
    while place + 7 <= len(log):
        yield place
        place += 7 + int.from_bytes(log[place + 4 : place + 6], "little")


@pytest.mark.parametrize("change", ["a length beyond the end", "any byte"])
def test_no_flipped_bit_of_the_log_loses_anything_unnoticed(state: Path, change: str) -> None:
    """A broken length in the last block looks like a torn tail, and RocksDB drops what follows. What was published gives it away."""
    log, output = log_of(state), expected()
    whole = log.read_bytes()
    if change == "any byte":
        places = [(place, 0x01) for place in range(0, len(whole), len(whole) // 60)]
    else:
        places = [(place + 5, 0x80) for place in last_records(whole)]
    silent = 0
    for number, (place, bits) in enumerate(places):
        copy = Path(shutil.copytree(state, state.parent / f"flip-{number}"))
        flipped(log_of(copy), place, bits)
        with pytest.raises(UnavailableError, match=r"is damaged|the state went backwards") as refused:
            lane_over(copy, output)
        silent += "went backwards" in str(refused.value)
    assert change == "any byte" or silent > 0


# --- states that went backwards -------------------------------------------------------------------------------------------------------


def test_a_state_whose_log_was_deleted_is_refused(state: Path) -> None:
    log_of(state).unlink()
    with pytest.raises(UnavailableError, match=r"the state went backwards: .* restore the newest state, or start with a new --state"):
        lane_over(state, expected())


@pytest.mark.parametrize("name", ["CURRENT", "*"])
def test_a_state_whose_files_were_deleted_is_refused(state: Path, name: str) -> None:
    for file in state.glob(name):
        file.unlink()
    with pytest.raises(UnavailableError, match=r"the state went backwards|is damaged"):
        lane_over(state, expected())


def test_an_older_copy_of_a_state_is_refused(tmp_path: Path) -> None:
    output = MemoryOutput()
    for part in range(3):
        lane = lane_over(tmp_path / "lane-0", output)
        for batch in batches(5 * part, 5 * part + 5):
            lane.apply(batch)
        lane.close()
        shutil.copytree(tmp_path / "lane-0", tmp_path / f"copy-{part}")
    for part in range(2):
        with pytest.raises(UnavailableError, match="the state went backwards"):
            lane_over(tmp_path / f"copy-{part}", output)
    lane_over(tmp_path / "copy-2", output).close()
    assert expected(15).streams == output.streams


def test_a_state_that_is_older_than_the_input_read_is_refused_also_without_output(tmp_path: Path) -> None:
    """The offset alone went on: no output was made since."""
    plan = make_plan({"none": 'did("None")'})
    output = MemoryOutput()
    lane = lane_over(tmp_path, output, plan)
    lane.apply(Batch(0, 0, [(0, None, b'{"type":"track","event":"A","userId":"u","timestamp":"2026-01-05T00:00:00Z"}')]))
    lane.close()
    output.progress[0] = Progress(0, 1)
    with pytest.raises(UnavailableError, match="the state went backwards"):
        lane_over(tmp_path, output, plan)


# --- tables ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed state of 2,000 keys in table files, written by another process: nothing of it is in the cache of this one."""
    path = tmp_path_factory.mktemp("tables") / "lane-0"
    run_child(WRITE_TABLES, path)
    return path


def all_keys(store: RocksStore) -> int:
    """How many keys are found by `get` and by `scan`; both agree, or one raises."""
    found = sum(store.get(b"k%06d" % number) is not None for number in range(2000))
    assert found == len(store.scan(b"k", b"l", 10_000))
    return found


def test_a_state_of_tables_is_whole(tables: Path, tmp_path: Path) -> None:
    store = open_store(Path(shutil.copytree(tables, tmp_path / "copy")))
    assert all_keys(store) == 2000
    store.close()


@pytest.mark.parametrize("share", [0.01, 0.2, 0.4, 0.6, 0.8, 0.93, 0.97, 0.99])
def test_a_damaged_table_is_noticed_and_never_looks_like_an_end(tables: Path, tmp_path: Path, share: float) -> None:
    path = Path(shutil.copytree(tables, tmp_path / "copy"))
    table = max(path.glob("*.sst"), key=lambda file: file.stat().st_size)
    for offset in range(4):
        flipped(table, int(table.stat().st_size * share) + offset)
    try:
        store = open_store(path)
    except UnavailableError as refused:
        assert "is damaged" in str(refused)  # noqa: PT017 - where it is noticed is open, that it is noticed is not
        return
    noticed = []
    for look in (lambda: store.scan(b"k", b"l", 10_000), lambda: [store.get(b"k%06d" % number) for number in range(2000)]):
        try:
            found = look()
        except UnavailableError as refused:
            noticed.append(str(refused))
        else:
            assert len(found) == 2000
            assert None not in found
    store.close()
    assert all("is damaged" in text for text in noticed)
    assert noticed or share > 0.9  # behind the blocks lie filters and properties, which only make a look slower


def test_a_lost_table_is_refused(tables: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(tables, tmp_path / "copy"))
    for table in path.glob("*.sst"):
        table.unlink()
    with pytest.raises(UnavailableError, match=r"the state in .* (is damaged|cannot be opened)"):
        open_store(path)


def test_a_torn_table_is_refused(tables: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(tables, tmp_path / "copy"))
    for table in path.glob("*.sst"):
        table.write_bytes(table.read_bytes()[: table.stat().st_size // 2])
    with pytest.raises(UnavailableError, match=r"the state in .* (is damaged|cannot be opened)"):
        open_store(path)


# --- a full disk ----------------------------------------------------------------------------------------------------------------------

FILL_THE_DISK = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
output, words, close = MemoryOutput(), [], None
store = open_store(path)
lane = Lane(t.the_plan(), store, MemoryPublisher(output))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), most))
for batch in t.batches():
    try:
        lane.apply(batch)
    except UnavailableError as error:
        words.append(str(error))
        break
published = output.progress[0].offset
try:
    lane.close()
except UnavailableError as error:
    close = str(error)
try:
    open_store(path).close()
    again = None
except UnavailableError as error:
    again = str(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
lane = Lane(t.the_plan(), open_store(path), MemoryPublisher(output))
offset = lane.offset
for batch in t.batches():
    lane.apply(batch)
lane.close()
print(json.dumps([words, close, again, published, offset, output.streams == t.expected().streams]))
"""

OPEN_ON_A_FULL_DISK = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    open_store(path)
except UnavailableError as error:
    os.write(1, str(error).encode())
"""


@pytest.mark.parametrize("limit", [3000, 10_000, 20_001])
def test_a_full_disk_stops_the_lane_in_words_and_nothing_is_lost_or_twice(tmp_path: Path, limit: int) -> None:
    [words], closed, again, published, offset, whole = json.loads(run_child(FILL_THE_DISK, tmp_path / "lane-0", str(limit)))
    assert "cannot be written" in words
    assert "mend the disk and start again" in words
    assert closed is None or "the state in" in closed
    assert again is None or "cannot be" in again
    assert published <= offset < 3 * BATCHES - 1
    assert whole


def test_a_state_cannot_be_opened_on_a_full_disk(tmp_path: Path) -> None:
    assert "cannot be" in run_child(OPEN_ON_A_FULL_DISK, tmp_path / "lane-0")
