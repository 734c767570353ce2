"""Companions: what stands beside a cleaned value: `<name>_raw`, the value as it came where that was another, and `<name>_verdict`.

A companion belongs to the value that it came with: it goes when that one goes, and a late one does not come behind its back.
"""

from __future__ import annotations

from typing import Any

RAW = "_raw"
VERDICT = "_verdict"


def is_companion(name: str, names: Any) -> bool:
    """True for the name of what stands beside another of the names.

    >>> is_companion("email_raw", {"email", "email_raw"}), is_companion("email_raw", {"email_raw"}), is_companion("email", {"email"})
    (True, False, False)
    """
    return (name.endswith(RAW) and name[: -len(RAW)] in names) or (name.endswith(VERDICT) and name[: -len(VERDICT)] in names)
