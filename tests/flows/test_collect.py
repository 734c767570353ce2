"""`beckon collect` that is told what cannot be meant does not start, and says why in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import beckon

WEB: dict[str, Any] = {"keys": {"web": {"kind": "browser", "key": "wk_shop_web"}}}
NEWS: dict[str, Any] = {
    "title": "News",
    "double_opt_in": True,
    "steps": [
        {
            "fields": [
                {"name": "email", "kind": "email", "label": "E-mail address"},
                {"name": "yes", "kind": "consent", "label": "Send me news", "topic": "news", "text_version": 1},
            ]
        }
    ],
}
NO_PROXY = "--trust-proxy must be addresses, or networks like 10.0.0.0/8; got "
WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "a plan in which nothing comes in": (
        {},
        (),
        "nothing can come in: the plan must have a collect.yaml with `keys`, `webhooks` or `crm`, or a form",
    ),
    "no keys": ({"collect": {"origins": ["https://shop.example.com"]}}, (), "nothing can come in: the plan must have"),
    "a proxy by name": ({"collect": WEB}, ("--trust-proxy", "127.0.0.1, proxy"), f"{NO_PROXY}'proxy'"),
    "a network with a host": ({"collect": WEB}, ("--trust-proxy", "10.0.0.1/8"), f"{NO_PROXY}'10.0.0.1/8'"),
    "a link to nowhere": (
        {"forms/news": NEWS},
        ("--host", "0.0.0.0"),  # noqa: S104 - it does not come to listen
        "the form news has its link mailed: say with --public-url where people reach it",
    ),
    "a public URL with a path": ({"collect": WEB}, ("--public-url", "https://e.example.com/x"), "--public-url must be like https://e.exam"),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_does_not_start(name: str, tmp_path: Path) -> None:
    files, options, sentence = WRONG[name]
    plan = tmp_path / "plan"
    (plan / "forms").mkdir(parents=True)
    for file, content in {"plan": {"name": "shop", "topics": {"news": {}}}, "segments": {"segments": {}}, **files}.items():
        (plan / f"{file}.yaml").write_text(json.dumps(content))
    run = beckon("collect", "--plan", plan, "--output", tmp_path / "log", "--port", "0", *options, cwd=tmp_path, stdin=b"")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith(f"beckon: {sentence}")
    assert len(run.stderr.splitlines()) == 1
