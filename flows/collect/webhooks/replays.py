"""`Replays`: which events, tokens and requests a webhook has taken of late.

*Guarantees*: an id is known only once the log has what it stands for, from then on for `hold_ms`. A request that the log could not take is
owed: the very same body may come again, also when its stamp has become too old. The memory is bounded: where too much is known, what is new
must wait (`FullError`), and nothing known is forgotten early. It ends with the process; after that the messageIds of events, which do not
change, keep the job from applying one twice.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from hashlib import blake2b

from flows.collect.log import FullError

MOST_KNOWN = 500_000
MOST_OWED = 100_000
_PARTS = 4
"""The memory is let go of in parts of its time, each this part of it."""
OWED_MS = 26 * 3_600_000
"""An ESP sends again for a day at most."""


class Replays:
    """The memory of one webhook; all times are ms since 1970, and never go back."""

    def __init__(self, hold_ms: int, most: int = MOST_KNOWN) -> None:
        self._hold, self._most = hold_ms, most
        self._parts: deque[tuple[int, set[bytes]]] = deque()
        self._under_way: set[bytes] = set()
        self._owed: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(part) for _, part in self._parts)

    def knows(self, id_: bytes) -> bool:
        """Whether the log has it."""
        return any(id_ in part for _, part in self._parts)

    def begin(self, ids: Iterable[bytes], now: int) -> bool:
        """Notes that these are on their way into the log; false where one of them is already. FullError where no more can be known."""
        while self._parts and self._parts[0][0] + self._hold + self._hold // _PARTS < now:
            self._parts.popleft()
        wanted = set(ids)
        if len(self) + len(self._under_way) + len(wanted) > self._most:
            raise FullError("so many webhooks came of late that no more can be told from those that come again")
        if wanted & self._under_way:
            return False
        self._under_way |= wanted
        return True

    def end(self, ids: Iterable[bytes], now: int | None) -> None:
        """Says that the log has them, from `now` on; None: that it has not taken them."""
        ended = set(ids)
        self._under_way -= ended
        if now is None:
            return
        if not self._parts or self._parts[-1][0] + self._hold // _PARTS <= now:
            self._parts.append((now, set()))
        self._parts[-1][1].update(ended)

    def owe(self, body: bytes, now: int) -> None:
        """Notes that an authentic request was sent away unheard."""
        self._owed[body] = now
        self._owed.move_to_end(body)
        while len(self._owed) > MOST_OWED or (self._owed and next(iter(self._owed.values())) + OWED_MS < now):
            self._owed.popitem(last=False)

    def owes(self, body: bytes, now: int) -> bool:
        """Whether this request was sent away unheard."""
        return self._owed.get(body, now - OWED_MS - 1) + OWED_MS >= now

    def settle(self, body: bytes) -> None:
        """Says that the request was heard."""
        self._owed.pop(body, None)


def id_of(*parts: bytes) -> bytes:
    """16 bytes in the place of what is remembered."""
    return blake2b(b"\0".join(parts), digest_size=16).digest()
