"""An audit on a terminal: what is said at which width, and that names stay as they are."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.audit.audit import Audit, QualityAudit
from flows.audit.findings import Finding
from flows.audit.tables import MOST_ROWS, show
from tests.flows.audit.test_page import audit, segment


def shown(of: Audit, findings: list[Finding], width: int) -> list[str]:
    out = io.StringIO()
    show(of, findings, Console(file=out, width=width, highlight=False))
    return out.getvalue().splitlines()


FINDINGS = [Finding("empty", False, "c", "nobody is left in it; the last one left on 2026-01-20"), Finding("x", True, "a", "a note")]  # noqa: FBT003 - in the order of the struct


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = audit(segments=[segment("a" * 40, 7), segment("b", 3)])
    assert max(map(len, shown(wide, FINDINGS, width))) <= width


def test_a_wide_terminal_draws_sizes() -> None:
    assert any("▁" in line for line in shown(audit(), [], 110))
    assert not any("▁" in line for line in shown(audit(), [], 109))


def test_all_is_said() -> None:
    lines = [line.rstrip() for line in shown(audit(), FINDINGS, 80)]
    assert lines[0] == "shop  10 persons, 1 partition, up to 2026-01-21 10:00 UTC"
    rows = [line.split() for line in lines]
    assert ["a", "7", "70%", "+7", "5", "1", "2026-01-20"] in rows
    assert ["b", "a", "2", "67%", "29%", "0.25"] in rows
    assert ["a", "b", "12"] in rows
    assert ["hello", "3", "1", "0", "4"] in rows
    assert lines[lines.index("Findings: 1") + 1] == "  c  nobody is left in it; the last one left on 2026-01-20"
    assert lines[lines.index("Notes: 1") + 1] == "  a  a note"


def test_what_was_found_in_data_is_said_where_something_was() -> None:
    found = [QualityAudit("analytics.js", "Order Completed: total", "type", "strip", 3, 1200)]
    rows = [line.split() for line in shown(audit(quality=found), [], 100)]
    assert ["analytics.js", "Order", "Completed:", "total", "type", "strip", "3", "1,200"] in rows
    assert not any(line.startswith("Data") for line in shown(audit(), [], 100))


def test_nothing_found_is_said_too() -> None:
    assert {"Findings: none", "Notes: none"} <= set(shown(audit(), [], 80))


def test_names_are_no_markup() -> None:
    lines = shown(audit(segments=[segment("a", 7)]), [Finding("x", False, "[bold]a[/bold]", "[red]b")], 80)  # noqa: FBT003 - as above
    assert "  [bold]a[/bold]  [red]b" in [line.rstrip() for line in lines]


def test_the_first_pairs_are_shown() -> None:
    pairs = audit().pairs * (MOST_ROWS + 1)
    assert f"Overlaps: the first {MOST_ROWS} of {len(pairs)} pairs of segments that share people" in shown(audit(pairs=pairs), [], 80)
