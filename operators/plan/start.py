"""`Start`: what starts a campaign."""

from __future__ import annotations

import re
from typing import Any

from operators.language.check import check, nearest, unknown_event, unknown_property
from operators.language.durations import shortened
from operators.language.nodes import Node
from operators.language.parse import parse
from operators.plan.reading import Reading
from operators.plan.yaml_tree import Path, Tree


class Start:
    """What starts a campaign: its `on`, `where` and `key`."""

    def __init__(self, reading: Reading, file: str, tree: Tree, raw: dict[str, Any]) -> None:
        self._reading, self._file, self._tree, self._raw = reading, file, tree, raw
        self.on: Any = "event"
        self.segment: str | None = None
        self.events: tuple[str, ...] = ()
        self.where: Node | None = None
        self.key: tuple[str, ...] | None = None
        text = raw.get("on")
        if isinstance(text, str):
            self._read(text)

    def _read(self, text: str) -> None:
        match = re.match(r"\s*(enters|exits|event)\s+(?=\S)", text)
        if match is None:
            word = (text.split() or [""])[0]
            hint = nearest(word, ("enters", "exits", "event"))
            self._find(0, f"`on` must be `enters <segment>`, `exits <segment>` or `event <name>`; got {shortened(text)}{hint}")
            return
        self.on, start = match[1], match.end()
        if self.on == "event":
            self._event(text, start)
            return
        self.segment, ids = text[start:].rstrip(), self._reading.ids
        if ids is not None and self.segment not in ids:
            self._find(start, f"a segment must be one of segments.yaml; got {shortened(self.segment)}{nearest(self.segment, ids)}")
        for key in ("where", "key"):
            if key in self._raw:
                self._reading.find(self._file, self._tree.key((key,)), f"`{key}` must stand with `on: event`; got `on: {self.on}`")

    def _event(self, text: str, start: int) -> None:
        name, where = text[start:], re.search(r"\s+where\s+", text[start:])
        if where is not None:
            name = name[: where.start()]
            self._where(("on",), text[start + where.end() :], start + where.end(), name.strip())
            if "where" in self._raw:
                self._reading.find(self._file, self._tree.key(("where",)), "`where` must be given once; got it here and in `on`")
        self.events = (name.strip(),)
        if self._reading.known.events is not None:
            self._reading.problems(self._file, self._tree, ("on",), unknown_event(start, name.strip(), self._reading.known.events))
        if where is None and isinstance(self._raw.get("where"), str):
            self._where(("where",), self._raw["where"], 0, name.strip())
        if isinstance(self._raw.get("key"), str):
            self._key(self._raw["key"])

    def _where(self, path: Path, text: str, start: int, event: str) -> None:
        self.where, problems = parse(text, where=True)
        if self.where is not None:
            problems = check(self.where, self._reading.known, text, (event,))
        self._reading.problems(self._file, self._tree, path, problems, start)

    def _key(self, text: str) -> None:
        self.key = tuple(text.split("."))
        if not all(self.key):
            place = self._tree.at(("key",))
            self._reading.find(self._file, place, f"`key` must be the name of a property, such as cart_id; got {shortened(text)}")
        elif self._reading.known.events is not None:
            problems = unknown_property(0, self.key, self.events, self._reading.known.events)
            self._reading.problems(self._file, self._tree, ("key",), problems)

    def _find(self, offset: int, text: str) -> None:
        self._reading.find(self._file, self._tree.inside(("on",), offset), text)
