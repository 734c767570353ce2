"""The script: it is small, it is what its source says, and a browser keeps it as long as it is the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from starlette.applications import Starlette

from flows.collect import script
from tests.asgi import Client
from tests.browser.site import NODE_MODULES

ROOT = Path(__file__).resolve().parents[3]
SERVED = ROOT / "flows" / "collect" / "beckon.min.js"
MOST_BYTES = 6_000


@pytest.fixture
def client() -> Client:
    return Client(Starlette(routes=script.routes()))


def test_it_is_under_six_kilobytes_without_any_packing(client: Client) -> None:
    answer = client.get("/beckon.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.content == SERVED.read_bytes()
    assert len(answer.content) < MOST_BYTES


def test_what_is_served_is_made_from_the_source() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = next(line for line in makefile.splitlines() if line.startswith("TERSER := ")).removeprefix("TERSER := ").split()
    source = SERVED.with_name("beckon.js")
    made = subprocess.run([NODE_MODULES / ".bin" / "terser", source, *options], capture_output=True, check=True)
    assert SERVED.read_bytes() == made.stdout.rstrip(b"\n"), "run 'make script'"


def test_it_evaluates_no_text() -> None:
    text = SERVED.read_text(encoding="utf-8")
    assert [word for word in ("eval(", "Function(", "innerHTML", "document.write", "setTimeout('") if word in text] == []


def test_a_browser_that_has_it_is_told_so(client: Client) -> None:
    etag = client.get("/beckon.js").headers["etag"]
    for told in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = client.get("/beckon.js", headers={"If-None-Match": told})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get("/beckon.js", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get("/beckon.js").headers["cache-control"] == "public, max-age=3600"
