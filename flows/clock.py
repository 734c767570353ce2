"""`wall_ms`: the wall clock."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """ms since 1970, cut downwards."""
    return time.time_ns() // 1_000_000
