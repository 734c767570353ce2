"""What came out of runs on Kafka, and what is wrong with it: `problems` compares it with the oracle, `state_problems` the state."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from flows.connectors.memory import MemoryOutput
from flows.lane_step import lane_folder
from operators.clean.companions import is_companion
from operators.instants import format_instant
from operators.lane.keys import META, Meta
from operators.lane.people import person_of
from operators.lane.rocks import open_live
from operators.language.compile import compile_rules
from operators.plan.checked import Plan
from schemas.counts import Counts
from schemas.output import STREAMS
from schemas.person import Person
from tests.crash.stream import Read, read_topic
from tests.harness import by_person, parsed
from tests.kafka_broker import Broker
from tests.oracle import Oracle

Oracles = Mapping[int, Oracle]
"""By lane, each after the whole input of its partition."""


class Published(NamedTuple):
    """An output as a read-committed reader gets it; `lane` is the partition of the input that it came from."""

    lane: int
    stream: str
    key: str | None
    value: bytes
    record: dict[str, Any]


def read_outputs(broker: Broker, plan: str) -> list[Published]:
    """All outputs of a plan, by stream and partition, in the order of each."""
    found: list[Published] = []
    for stream in (*STREAMS, "profiles"):
        for partition, reads in read_topic(broker, f"{plan}.{stream}").items():
            for read in reads:
                record = json.loads(read.value) if read.value else of_headers(read.headers)
                # A person's outputs lie where its events lie, as the key and the number of partitions are the same; a reject has no key.
                lane = partition if read.key is not None else record["data"]["source"]["partition"]
                found.append(Published(lane, stream, read.key, read.value, record))
    return found


def of_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """A CloudEvent without data in the binary mode of its Kafka binding, as a line of a file has it."""
    told = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
    return told | {"datacontenttype": "application/json", "data": None}


def oracles_of(plan: Plan, log: Mapping[int, Sequence[Read]], until_ms: int) -> Oracles:
    """The oracle of each lane: `log` are the records of the input topic by partition, time ends at `until_ms`."""
    oracles = {lane: Oracle(plan, until_ms) for lane in log}
    for lane, oracle in oracles.items():
        for read in log[lane]:
            oracle.record(read.value, read.offset, read.ms)
        oracle.settle(until_ms + 1)
    return oracles


def problems(outputs: Sequence[Published], oracles: Oracles) -> list[str]:
    """What is lost, twice or otherwise than the oracle has it; a sentence each, none where all is well."""
    return [*twice(outputs), *gaps(outputs), *differences(outputs, oracles)]


def twice(outputs: Sequence[Published]) -> list[str]:
    """Ids that stand more than once."""
    counted = Counter((each.stream, each.record["id"]) for each in outputs)
    return [f"twice: {stream} {id_} came {count} times" for (stream, id_), count in counted.items() if count > 1]


def gaps(outputs: Sequence[Published]) -> list[str]:
    """Lanes whose sequence numbers are not 1, 2, 3 and so on, each once."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for each in outputs:
        numbers[each.lane].append(int(each.record["sequence"]))
    return [
        f"gap: lane {lane} has {len(found)} outputs, numbered {min(found)} to {max(found)}, {len(set(found))} of them different"
        for lane, found in sorted(numbers.items())
        if sorted(found) != list(range(1, len(found) + 1))
    ]


def differences(outputs: Sequence[Published], oracles: Oracles) -> list[str]:
    """Lanes whose transitions, triggers and decisions, or rejects are others than the oracle's."""
    found: list[str] = []
    for lane, oracle in oracles.items():
        mine = [each for each in outputs if each.lane == lane]
        if gaps(mine):
            found.append(f"lane {lane} cannot be compared: its outputs have no order")
            continue
        memory = MemoryOutput()
        for each in mine:
            memory.streams.setdefault(each.stream, []).append(
                (int(each.record["sequence"]), each.key, each.value or json.dumps(each.record).encode())
            )
        got, expected = parsed(memory, Counts()), oracle.outcome
        for what, left, right in (
            ("transitions", by_person(got.transitions), by_person(expected.transitions)),
            ("triggers and decisions", by_person(got.sendings), by_person(expected.sendings)),
        ):
            wrong = sorted(person for person in left.keys() | right.keys() if left.get(person) != right.get(person))
            found += [f"lane {lane}: {what} of {id_}: got {left.get(id_)}, must be {right.get(id_)}" for id_ in wrong]
        profiles = {id_: (told["segments"], told["traits"]) for id_, told in got.profiles.items()}
        known = {id_: (stamped(person.entered), present(person.traits())) for id_, person in oracle.persons.items()}
        wrong = sorted(id_ for id_ in profiles.keys() | known.keys() if profiles.get(id_) != known.get(id_))
        found += [f"lane {lane}: profile of {id_}: got {profiles.get(id_)}, must be {known.get(id_)}" for id_ in wrong]
        if got.rejects != expected.rejects:
            found.append(f"lane {lane}: rejects: got {got.rejects}, must be {expected.rejects}")
    return found


def stamped(entered: Mapping[str, int]) -> dict[str, str]:
    return {segment: format_instant(t) for segment, t in entered.items()}


def present(traits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in traits.items() if value is not None}


class State(NamedTuple):
    """A lane's state: what it says of itself, but for what counts its commits; and every row of persons, their history and their timers."""

    meta: dict[str, Any]
    rows: dict[bytes, bytes]


OF_THE_RUN = {"plan", "version", "commit_no", "hint", "sweep"}
"""What of `Meta` hangs on the plan's name and on how the input was cut into batches."""


def read_state(state: Path, lane: int) -> State:
    """The state of a lane as it lies on the disk."""
    store = open_live(lane_folder(state, lane))
    try:
        raw = store.get(META)
        assert raw is not None
        meta = msgspec.structs.asdict(msgspec.msgpack.decode(raw, type=Meta))
        rows = [pair for kind in (b"h", b"p", b"t") for pair in store.scan(kind, bytes([kind[0] + 1]), 1 << 30)]
    finally:
        store.close()
    return State({name: value for name, value in meta.items() if name not in OF_THE_RUN}, dict(rows))


def state_problems(plan: Plan, states: Mapping[int, State], oracles: Oracles) -> list[str]:
    """Persons whose members, traits or number of events are others than the oracle's."""
    names = {rule.no: rule.id for rule in compile_rules(plan.segments, ZoneInfo(plan.timezone)).rules}
    found: list[str] = []
    for lane, oracle in oracles.items():
        people = [person_of(raw) for key, raw in states[lane].rows.items() if key.startswith(b"p")]
        got = {
            person.id: ({names[no]: since for no, since in person.members.items()}, _values(person), person.count)
            for person in people
            if person is not None and person.to is None
        }
        expected = {id_: (person.entered, person.traits(), len(person.events)) for id_, person in oracle.persons.items()}
        wrong = sorted(id_ for id_ in got.keys() | expected.keys() if got.get(id_) != expected.get(id_))
        found += [f"lane {lane}: state of {id_}: got {got.get(id_)}, must be {expected.get(id_)}" for id_ in wrong]
    return found


def _values(person: Person) -> dict[str, Any]:
    return {name: value for name, (_, value, *_) in person.traits.items() if not is_companion(name, person.traits)}
