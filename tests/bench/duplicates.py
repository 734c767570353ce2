"""How long it takes to find who a person may be a duplicate of, among 1,000,000 persons.

The index of a lane is filled in RocksDB with made-up people: names, cities and streets by Zipf's law, so that there are thousands of the
commonest names, some in one household. Then profiles change one by one: half are new people, half are people who are there already, with
one or two of their fields written otherwise. The time of each is from its traits to the list of who it may be, the change of the index
included; writing it is left to the batch, as in the lane. Of those who are there already nearly all must be found.

    .venv/bin/python -m tests.bench.duplicates 100000       with so many persons
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from operators.duplicates.find import REVIEW_AT, find
from operators.duplicates.index import Index
from operators.duplicates.record import record_of
from operators.duplicates.score import bits_of
from operators.lane.rocks import RocksStore, open_store
from tests.bench.measure import BenchError

PERSONS = 1_000_000
ASKED = 4_000
"""Profiles that change."""
WARM_UP = 400
BATCH = 2_000
LEAST_FOUND = 0.9
SYLLABLES = ["an", "be", "ca", "di", "el", "fo", "ga", "hi", "in", "jo", "ka", "li", "ma", "ne", "or", "pe", "ra", "si", "to", "ul", "va"]
SYLLABLES += ["we", "xa", "yo", "zi", "sch", "ber", "ger", "mann", "son", "er", "ly", "tho", "bri", "sta"]
SEED = 11

Traits = dict[str, Any]


class People:
    """Made-up people, the same for the same seed."""

    def __init__(self) -> None:
        self._dice = random.Random(SEED)
        self._given, self._given_law = self._words(2_000, 3, 0.9)
        self._family, self._family_law = self._words(40_000, 3, 0.8)
        self._street, self._street_law = self._words(20_000, 4, 0.7)
        self._city, self._city_law = self._words(5_000, 3, 0.9)

    def _words(self, number: int, syllables: int, exponent: float) -> tuple[list[str], list[float]]:
        """So many words, and the sums of Zipf's law to draw them by."""
        words: dict[str, None] = {}
        while len(words) < number:
            words["".join(self._dice.choices(SYLLABLES, k=self._dice.randint(2, syllables)))] = None
        return list(words), list(accumulate(1 / (rank + 10) ** exponent for rank in range(number)))

    def person(self, n: int) -> Traits:
        """A new one; a field is unknown of some."""
        dice, choices = self._dice, self._dice.choices
        [given], [family] = choices(self._given, cum_weights=self._given_law), choices(self._family, cum_weights=self._family_law)
        [street], [city] = choices(self._street, cum_weights=self._street_law), choices(self._city, cum_weights=self._city_law)
        traits: Traits = {"firstName": given, "lastName": family, "email": f"{given}.{family}{n % 1000}@example.com"}
        if dice.random() < 0.7:
            traits["birthday"] = f"{dice.randint(1940, 2007)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        if dice.random() < 0.6:
            traits["phone"] = f"+49 171 {dice.randint(1_000_000, 9_999_999)}"
        if dice.random() < 0.8:
            postcode = f"{hash_of(city) % 90_000 + 10_000 + dice.randint(0, 2)}"
            traits["address"] = {"street": f"{street} {dice.randint(1, 120)}", "city": city, "postalCode": postcode}
        return traits

    def changed(self, traits: Traits) -> Traits:
        """The same person, with one or two fields written otherwise, or left out."""
        traits = dict(traits)
        for field in self._dice.sample(["firstName", "lastName", "email", "phone"], self._dice.randint(1, 2)):
            if field in traits and self._dice.random() < 0.5:
                del traits[field]
            elif field in traits:
                at = self._dice.randrange(2, len(traits[field]) - 1)
                traits[field] = traits[field][:at] + traits[field][at + 1 :]
        return traits


def hash_of(word: str) -> int:
    """A number of a word that is the same in each process."""
    return int.from_bytes(word.encode(), "big") % 1_000_003


def measure(persons: int, folder: Path) -> dict[str, float]:
    """The median, the 99th percentile and the largest time in ms, and the share of doubles that were found."""
    people, store = People(), open_store(folder / "duplicates-state", durable=False)
    index, known = Index(store), dict[str, Traits]()
    began = time.monotonic()
    for n in range(persons):
        traits = people.person(n)
        if n % max(persons // ASKED, 1) == 0 and "birthday" in traits:
            known[f"p{n}"] = traits
        index.put(f"p{n}", record_of(traits))
        if n % BATCH == BATCH - 1:
            _write(index, store)
        if n % 100_000 == 99_999:
            print(f"duplicates: {n + 1:,} persons are there after {time.monotonic() - began:.0f} s", flush=True)
    _write(index, store)
    times, cpu, found, doubles = _ask(people, known, index, store, persons)
    size = store.size()
    store.close()
    shutil.rmtree(folder / "duplicates-state")
    p50, p99, largest, share = times[len(times) // 2], times[len(times) * 99 // 100], times[-1], found / doubles
    cpu_p99 = cpu[len(cpu) * 99 // 100]
    print(
        f"      duplicates: p50 {p50:.2f} ms, p99 {p99:.2f} ms, largest {largest:.2f} ms, of {len(times):,} among {persons:,} persons; ",
        end="",
    )
    print(f"p99 {cpu_p99:.2f} ms of CPU; ", end="")
    print(f"{share:.1%} of {doubles:,} doubles found; {size / persons:.0f} bytes a person", flush=True)
    if share < LEAST_FOUND:
        raise BenchError(f"of {doubles} doubles only {found} were found")
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": largest, "cpu_p99_ms": cpu_p99, "found": share, "bytes_a_person": size / persons}


def _ask(
    people: People, known: dict[str, Traits], index: Index, store: RocksStore, persons: int
) -> tuple[list[float], list[float], int, int]:
    """The times in ms, ascending, and those of the CPU; how many doubles were found, and of how many."""
    times: list[float] = []
    cpu: list[float] = []
    found = doubles = 0
    least, ids = bits_of(REVIEW_AT), list(known)
    for n in range(ASKED + WARM_UP):
        double = ids[n % len(ids)] if n % 2 else None
        traits = people.person(n) if double is None else people.changed(known[double])
        began, busy = time.perf_counter(), time.thread_time()
        record = record_of(traits)
        index.put(f"q{n}", record)
        answer = find(index, f"q{n}", record, persons, least)
        took, spent = (time.perf_counter() - began) * 1000, (time.thread_time() - busy) * 1000
        if n % 100 == 99:
            _write(index, store)
        if n >= WARM_UP:
            times.append(took)
            cpu.append(spent)
            if double is not None:
                doubles += 1
                found += double in [each.person for each in answer]
    return sorted(times), sorted(cpu), found, doubles


def _write(index: Index, store: RocksStore) -> None:
    writes = store.writes()
    index.flush(writes)
    store.write(writes)


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else PERSONS, Path(place))
