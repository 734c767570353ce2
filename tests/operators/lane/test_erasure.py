"""A lane forgets a person: as if it had never been, whatever the batches and crashes, and so that no file of the state tells of it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from flows.connectors.memory import MemoryOutput, MemoryPublisher, numbered
from operators.lane.keys import ERASED, ERASED_END, SUPPRESSED, SUPPRESSED_END, Meta
from operators.lane.lane import Lane
from operators.lane.memory_store import MemoryStore
from operators.lane.ports import Batch
from operators.lane.rocks import open_store
from operators.lane.store import Store
from operators.plan.checked import Plan
from schemas.errors import UnavailableError
from tests.harness import STEPS as COMMIT_STEPS
from tests.harness import Crash, CrashError, Run, make_plan, run_engine

STEPS = (*COMMIT_STEPS, "cleared", "compacted")
ANNA = {"firstName": "Annegret", "lastName": "Bergdorfer", "birthday": "1985-03-02", "email": "Annegret.Berg+tag@Gmail.com"}
PLAIN = (
    b"anna-user",
    b"visitor-one",
    b"visitor-two",
    b"nnegretberg",
    b"nnegret.berg",
    b"ergdorfer",
    b"golden-tier",
    b"secret-sku",
    b"m-anna",
)
"""What tells of the person: no other has any of it."""
KEPT_OF_PERSONS = (b"p", b"h", b"t", b"b", b"c", b"f", b"x")


def record(n: int, **fields: Any) -> bytes:
    """A record of the n-th second."""
    told = {"type": "track", "event": "A", "messageId": f"m{n}", "timestamp": f"2026-01-01T00:{n // 60 % 60:02}:{n % 60:02}Z"}
    return json.dumps(told | fields).encode()


def hers(n: int, **fields: Any) -> bytes:
    return record(n, messageId=f"m-anna-{n}", **fields)


OF_ANNA = [
    hers(1, anonymousId="visitor-one", properties={"sku": "secret-sku"}),
    hers(2, type="identify", userId="anna-user", anonymousId="visitor-one", traits=ANNA),
    hers(3, userId="anna-user", properties={"sku": "secret-sku"}),
    hers(4, anonymousId="visitor-two"),
    hers(5, type="alias", userId="anna-user", previousId="visitor-two"),
    hers(6, type="identify", anonymousId="visitor-one", traits={"tier": "golden-tier"}),
]
TRAITS = {"lastName": "Kern", "city": "Bonn"}
ERASE = record(30, type="erase", userId="anna-user", messageId="e")


def others(number: int = 60) -> list[bytes]:
    """People with whom she has little to do: one uses her device, one is much as she is."""
    dice, found = random.Random(3), []
    for n in range(number):
        who = {"userId": f"user-{dice.randrange(6)}"}
        if n % 7 == 3:
            found.append(record(n, type="identify", **who, traits={"firstName": "Hans", "lastName": "Kern", "birthday": "1979-11-20"}))
        else:
            found.append(record(n, **who, anonymousId=f"device-{dice.randrange(4)}"))
    found.insert(20, record(20, messageId="x", type="identify", userId="user-1", anonymousId="visitor-one"))
    found.insert(24, record(24, messageId="y", type="identify", userId="twin", traits={k: v for k, v in ANNA.items() if k != "email"}))
    return found


def story(erased: bytes = ERASE) -> list[bytes]:
    """She comes, and is forgotten, among the others."""
    lines = others()
    for place, line in enumerate(OF_ANNA):
        lines.insert(3 * place + 1, line)
    lines.insert(40, erased)
    return lines


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Rules with timers, mails, and a search for duplicates."""
    campaign = {"on": "enters fresh", "steps": [{"send": "mail"}]}
    return make_plan(
        {"fresh": "did('A', within='1m')", "everybody": "everyone"}, {"c": campaign}, duplicate_persons="review", lateness="5s"
    )


def everything(store: Store) -> list[tuple[bytes, bytes]]:
    return store.scan(b"", b"\xff" * 8, 1 << 30)


def of_persons(run: Run) -> list[tuple[bytes, bytes]]:
    """What is kept of persons."""
    return [(key, value) for key, value in everything(run.store) if key[:1] in KEPT_OF_PERSONS]


def told(store: Store, plain: Sequence[bytes] = PLAIN) -> list[bytes]:
    """Which of these stand somewhere in a store."""
    return sorted({each for pair in everything(store) for each in plain if any(each.lower() in part.lower() for part in pair)})


