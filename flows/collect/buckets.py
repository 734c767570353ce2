"""`Buckets`: how much may come, a token bucket for each key and address.

A bucket holds `burst` tokens and gets `rate` new ones a second. What is asked for is given while there is a token, if need be on credit, so
that a batch larger than what is left is taken whole, and paid off before the next.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache

MOST = 100_000
"""So many buckets are kept: those that were used last. An older one is most often full again."""
MOST_ADDRESS = 45
"""Of what a proxy calls an address and is none, so many characters are looked at: none that is one is longer (RFC 4291, 2.2)."""
_ROUNDING = 1e-6
"""Seconds and rates are binary fractions: who waited as long as was told is not sent away for that."""


class Buckets:
    """Token buckets by name.

    >>> buckets, anna = Buckets(), ("web", "192.0.2.1")
    >>> [buckets.wait_s(anna, number, rate=1, burst=2, now_ms=0) for number in (3, 1)]
    [0.0, 2.0]
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._buckets: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def wait_s(self, name: tuple[str, str], number: int, *, rate: float, burst: int, now_ms: int) -> float:
        """Takes so many tokens and gives 0, or takes none and gives the seconds until there is one."""
        tokens, at = self._buckets.pop(name, (float(burst), now_ms))
        # A clock that is set back gives nothing.
        tokens = min(tokens + max(now_ms - at, 0) * rate / 1000, float(burst))
        allowed = tokens >= 1 - _ROUNDING
        self._buckets[name] = (tokens - number if allowed else tokens, now_ms)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / rate


@lru_cache(maxsize=10_000)
def network(address: str) -> str:
    """Whom an address stands for: of IPv6 the /64, of which a single customer has all.

    >>> network("192.0.2.1"), network("2001:db8:1:2:3:4:5:6"), network("testclient")
    ('192.0.2.1', '2001:db8:1:2::', 'testclient')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:MOST_ADDRESS]
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)
