"""The page of an audit: whole in itself, well formed, and nobody's title or id becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from flows.audit.audit import Audit, CampaignAudit, MismatchAudit, Move, Pair, PropertyAudit, QualityAudit, SegmentAudit, TraitAudit
from flows.audit.findings import findings_of
from flows.audit.page import page_of

HOSTILE = "</title></code><script>alert('x')</script>&\"'"
VOID = {"meta", "br"}


def segment(id: str, size: int, **more: Any) -> SegmentAudit:
    return msgspec.structs.replace(SegmentAudit(id, f"title of {id}", size, [0, 2, size], 5, 1, 9, 4, "2026-01-20", 0, []), **more)


def audit(**more: Any) -> Audit:
    plain = Audit(
        plan="shop",
        version="0123",
        at="2026-01-21T10:00:00.000Z",
        since="2026-01-19",
        days=["2026-01-20", "2026-01-21"],
        partitions=[0],
        persons=10,
        segments=[segment("a", 7), segment("b", 3), segment("c", 0)],
        pairs=[Pair("b", "a", 3, 7, 2, 8, 0.25)],
        moves=[Move("a", "b", 12), Move("b", "c", 1)],
        campaigns=[CampaignAudit("hello", "Hello", "live", 3, {"cap": 1}, 4, {"cap": 1, "holdout": 2})],
        traits=[TraitAudit("trait.email", ["hello"], 4)],
        properties=[PropertyAudit("A", None, ["a"], filled=True)],
        mismatches=[],
    )
    return msgspec.structs.replace(plain, **more)


def page(of: Audit) -> str:
    return page_of(of, findings_of(of))


class Tags(HTMLParser):
    """Fails where elements are not closed in their order; gathers the elements, and the text outside of style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def test_the_page_needs_nothing_else() -> None:
    made = page(audit())
    tags = Tags(made)
    assert {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "object", "a"} == set()
    assert [name for _, attrs in tags.seen for name in attrs if name in ("src", "href", "xlink:href", "onclick")] == []
    assert re.findall(r"https?:|//\w|url\(|@import", made) == []


def test_pictures_tell_what_they_show() -> None:
    pictures = [attrs for tag, attrs in Tags(page(audit())).seen if tag == "svg"]
    assert len(pictures) == 3 + 2
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)


def test_titles_ids_and_persons_stay_text() -> None:
    bad = audit(
        plan=HOSTILE,
        segments=[segment(HOSTILE, 7, title=HOSTILE, often=1, often_examples=[HOSTILE]), segment("b", 3)],
        pairs=[Pair("b", HOSTILE, 3, 7, 3, 7, 0.5)],
        moves=[Move(HOSTILE, "b", 2), Move("b", HOSTILE, 2)],
        campaigns=[CampaignAudit(HOSTILE, HOSTILE, "live", 0, {}, 0, {HOSTILE: 1})],
        traits=[TraitAudit(HOSTILE, [HOSTILE], 0)],
        properties=[PropertyAudit(HOSTILE, None, [HOSTILE], filled=False)],
        mismatches=[MismatchAudit(HOSTILE, [HOSTILE], [HOSTILE], 1)],
        quality=[QualityAudit(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1, 1)],
    )
    tags = Tags(page(bad))
    assert "script" not in {tag for tag, _ in tags.seen}
    assert HOSTILE in "".join(tags.text)
    assert "&amp;amp;" not in page(bad)


@pytest.mark.parametrize("number", [17, 25, 41, 60])
def test_many_segments_are_drawn_as_far_as_they_can_be_read(number: int) -> None:
    segments = [segment(f"s{n:02}", 100 - n) for n in range(number)]
    tags = Tags(page(audit(segments=segments, moves=[Move(f"s{n:02}", "s00", 1) for n in range(1, number)])))
    corners = sum(attrs.get("class") == "corner" for _, attrs in tags.seen)
    assert min(number, 40) == corners
    assert min(number - 1, 40) == sum(attrs.get("class") == "band" for _, attrs in tags.seen)
    assert min(number, 48) == sum(attrs.get("class") == "lines" for _, attrs in tags.seen)
    # The table has them all.
    assert {each.title for each in segments} <= {text.strip() for text in tags.text}


def test_an_empty_state_has_a_page() -> None:
    nothing = audit(
        at=None, persons=0, segments=[segment("a", 0, sizes=[0, 0, 0])], pairs=[], moves=[], campaigns=[], traits=[], properties=[]
    )
    assert "The state up to never" not in page(nothing)
    assert "no event was applied" in "".join(Tags(page(nothing)).text)