def in_files(folder: Path, plain: Sequence[bytes] = PLAIN) -> dict[str, list[bytes]]:
    """Which of these stand in a file of a folder, also as hexadecimal digits."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().lower()
        there = [each for each in plain if each.lower() in content or each.hex().encode() in content]
        if there:
            found[path.name] = there
    return found


def test_nothing_of_a_person_stays_in_the_store(plan: Plan) -> None:
    before = run_engine(plan, [line for line in story() if line != ERASE])
    assert set(told(before.store)) == set(PLAIN)
    after = run_engine(plan, story())
    # The one that is much as she is has her name, by itself.
    assert set(told(after.store)) <= {b"ergdorfer"}
    assert [line for line in after.transitions if line[2] == "erased"] == [(1_767_225_630_000, "anna-user", "erased", "", "")]
    assert after.counts["erased"] == 1


def without_anna(lines: list[bytes]) -> list[bytes]:
    """The same offsets, with records that are none in the place of hers."""
    return [b"poison" if line in OF_ANNA or line == ERASE else line for line in lines]


def test_the_others_are_as_if_the_person_had_never_been(plan: Plan) -> None:
    lines = story()
    # Who uses her device meets it as that of somebody else: this is of two, and not looked at here.
    lines = [line for line in lines if b'"messageId": "x"' not in line]
    assert of_persons(run_engine(plan, lines)) == of_persons(run_engine(plan, without_anna(lines)))


HERS = ("x", "y", "k", "l", "x@example.com", "y@example.com")
THEIRS = ("u", "v", "a", "b", "u@example.com", "v@example.com")


@st.composite
def two_circles(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """A stream of two circles that do not know of each other, all of the one erased in the end; and that without the one."""
    found, without = [record(0, userId="u")], [record(0, userId="u")]
    erased = record(0, messageId="e", type="erase", userId="x", properties={"identifiers": HERS[1:]})
    place, t = draw(st.integers(1, 24)), 0
    for n in range(1, draw(st.integers(2, 25))):
        is_hers = n < place and draw(st.booleans())
        user, other, one, two, *emails = HERS if is_hers else THEIRS
        who = draw(st.sampled_from([{"userId": user}, {"userId": other}, {"anonymousId": one}, {"userId": user, "anonymousId": two}]))
        kind = draw(st.sampled_from(["track", "track", "identify", "alias", "unmerge"]))
        # Time is that of the others: hers moves it nowhere, nor does an alias or unmerge that changes nothing.
        t += draw(st.sampled_from([0, 1, 30, 90])) if kind in ("track", "identify") and not is_hers else 0
        more: dict[str, Any] = {"traits": {"email": draw(st.sampled_from(emails)), **TRAITS}} if kind == "identify" else {}
        if kind in ("alias", "unmerge"):
            who, more = {"userId": user}, {"previousId": draw(st.sampled_from([other, one, two]))}
        found.append(record(t, messageId=f"m{n}", type=kind, **who, **more))
        without.append(b"poison" if is_hers else found[-1])
    return [*found[:place], erased, *found[place:]], [*without[:place], b"poison", *without[place:]]


@drawn(two_circles(), st.integers(1, 9))
def test_whatever_a_circle_did_it_is_as_if_it_had_never_been(given: tuple[list[bytes], list[bytes]], size: int) -> None:
    plan = make_plan({"fresh": "did('A', within='1m')", "everybody": "everyone"}, duplicate_persons="review")
    found, without = (run_engine(plan, lines, batches=size) for lines in given)
    assert of_persons(without) == of_persons(found)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("size", [1, 7])
def test_batches_and_crashes_make_no_difference(plan: Plan, size: int, step: str) -> None:
    lines = story()
    whole = run_engine(plan, lines)
    last = (len(lines) - 1) // size
    for number in (40 // size, last):
        found = run_engine(plan, lines, batches=size, crash=Crash(number, step), rewind=3)
        assert of_persons(whole) == of_persons(found)
        assert whole.published == found.published
        assert everything(whole.store)[-1:] == everything(found.store)[-1:]
        assert whole.store.scan(SUPPRESSED, SUPPRESSED_END, 9) == found.store.scan(SUPPRESSED, SUPPRESSED_END, 9)


@pytest.mark.parametrize(
    "who",
    [
        {"userId": "anna-user"},
        {"anonymousId": "visitor-two"},
        {"anonymousId": "Annegret.Berg@googlemail.com"},
        {"userId": "nobody", "properties": {"identifiers": ["anna-user"]}},
        {"userId": "nobody", "anonymousId": "anna-user"},
    ],
)
def test_a_person_is_erased_by_any_of_its_names(plan: Plan, who: dict[str, Any]) -> None:
    run = run_engine(plan, [*OF_ANNA, record(30, type="erase", messageId="e", **who)])
    assert (told(run.store), run.counts["erased"]) == ([], 1)


def test_a_further_identifier_erases_only_whom_it_names(plan: Plan) -> None:
    run = run_engine(plan, [*OF_ANNA, record(30, type="erase", userId="nobody", properties={"identifiers": ["visitor-one"]})])
    assert run.counts["erased"] == 0
    assert b"anna-user" in told(run.store)


def test_who_comes_again_is_somebody_new(plan: Plan) -> None:
    again = [OF_ANNA[1], hers(40, userId="anna-user", anonymousId="visitor-two"), hers(150, userId="anna-user")]
    run = run_engine(plan, [*OF_ANNA, ERASE, *again])
    transitions = [line[2:4] for line in run.transitions if line[1] == "anna-user"]
    entered, left = ("entered", "fresh"), ("exited", "fresh")
    assert transitions[transitions.index(("erased", "")) :] == [("erased", ""), ("entered", "everybody"), entered, left, entered]
    assert run.counts["events"] == 10
    assert [line[2:] for line in run.sendings if line[1] == "anna-user"][-2:] == 2 * [("decision", "c", "suppressed")]


def test_what_was_decided_of_duplicates_goes_too(plan: Plan) -> None:
    refused = record(26, userId="twin", event="Duplicate Refused", messageId="r", properties={"other": "anna-user"})
    run = run_engine(plan, [*OF_ANNA, others()[24], refused, ERASE])
    # The event of the other one is the other's.
    assert run.store.scan(b"c", b"d", 9) == []


def test_what_is_said_of_the_person_with_others_goes_too() -> None:
    plan = make_plan({"everybody": "everyone"}, identity={"limits": {"anonymous_id": 1}})
    lines = [
        record(1, userId="anna-user", anonymousId="visitor-one"),
        record(2, userId="bob", anonymousId="device"),
        record(3, userId="bob", type="identify", anonymousId="visitor-one"),
        record(4, userId="carl"),
        record(4, messageId="m4-2", userId="carl", type="alias", previousId="anna-user"),
        record(5, userId="carl", type="unmerge", previousId="anna-user"),
    ]
    for number, other in ((3, b"pbob"), (6, b"pcarl")):
        assert b"anna-user" in (run_engine(plan, lines[:number]).store.get(other) or b"")
        assert told(run_engine(plan, [*lines[:number], ERASE]).store, [b"anna-user", b"visitor-one"]) == []


@pytest.mark.parametrize("history", ["400d", "none"])
@pytest.mark.parametrize("duplicates", ["7d", "off"])
def test_nothing_stays_however_history_is_kept(history: str, duplicates: str) -> None:
    plan = make_plan({"fresh": "count('A') > 1"}, history=history, duplicates=duplicates)
    assert told(run_engine(plan, [*OF_ANNA, ERASE]).store) == []


def test_nothing_stays_where_identifiers_are_not_linked() -> None:
    plan = make_plan({"fresh": "did('A', within='1m')"}, identity="off")
    run = run_engine(
        plan, [*OF_ANNA, ERASE, record(31, type="erase", anonymousId="visitor-one"), record(31, type="erase", userId="visitor-two")]
    )
    assert told(run.store) == []


# --- files ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("uncompressed")
@pytest.mark.parametrize("size", [1, 9, 1000])
def test_no_file_of_the_state_tells_of_the_person(plan: Plan, tmp_path: Path, size: int) -> None:
    lines = [line for line in story() if b'"userId": "twin"' not in line]
    run_engine(plan, [line for line in lines if line != ERASE], directory=tmp_path / "before", batches=size)
    assert {each for there in in_files(tmp_path / "before").values() for each in there} >= {b"anna-user", b"visitor-one", b"secret-sku"}
    run_engine(plan, lines, directory=tmp_path / "after", batches=size)
    assert in_files(tmp_path / "after") == {}
    open_store(tmp_path / "after").close()
    assert in_files(tmp_path / "after") == {}


@pytest.mark.usefixtures("uncompressed")
def test_a_live_lane_rids_its_files_at_once(plan: Plan, tmp_path: Path) -> None:
    """Also of an output that was in the outbox, and of the keys at which sweeps stand."""
    store, output = open_store(tmp_path / "lane-0"), MemoryOutput()
    lane = Lane(plan, store, MemoryPublisher(output, behind=3))
    lines = [line for line in story() if b'"userId": "twin"' not in line]
    place = lines.index(ERASE)
    for number, line in enumerate(lines[:place]):
        lane.apply(Batch(0, 0, [(number, None, line)], wall_ms=1_767_225_600_000))
    assert in_files(tmp_path) != {}
    lane.apply(Batch(0, 0, [(place, None, ERASE)], wall_ms=1_767_225_600_000, lag=10))
    assert store.scan(ERASED, ERASED_END, 9) != []
    lane.apply(Batch(0, 0, [(place + 1, None, b"poison")], wall_ms=1_767_225_600_000))
    assert store.scan(ERASED, ERASED_END, 9) == []
    assert in_files(tmp_path) == {}
    lane.close()


@pytest.mark.usefixtures("uncompressed")
@pytest.mark.parametrize("step", STEPS)
def test_a_lane_that_died_rids_its_files_when_it_is_opened(plan: Plan, tmp_path: Path, step: str) -> None:
    lines, left = [line for line in story() if b'"userId": "twin"' not in line], [step]

    def reached(at: str) -> None:
        # The commit of the erasure is the first.
        if at in left:
            left.clear()
            raise CrashError(at)

    output, store = MemoryOutput(), open_store(tmp_path)
    lane = Lane(plan, store, MemoryPublisher(output), reached=reached)
    with pytest.raises(CrashError):
        lane.apply(Batch(0, 0, numbered(lines), end=True))
    store.close()
    store = open_store(tmp_path)
    lane = Lane(plan, store, MemoryPublisher(output))
    if lane.offset < 0:
        assert step in ("after_poll", "mid_batch", "before_write")
        lane.apply(Batch(0, 0, numbered(lines), end=True))
    assert store.scan(ERASED, ERASED_END, 9) == []
    assert in_files(tmp_path) == {}
    lane.close()
    assert in_files(tmp_path) == {}


def test_the_key_at_which_a_sweep_stands_is_forgotten_too(plan: Plan) -> None:
    store = MemoryStore()
    lane = Lane(plan, store, MemoryPublisher(MemoryOutput()))
    lane.apply(Batch(0, 0, numbered(OF_ANNA)))
    meta: Meta = lane._meta
    meta.sweep, meta.fill = b"h\x09anna-userim-anna-3\0", b"panna-user\0"
    lane.apply(Batch(0, 0, numbered([ERASE], len(OF_ANNA)), wall_ms=1_767_225_600_000))
    assert told(store) == []


# --- the key --------------------------------------------------------------------------------------------------------------------------


def opened(plan: Plan, store: Store, output: MemoryOutput, key: bytes) -> Lane:
    return Lane(plan, store, MemoryPublisher(output, 4), 4, key=key)


def test_a_list_of_another_key_is_refused(plan: Plan) -> None:
    store, output = MemoryStore(), MemoryOutput()
    opened(plan, store, output, b"one").close()
    lane = opened(plan, store, output, b"two")
    lane.apply(Batch(4, 0, numbered([*OF_ANNA, ERASE]), end=True))
    lane.close()
    opened(plan, store, output, b"two").close()
    with pytest.raises(UnavailableError, match=r"^partition 4: the suppression list was made with the key [0-9a-f]{8}, and this one is "):
        opened(plan, store, output, b"one")


def test_the_same_address_under_two_keys_has_two_hashes(plan: Plan) -> None:
    rows = []
    for key in (b"one", b"two"):
        store = MemoryStore()
        opened(plan, store, MemoryOutput(), key).apply(Batch(4, 0, numbered([*OF_ANNA, ERASE]), end=True))
        rows.append({key for key, _ in store.scan(SUPPRESSED, SUPPRESSED_END, 9)})
    assert [len(each) for each in rows] == [1, 1]
    assert rows[0].isdisjoint(rows[1])
