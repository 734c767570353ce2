"""`line_chart`: one quantity over days, small; a page sets many side by side. The words around it are the page's."""

from __future__ import annotations

from collections.abc import Sequence

from flows.reports.svg import Svg, element, picture

WIDTH, HEIGHT = 240, 56
_TOP = 4


def line_chart(title: str, values: Sequence[int], labels: Sequence[str]) -> Svg:
    """The values from left to right, each with its label; the height of the picture is the largest of them, its floor is 0."""
    most = max(values, default=0)
    step = WIDTH / max(len(values) - 1, 1)
    points = [(i * step, HEIGHT - (HEIGHT - _TOP) * (value / most if most else 0)) for i, value in enumerate(values)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    days = [
        element("rect", element("title", f"{label}: {value:,}"), x=x - step / 2, y=0, width=step, height=HEIGHT, class_="day")
        for (x, _), value, label in zip(points, values, labels, strict=True)
    ]
    told = f"From {values[0]:,} on {labels[0]} to {values[-1]:,} on {labels[-1]}; the most is {most:,}." if values else "No values."
    return picture(
        WIDTH,
        HEIGHT,
        title,
        told,
        element("polygon", points=f"0,{HEIGHT} {path} {WIDTH},{HEIGHT}", class_="area"),
        element("line", x1=0, x2=WIDTH, y1=HEIGHT - 0.5, y2=HEIGHT - 0.5, class_="floor"),
        element("polyline", points=path, class_="line"),
        *days,
        class_="lines",
        stretched=True,
    )
