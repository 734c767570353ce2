"""The line that says how far a run is."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from flows.progress import Line, shown
from flows.totals import Report, Totals
from schemas.counts import Counts


def totals(*counts: Counts) -> Totals:
    made = Totals()
    for each in counts:
        made.add(Report(each, 0))
    return made


def text(of: Totals) -> str:
    return Line(of, live=True, clock=lambda: 0.0).text(of.counts())


def test_the_line_tells_events_rate_lag_and_what_came_of_them() -> None:
    assert text(totals(Counts(events=1500, persons=20, lag=7, late=2))) == (
        "1,500 events · 0/s · lag 7 · 20 persons · 0 transitions · 0 triggers · 2 late"
    )


def test_while_persons_are_filled_the_line_begins_with_how_many_are() -> None:
    first, second = Counts(partition=0, to_fill=20, fill_total=50), Counts(partition=1, to_fill=46, fill_total=50)
    assert text(totals(first, second)).startswith("filling 34 % (34 of 100 persons) · 0 events")
    done = Counts(partition=0, filled=20, fill_total=50)
    assert text(totals(first, second, done)).startswith("filling 54 % (54 of 100 persons) · ")
    assert text(totals(done, Counts(partition=1, fill_total=50))).startswith("0 events")


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    out = StringIO()
    with shown(Console(file=out), totals(Counts(events=1)), live=False):
        pass
    assert out.getvalue() == ""
