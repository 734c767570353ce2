"""Columns that no row has."""

from __future__ import annotations

from operators.rows.checked import Column, RowMap
from operators.rows.unmet import Unmet

BY = RowMap("crm", user_id=Column("id", ("id",)), fields=((("city",), Column("company.citty", ("company", "citty"))),))


def test_what_no_row_has_is_told_with_what_may_be_meant() -> None:
    unmet = Unmet(BY)
    assert unmet.names() == []
    unmet.meet({"id": None, "company": {"city": None}})
    assert unmet.told() == ["no row has the column 'company.citty'; did you mean 'company.city'?"]
    unmet.meet({"company": {"citty": None}})
    assert unmet.told() == []
