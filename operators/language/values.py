"""Values as keys: equal values (`semantics.md`, 4: 1 and 1.0 are one, and 1, true and "1" are three) have one text, and the text tells the
value."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def key_of(value: Any) -> str:
    """The text of a value: a string behind a quote, all else its JSON, whole numbers without a fraction.

    >>> key_of(1.0), key_of("1"), key_of({"b": [2.0], "a": None})
    ('1', '"1', '{"a":null,"b":[2]}')
    """
    return '"' + value if type(value) is str else _encode(one_form(value)).decode()


def value_of(key: str) -> Any:
    """The value of a key.

    >>> value_of(key_of("a")), value_of(key_of([1.5]))
    ('a', [1.5])
    """
    return key[1:] if key[0] == '"' else _decode(key)


def one_form(value: Any) -> Any:
    """The value with 1.0 as 1, so that equal values are one.

    >>> one_form({"a": [1.0, 1.5]})
    {'a': [1, 1.5]}
    """
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is list:
        return [one_form(item) for item in value]
    return {name: one_form(item) for name, item in value.items()} if type(value) is dict else value


def rank(key: str) -> tuple[int, Any]:
    """Where a value stands among all: false, true, numbers, strings by code point, lists, objects.

    >>> sorted(map(key_of, ["b", 2, True, [], False, "a", 10]), key=rank)
    ['false', 'true', '2', '10', '"a', '"b', '[]']
    """
    place = _RANKS.get(key[0], 1)
    return (place, _decode(key)) if place == 1 else (place, key)


_RANKS = {"f": 0, "t": 0, '"': 2, "[": 3, "{": 4}
