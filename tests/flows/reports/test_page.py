"""Pages of reports: they need nothing else, escape what they are told, and are written whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.reports.page import render, write_page
from flows.reports.svg import Svg, element, picture, together
from schemas.errors import UnavailableError

HOSTILE = "</title><script>alert('x')</script>&\"'"


def test_a_page_holds_its_style_and_loads_nothing() -> None:
    page = render("page.html")
    assert "font-variant-numeric" in page
    assert "default-src 'none'" in page
    assert re.findall(r"(?:src|href)=|url\(|@import|https?:", page) == []


def test_markup_escapes_text_and_attributes_once() -> None:
    made = picture(10, 10, HOSTILE, "a & b", element("g", HOSTILE, together("<", Svg("<g/>")), data_name=HOSTILE))
    assert "<script>" not in made
    assert "a &amp; b" in made
    assert made.count("<g/>") == 1
    assert "\"'" not in made


def test_a_page_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_page(tmp_path / "taken" / "page.html", "text")
    with pytest.raises(UnavailableError, match="cannot be written"):
        write_page(folder, "text")
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "folder"}


def test_a_page_is_written_over_the_one_before(tmp_path: Path) -> None:
    for text in ("one", "two ✓"):
        write_page(tmp_path / "new" / "page.html", text)
    assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == "two ✓"
    assert len(list((tmp_path / "new").iterdir())) == 1
