"""`read_webhooks`: the section `webhooks` of collect.yaml to the checked values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, get_args

from operators.language.check import nearest
from operators.language.durations import parse_duration, shortened
from operators.plan.checked import Webhook
from operators.plan.yaml_tree import Path
from schemas.plan import NAME
from schemas.webhooks import ARN, ESPS, HEADER, Esp

Find = Callable[[Path, str], None]
"""Notes what must be otherwise at a place of the file."""

LEAST_MS, MOST_MS = 60_000, 86_400_000
"""How short and how long a signature can hold."""


def read_webhooks(value: Any, topics: Collection[str], find: Find) -> tuple[Webhook, ...]:
    """What is written there; what is wrong is left out, and noted. `topics` are those of plan.yaml."""
    entries = value if isinstance(value, dict) else {}
    return tuple(_webhooks(entries, topics, find))


def _webhooks(entries: dict[str, Any], topics: Collection[str], find: Find) -> Iterator[Webhook]:
    for name, written in entries.items():
        path: Path = ("webhooks", name)
        if not re.fullmatch(NAME[1:-1], name):
            find(path, "the name of a webhook must be like 'sendgrid' (a-z, 0-9, _, -); got another one")
        entry = {} if written is None else written
        if not isinstance(entry, dict):
            continue
        esp = entry.get("esp", name)
        if esp not in ESPS:
            if "esp" not in entry:
                find(path, f"`esp` must be one of {', '.join(ESPS)}, since the name of the webhook is none; got none{nearest(name, ESPS)}")
            continue
        yield _webhook(name, next(each for each in get_args(Esp) if each == esp), entry, topics, _within(path, find))


def _within(path: Path, find: Find) -> Find:
    return lambda more, text: find((*path, *more), text)


def _webhook(name: str, esp: Esp, entry: dict[str, Any], topics: Collection[str], find: Find) -> Webhook:
    arns = entry.get("arns")
    if esp == "ses" and not arns:
        find((), "a webhook of Amazon SES must have `arns`, the topics of Amazon SNS that may send; got none")
    if esp != "ses" and arns:
        find(("arns",), f"only a webhook of Amazon SES has `arns`; got some of {esp}")
    header = entry.get("header")
    if header is not None and esp != "postmark":
        find(("header",), f"only a webhook of Postmark has a `header`; got one of {esp}")
    window = _window(entry.get("window"), esp, find)
    lists = _lists(entry.get("topics"), topics, find)
    known = tuple(each for each in arns if isinstance(each, str) and re.fullmatch(ARN[1:-1], each)) if isinstance(arns, list) else ()
    return Webhook(name, esp, known, header if isinstance(header, str) and re.fullmatch(HEADER[1:-1], header) else None, window, lists)


def _window(text: Any, esp: Esp, find: Find) -> int | None:
    if not isinstance(text, str):
        return None
    if esp == "postmark":
        find(("window",), "a webhook of Postmark has no `window`, since it has no signature; got one")
    try:
        ms = parse_duration(text)
    except ValueError as error:
        find(("window",), str(error))
        return None
    if not LEAST_MS <= ms <= MOST_MS:
        find(("window",), f"`window` must be from 1m to 24h; got {shortened(text)}")
    return ms


def _lists(value: Any, topics: Collection[str], find: Find) -> dict[str, str]:
    lists = {name: topic for name, topic in value.items() if isinstance(topic, str)} if isinstance(value, dict) else {}
    for name, topic in lists.items():
        if topic not in topics:
            must = "a topic must be one of the `topics` of plan.yaml"
            find(("topics", name), f"{must}; got {shortened(topic)}{nearest(topic, topics)}")
    return lists
