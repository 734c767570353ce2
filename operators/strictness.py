"""`leniency`: how much a value allows, where it says whether somebody agrees: of two words on a consent the stricter is the lower.

0 refuses: false, 0, and the words of `REFUSING`, in any case. 2 agrees: true, 1, and the words of `AGREEING`. 1 is all else: null, a list,
another word: what cannot be read as an agreement is none.
"""

from __future__ import annotations

from typing import Any

REFUSING = frozenset(
    {
        *("false", "no", "n", "off", "0", "never", "none"),
        *("denied", "declined", "refused", "rejected", "withdrawn", "revoked", "blocked", "inactive"),
        *("opted_out", "opt_out", "optout", "unsubscribed", "disabled"),
    }
)
AGREEING = frozenset(
    {
        *("true", "yes", "y", "on", "1"),
        *("granted", "given", "accepted", "agreed", "allowed", "confirmed", "active"),
        *("opted_in", "opt_in", "optin", "subscribed", "enabled"),
    }
)


def leniency(value: Any) -> int:
    """How much a value allows: 0, 1 or 2.

    >>> [leniency(value) for value in (False, "Opted-out", None, "maybe", "yes", True)]
    [0, 0, 1, 1, 2, 2]
    """
    if type(value) is str:
        word = value.strip().lower().replace("-", "_").replace(" ", "_")
        return 0 if word in REFUSING else 2 if word in AGREEING else 1
    if type(value) is bool or type(value) is int or type(value) is float:
        return 0 if value == 0 else 2 if value == 1 else 1
    return 1
