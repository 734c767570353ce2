"""What an agreement is worth: `WEIGHTS`, in bits, after Fellegi and Sunter.

`m` is the share of a level among pairs that are one person, `u` among pairs that are not; the weight is log2(m / u). Each bit doubles the
odds that two records are one person.

*Where the shares come from*: those in `COUNTED` were counted in FEBRL's data set 1 alone (`tests/duplicates_fit.py` prints this table): `m`
over its 500 pairs of one person, `u` over 150,000 drawn pairs of others, half a pair added to each count, and neighbouring levels pooled
where a worse agreement would weigh more. Names are swapped both at once, so each has the root of the `m` of that, and the `u` of an equal
name. FEBRL has neither e-mail nor telephone: `ESTIMATED` is what it says. People have several addresses and numbers, so that two differ
says little; that somebody else has the very same is rare. Addresses that are made of the names (`named`) say no more than the names do.
"""

from __future__ import annotations

from math import log2

from operators.duplicates.similarity import Level

Shares = dict[Level, tuple[float, float]]
"""`(m, u)` by level."""

COUNTED: dict[str, Shares] = {
    "birthday": {
        "equal": (0.9355, 4.71e-05),
        "swapped": (0.0011, 1.81e-05),
        "close": (0.0137, 0.000873),
        "alike": (0.0032, 0.014),
        "different": (0.0497, 0.985),
    },
    "city": {
        "equal": (0.7209, 0.000826),
        "close": (0.2157, 0.000543),
        "alike": (0.001, 0.00518),
        "different": (0.0644, 0.993),
    },
    "family": {
        "equal": (0.8344, 0.00361),
        "swapped": (0.2983, 0.00361),
        "close": (0.8344, 0.00361),
        "alike": (0.0235, 0.0063),
        "different": (0.0562, 0.99),
    },
    "given": {
        "equal": (0.6932, 0.0041),
        "swapped": (0.3039, 0.0041),
        "close": (0.1051, 0.00148),
        "alike": (0.0138, 0.0118),
        "different": (0.0987, 0.983),
    },
    "house": {
        "equal": (0.8451, 0.0138),
        "close": (0.0374, 0.101),
        "different": (0.1186, 0.885),
    },
    "number": {
        "equal": (0.8992, 3.33e-06),
        "close": (0.0549, 3.33e-06),
        "different": (0.0469, 1.0),
    },
    "postcode": {
        "equal": (0.8313, 0.0011),
        "close": (0.1567, 0.0133),
        "different": (0.013, 0.986),
    },
    "street": {
        "equal": (0.6408, 0.000277),
        "close": (0.2888, 0.000516),
        "alike": (0.0725, 0.999),
        "different": (0.0725, 0.999),
    },
}

ESTIMATED: dict[str, Shares] = {
    "email": {"equal": (0.6, 0.00002), "close": (0.05, 0.00002), "alike": (0.05, 0.0005), "named": (1.0, 1.0), "different": (0.3, 1.0)},
    "phone": {"equal": (0.6, 0.0001), "close": (0.03, 0.0001), "different": (0.37, 1.0)},
}

WEIGHTS: dict[str, dict[Level, float]] = {
    field: {level: round(log2(m / u), 2) for level, (m, u) in shares.items()} for field, shares in (COUNTED | ESTIMATED).items()
}
"""The bits of each level, by field."""
