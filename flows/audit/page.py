"""`page_of`: an audit as a page: findings first, then pictures and tables."""

from __future__ import annotations

from collections.abc import Iterable

from flows.audit.audit import Audit, Pair
from flows.audit.findings import Finding
from flows.reports.lines import line_chart
from flows.reports.matrix import MOST as MOST_SETS
from flows.reports.matrix import NUMBERS_UP_TO, matrix
from flows.reports.moves import MOST as MOST_MOVES
from flows.reports.moves import moves_chart
from flows.reports.page import render
from flows.reports.svg import Svg

MOST_LINES = 48
"""Segments whose sizes are drawn; the table has all."""
MOST_PAIRS = 15
"""Pairs in the table; the matrix and `--json` have more."""
MOST_PROBLEMS = 100


def page_of(audit: Audit, findings: list[Finding]) -> str:
    """The page, whole."""
    return render(
        "audit.html",
        audit=audit,
        findings=_grouped(finding for finding in findings if not finding.note),
        notes=_grouped(finding for finding in findings if finding.note),
        number_of_findings=sum(not finding.note for finding in findings),
        lines=[
            (each, line_chart(f"Size of {each.id}", each.sizes, ["the day before", *audit.days])) for each in audit.segments[:MOST_LINES]
        ],
        matrix=_matrix(audit),
        most_sets=MOST_SETS,
        numbers_up_to=NUMBERS_UP_TO,
        pairs=audit.pairs[:MOST_PAIRS],
        moves=moves_chart("Moves between segments", {(move.left, move.entered): move.times for move in audit.moves[:MOST_MOVES]}),
        most_moves=MOST_MOVES,
        most_problems=MOST_PROBLEMS,
        reasons=sorted({reason for each in audit.campaigns for reason in each.decisions_ever}),
    )


def _grouped(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings by what they are about."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.about, []).append(finding)
    return groups


def _matrix(audit: Audit) -> Svg:
    """The overlaps of the largest segments."""
    shown = [each for each in audit.segments if each.size][:MOST_SETS]
    pairs: dict[frozenset[str], Pair] = {frozenset((pair.a, pair.b)): pair for pair in audit.pairs}

    def pair(a: int, b: int) -> Pair | None:
        return pairs.get(frozenset((shown[a].id, shown[b].id)))

    return matrix(
        "Overlaps of segments",
        [each.id for each in shown],
        [each.size for each in shown],
        lambda a, b: found.both if (found := pair(a, b)) else 0,
        lambda a, b: found.jaccard if (found := pair(a, b)) else 0.0,
    )
