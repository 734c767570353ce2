"""Consents and suppressions as `beckon profile show` lists them, each with its proof: topic, time and the rest."""

from __future__ import annotations

from typing import Any

from operators.profile import Consented, Suppressed


def consent_rows(consents: list[Consented]) -> list[tuple[str, str, str]]:
    """The consents as lines."""
    return [(each.topic or "all topics", _time(each.proof), _told(_GIVEN[each.given], each.proof)) for each in consents]


def suppression_rows(suppressions: list[Suppressed]) -> list[tuple[str, str, str]]:
    """The suppressions as lines."""
    return [(each.topic or "all topics", _time(each.proof), _told(each.reason, each.proof)) for each in suppressions]


_GIVEN = {True: "given", False: "withdrawn", None: "nothing is known"}


def _time(proof: dict[str, Any] | None) -> str:
    return "" if proof is None else str(proof["time"])


def _told(what: str, proof: dict[str, Any] | None) -> str:
    """What an act says, where and by which text it was done.

    >>> _told("given", {"act": "given", "topic": "news", "time": "...", "messageId": "m1", "source": "footer", "text_version": "v2"})
    'given, by m1, source footer, text version v2'
    """
    if proof is None:
        return what
    words = (("of", "address"), ("by", "messageId"), ("source", "source"), ("text version", "text_version"))
    return ", ".join([what, *(f"{word} {proof[name]}" for word, name in words if name in proof)])
