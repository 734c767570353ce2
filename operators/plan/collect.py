"""`read_collect`: collect.yaml to the checked value."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from operators.plan.checked import Collect, WriteKey
from operators.plan.crm import read_crm
from operators.plan.webhooks import read_webhooks
from operators.plan.yaml_tree import Path
from schemas.collect import WRITE_KEY, KeyFile
from schemas.plan import NAME

Find = Callable[[Path, str], None]
"""Notes what must be otherwise at a place of the file."""


def read_collect(value: Any, topics: Collection[str], find: Find) -> Collect:
    """What is written in collect.yaml, whose shape was looked at before; what is wrong is left out, and noted. `topics` are those of
    plan.yaml."""
    raw = value if isinstance(value, dict) else {}
    keys = raw.get("keys")
    found = [_key(name, entry or {}, find) for name, entry in keys.items()] if isinstance(keys, dict) else []
    _look_for_one_key_twice([key for key in found if key is not None], find)
    webhooks = read_webhooks(raw.get("webhooks"), topics, find)
    return Collect(_texts(raw.get("origins")), tuple(key for key in found if key is not None), webhooks, read_crm(raw.get("crm"), find))


def _key(name: str, entry: Any, find: Find) -> WriteKey | None:
    if not re.fullmatch(NAME[1:-1], name):
        find(("keys", name), "the name of a write key must be like 'web' (a-z, 0-9, _, -); got another one")
    if not isinstance(entry, dict):
        return None
    kind, key = entry.get("kind", "server"), entry.get("key")
    if kind == "browser" and key is None:
        find(("keys", name), "a browser key must have its `key`; got none")
    if kind == "server" and key is not None:
        find(
            ("keys", name, "key"),
            "the key of a server must be in the environment, in BECKON_WRITE_KEYS; got it here, where many can read it",
        )
    if isinstance(key, str) and not re.fullmatch(WRITE_KEY[1:-1], key):
        return None
    fields = KeyFile.model_fields
    rate, burst = entry.get("rate", fields["rate"].default), entry.get("burst", fields["burst"].default)
    return WriteKey(name, kind == "browser", key, rate, burst)


def _look_for_one_key_twice(keys: Sequence[WriteKey], find: Find) -> None:
    """The name of a key is what its events are counted by, so a key cannot have two."""
    first: dict[str, str] = {}
    for key in keys:
        if key.browser and isinstance(key.key, str) and first.setdefault(key.key, key.name) != key.name:
            find(("keys", key.name, "key"), f"a browser key must be another one for each name; got that of '{first[key.key]}' again")


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
