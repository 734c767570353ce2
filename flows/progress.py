"""The progress display of a run: one line on stderr with rate, what is left, and counts. Where stderr is no terminal nothing is shown.

The line is made from `Totals` a few times a second, on a thread of its own; the lanes know nothing of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flows.totals import Totals, filling, rate
from schemas.counts import Counts

PER_SECOND = 5
WINDOW_S = 3.0
"""The rate shown is that of the last so many seconds."""


@contextmanager
def shown(console: Console, totals: Totals, *, live: bool) -> Iterator[None]:
    """Shows how `totals` grows while the block runs. `live` is an input without an end, so without a bar."""
    if not console.is_terminal:
        yield
        return
    line = Line(totals, live=live)
    with Live(console=console, get_renderable=line.render, refresh_per_second=PER_SECOND, transient=True, redirect_stdout=False):
        yield


def clock(seconds: float) -> str:
    """A duration in hours, minutes and seconds.

    >>> clock(59.6), clock(3661)
    ('1:00', '1:01:01')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class Line:
    """One line that says how far a run is. `clock` gives seconds."""

    def __init__(self, totals: Totals, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._totals = totals
        self._clock = clock
        self._live = live
        self._spinner = Spinner("dots", style="cyan")
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def render(self) -> Table:
        """The line as it stands now."""
        counts = self._totals.counts()
        line = Table.grid(padding=(0, 1), expand=False)
        # What may not wrap keeps its width; the text alone gives way on a narrow terminal.
        line.add_column(width=1, no_wrap=True)
        if not self._live:
            line.add_column(width=20, no_wrap=True)
            line.add_column(width=4, no_wrap=True, justify="right")
        line.add_column()
        # Room for the `^C` that a terminal shows: on a full line it would begin another one.
        line.add_column(width=2, no_wrap=True)
        done = self.share(counts)
        bar: list[RenderableType] = [] if self._live else [ProgressBar(total=1.0, completed=done, width=20), Text(f"{done:.0%}")]
        line.add_row(self._spinner, *bar, Text(self.text(counts), no_wrap=True, overflow="ellipsis"), "")
        return line

    def share(self, counts: Counts) -> float:
        """The share of the input that was read, as far as the source knows what is still to come."""
        whole = counts.records + counts.lag
        return counts.records / whole if whole else 0.0

    def text(self, counts: Counts) -> str:
        """Rate, what is left, and counts in words."""
        rate = self.rate(counts.records)
        left = f"{clock(counts.lag / rate)} left" if rate and counts.lag and not self._live else f"lag {counts.lag:,}"
        parts = [filling(counts)] if counts.to_fill else []
        parts += [f"{counts.events:,} events", f"{rate:,}/s", left, f"{counts.persons:,} persons"]
        parts += [f"{counts.transitions.total():,} transitions", f"{counts.triggers.total():,} triggers"]
        others = {"decisions": counts.decisions.total(), "rejects": counts.rejects.total(), "late": counts.late}
        return " · ".join(parts + [f"{number:,} {name}" for name, number in others.items() if number])

    def rate(self, records: int) -> int:
        """Records a second over the last `WINDOW_S`."""
        now = self._clock()
        self._seen.append((now, records))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return rate(after - before, end - start)
