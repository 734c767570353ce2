"""Counts how often fields agree in FEBRL's data set 1, among pairs that are one person and among others: the shares of
`operators.duplicates.weights`.

    .venv/bin/python -m tests.duplicates_fit        prints the table
"""

from __future__ import annotations

import itertools
import random
from collections import Counter

from operators.duplicates.record import record_of
from operators.duplicates.similarity import LEVELS, Level, likeness
from tests.febrl import pairs_of, read_febrl

OTHERS = 150_000
"""Pairs of two persons that are drawn."""

Counts = dict[Level, float]
Shares = dict[Level, tuple[float, float]]


def fit() -> dict[str, Shares]:
    """The shares `(m, u)` of each level, by field; of `swapped` names see `operators.duplicates.weights`."""
    doubles = read_febrl(1)
    records, true = {each.id: record_of(each.traits) for each in doubles}, pairs_of(doubles)
    same: dict[str, Counter[Level]] = {}
    other: dict[str, Counter[Level]] = {}
    dice, ids = random.Random(1), sorted(records)
    drawn = (tuple(sorted(dice.sample(ids, 2))) for _ in itertools.count())
    for counts, pairs in ((same, true), (other, itertools.islice((pair for pair in drawn if pair not in true), OTHERS))):
        for a, b in pairs:
            for field, level, _ in likeness(records[a], records[b]):
                counts.setdefault(field, Counter())[level] += 1
    return {field: _shares(field, same[field], other[field]) for field in sorted(same)}


def _shares(field: str, same: Counter[Level], other: Counter[Level]) -> Shares:
    """Shares with half a pair added to each count, and levels pooled until a worse agreement never weighs more."""
    m, u = same.total() + 1, other.total() + 1
    ordinary = [level for level in LEVELS if (same[level] or other[level]) and not (level == "swapped" and field != "birthday")]
    pools = [([level], same[level] + 0.5, other[level] + 0.5) for level in ordinary]
    at = 1
    while at < len(pools):
        (levels, a, b), (worse, c, d) = pools[at - 1], pools[at]
        if a / b < c / d:
            pools[at - 1 : at + 1] = [(levels + worse, a + c, b + d)]
            at = max(at - 1, 1)
        else:
            at += 1
    shares = {level: (round(a / m, 4), _short(b / u)) for levels, a, b in pools for level in levels}
    if same["swapped"] and field != "birthday":
        shares["swapped"] = (round(((same["swapped"] + 0.5) / m) ** 0.5, 4), shares["equal"][1])
    return {level: shares[level] for level in LEVELS if level in shares}


def _short(share: float) -> float:
    return float(f"{share:.3g}")


if __name__ == "__main__":
    for name, shares in fit().items():
        print(f'    "{name}": {{')
        for level, (m, u) in shares.items():
            print(f'        "{level}": ({m}, {u}),')
        print("    },")
