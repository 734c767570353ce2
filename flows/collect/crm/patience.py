"""`Patience`: how long to wait before a request is sent again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """So many failures in a row are borne; the first wait, and the longest. What the server says goes before, up to `told_s`."""

    tries: int = 8
    first_s: float = 1.0
    most_s: float = 300.0
    told_s: float = 3600.0

    def wait_s(self, failures: int, told_s: float | None, chance: float) -> float:
        """The wait after so many failures in a row; `chance` in [0, 1) spreads those who wait for one server.

        >>> Patience().wait_s(1, None, 0.0), Patience().wait_s(4, None, 0.5), Patience().wait_s(1, 12, 0.5)
        (0.5, 6.0, 12.5)
        """
        if told_s is not None:
            return min(max(told_s, 0.0), self.told_s) + chance * self.first_s
        return min(self.most_s, self.first_s * float(1 << min(failures - 1, 30))) * (0.5 + chance / 2)
