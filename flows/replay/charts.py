"""The pictures of a replay's page: what happened day by day, and how far two plans are apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from flows.reports.svg import Svg, element, picture

Days = Mapping[str, Sequence[int]]
"""Numbers by date."""

_MOST_BARS = 120


@dataclass(frozen=True, slots=True)
class Axis:
    """The days from `first` on (as ordinals) in `bars` of `step` days each."""

    first: int
    step: int
    bars: int

    @classmethod
    def over(cls, days: Iterable[str]) -> Axis | None:
        """One that holds all these dates; None where there is none.

        >>> Axis.over(["2024-01-01", "2024-12-31"])
        Axis(first=738886, step=4, bars=92)
        """
        found = [date.fromisoformat(day).toordinal() for day in days]
        if not found:
            return None
        first, number = min(found), max(found) - min(found) + 1
        step = -(-number // _MOST_BARS)
        return cls(first, step, -(-number // step))

    def sums(self, days: Days, which: int) -> list[int]:
        """The numbers at place `which` of the days, summed up by bar."""
        sums = [0] * self.bars
        for day, numbers in days.items():
            sums[(date.fromisoformat(day).toordinal() - self.first) // self.step] += numbers[which]
        return sums

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last date."""
        last = min(self.first + self.bars * self.step - 1, date.max.toordinal())
        return date.fromordinal(self.first).isoformat(), date.fromordinal(last).isoformat()

    @property
    def unit(self) -> str:
        """What a bar stands for."""
        return "day" if self.step == 1 else f"{self.step} days"


def chart(title: str, axis: Axis, new: Sequence[int], old: Sequence[int] | None = None) -> Svg:
    """Bars of the plan and, of two plans, a line of the one that it is compared with."""
    width, height, top, bottom = 340.0, 132.0, 18.0, 18.0
    most, floor = max(1, *new, *(old or [])), height - bottom
    tall = floor - top
    start, end = axis.ends
    drawn = [
        element("line", x1=0.0, x2=width, y1=top, y2=top, stroke="#d5dbe1"),
        element("path", d=_bars(new, width, floor, tall, most), fill="#1d5b9e", fill_opacity="0.75"),
        element("line", x1=0.0, x2=width, y1=floor, y2=floor, stroke="#55606b"),
        element("text", f"{most:,}", x=0.0, y=12.0, class_="quiet"),
        element("text", start, x=0.0, y=height - 3, class_="quiet"),
        element("text", end, x=width, y=height - 3, class_="quiet", text_anchor="end"),
    ]
    if old is not None:
        drawn.insert(2, element("path", d=_steps(old, width, floor, tall, most), fill="none", stroke="#a84d08", stroke_width="1.5"))
    told = f"{title} per {axis.unit}, {start} to {end}: {sum(new):,}" + (f", {sum(old):,} with the old plan" if old is not None else "")
    return picture(width, height, f"{title} per {axis.unit}", told, *drawn)


def spark(title: str, values: Sequence[int]) -> Svg:
    """A line of small bars, to stand in a table."""
    width, height = 108.0, 20.0
    path = element("path", d=_bars(values, width, height - 1, height - 2, max(1, *values)), fill="#1d5b9e", fill_opacity="0.75")
    line = element("line", x1=0.0, x2=width, y1=height - 0.5, y2=height - 0.5, stroke="#d5dbe1")
    return picture(width, height, title, f"{title}: {sum(values):,}", path, line)


def apart(only_old: int, only_new: int, most: int) -> Svg:
    """What only the old plan has to the left of a line, what only the new one has to its right."""
    width, height, middle = 108.0, 14.0, 54.0
    left, right = (middle * number / max(most, 1) for number in (only_old, only_new))
    return picture(
        width,
        height,
        f"{only_old:,} only with the old plan, {only_new:,} only with the new one",
        "",
        element("rect", x=middle - left, y=2.0, width=left, height=10.0, fill="#a84d08"),
        element("rect", x=middle, y=2.0, width=right, height=10.0, fill="#1d5b9e"),
        element("line", x1=middle, x2=middle, y1=0.0, y2=height, stroke="#55606b"),
    )


def _bars(values: Sequence[int], width: float, floor: float, tall: float, most: int) -> str:
    """The outline of bars that stand on `floor`."""
    step = width / len(values)
    gap = min(1.0, step / 4)
    drawn = [
        f"M{_short(i * step)} {_short(floor)}V{_short(floor - tall * value / most)}h{_short(step - gap)}V{_short(floor)}z"
        for i, value in enumerate(values)
        if value
    ]
    return "".join(drawn) or "M0 0"


def _steps(values: Sequence[int], width: float, floor: float, tall: float, most: int) -> str:
    """A line that goes in steps."""
    step = width / len(values)
    heights = [floor - tall * value / most for value in values]
    drawn = f"M0 {_short(heights[0])}"
    for i, (before, after) in enumerate(pairwise(heights), 1):
        drawn += f"H{_short(i * step)}" + (f"V{_short(after)}" if after != before else "")
    return f"{drawn}H{_short(width)}"


def _short(value: float) -> str:
    return f"{round(value, 1):g}"
