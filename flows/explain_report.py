"""What `beckon explain` prints for people: who is in what since when, the rule as a tree with values and events, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from flows.explain import Answer
from operators.language.durations import UNITS, format_duration
from operators.language.parts import Part, Shown

VERBS = {"state": ("is in", "is not in"), "history": ("was in", "was not in"), "forecast": ("will be in", "will not be in")}
"""How a membership, and the lack of it, is told."""
WORDS = {"and": "all of these", "or": "any of these", "not": "not"}
"""What stands for a part that only joins others."""


def show_answer(answer: Answer, out: Console) -> None:
    """Prints an answer."""
    _head(answer, out)
    if answer.rule is None:
        return
    out.print()
    _Tree(out).show(answer.rule)
    out.print()
    _ahead(answer, out)


def _head(answer: Answer, out: Console) -> None:
    person, segment = (answer.person, "bold"), (answer.segment, "bold")
    title = f": {answer.title}" if answer.title else ""
    if answer.exists:
        told = Text.assemble(person, f" {VERBS[answer.basis][not answer.member]} ", segment, title)
    elif answer.kept_from is None:
        told = Text.assemble(person, " did not exist yet, so was not in ", segment, title)
    else:
        told = Text.assemble("nothing is kept of ", person, " up to then, so ", segment, " cannot be explained")
    hang(out, Text(), told)
    for line in _facts(answer):
        hang(out, Text(" "), Text(line, style="dim"))


def _facts(answer: Answer) -> Iterator[str]:
    if answer.since is not None:
        yield f"since {answer.since}{_by(answer)}"
    elif answer.exists and not answer.member:
        never = "was not in it until then" if answer.basis == "history" else "never was in it"
        yield never if answer.kept_from is None else f"was not in it since {answer.kept_from}; the history is not whole before"
    yield {
        "state": f"at {answer.at}, up to which the state knows what happened",
        "history": f"at {answer.at}, from the kept history alone",
        "forecast": f"at {answer.at}, if nothing happens after {answer.now}",
    }[answer.basis]
    if not answer.exists and answer.first is not None:
        yield f"the first event that is kept is of {answer.first}"
    yield from answer.notes


def _by(answer: Answer) -> str:
    """What made it so."""
    cause = answer.cause or {}
    if "event" in cause:
        return f", by {cause.get('name', 'the event')} ({cause['event']})"
    return ", as time passed" if "time" in cause else ", as the plan takes effect" if "plan" in cause else ""


def _ahead(answer: Answer, out: Console) -> None:
    changes = answer.changes
    if changes is not None:
        does = "enters" if changes.member else "leaves"
        later = f", {rough(changes.after_ms)} later, when"
        hang(out, Text(), Text.assemble("If nothing happens: ", (f"{does} at {changes.at}", "bold"), later))
        for each in changes.because:
            of = Text.assemble(": it is ", value_of(each.of), " then") if each.of is not None else ""
            hang(out, Text(" "), Text.assemble((each.text, "cyan"), " becomes ", value_of(each.value), of))
    elif answer.tried is not None:
        hang(out, Text(), Text(f"If nothing happens: it stays so, at least up to {answer.tried}"))
    else:
        hang(out, Text(), Text("If nothing happens: it stays so"))


class _Tree:
    """Prints the parts of a rule, each a little further in than the one that it is a part of."""

    def __init__(self, out: Console) -> None:
        self._out = out
        signs = ("✓", "✗", "•") if out.encoding.lower().startswith("utf") else ("T", "F", "-")
        self._marks = {True: Text(signs[0], style="green"), False: Text(signs[1], style="red"), None: Text(signs[2], style="dim")}
        self._told: set[str] = set()

    def show(self, part: Part, depth: int = 0) -> None:
        """Prints a part and what is in it."""
        line, inner = self._line(part)
        hang(self._out, Text.assemble("  " * depth, self._marks[part.holds]), line)
        self._made_so(inner, depth)
        for each in inner.parts:
            self.show(each, depth + 1)

    def _line(self, part: Part) -> tuple[Text, Part]:
        """The words of a part, and the part whose events and parts go below it: a lone one is told in one line with what it stands in."""
        lone = part.parts[0] if len(part.parts) == 1 else None
        if part.kind == "not" and lone is not None and lone.kind not in WORDS:
            line, inner = self._line(lone)
            return Text.assemble("not ", line), inner
        if part.kind in WORDS:
            return Text(WORDS[part.kind]), part
        text = Text(part.text, style="cyan")
        if lone is not None and lone.holds is None and part.kind in ("compare", "in", "isnone", "method"):
            return Text.assemble(text, ": it is ", value_of(lone.value)), lone
        if part.holds is None or not isinstance(part.value, bool):
            return Text.assemble(text, " is ", value_of(part.value)), part
        return text, part

    def _made_so(self, part: Part, depth: int) -> None:
        """The events of a part, and what is to be said of it, once."""
        if not part.notes and not part.events:
            return
        margin = Text("  " * depth + "   ")
        if part.text in self._told:
            hang(self._out, margin, Text("as above", style="dim"))
            return
        self._told.add(part.text)
        for note in part.notes:
            hang(self._out, margin, Text(note, style="dim"))
        for event in part.events:
            hang(self._out, margin, _event(event))
        if part.more:
            hang(self._out, margin, Text(f"and {part.more:,} more", style="dim"))


def _event(event: Shown) -> Text:
    properties = [f"{name}: {plain(value)}" for name, value in event.properties.items()]
    return Text("  ".join([event.time, *([event.role] if event.role else []), event.name, event.message_id, *properties]))


def value_of(value: Any) -> Text:
    """A value in a line."""
    return Text(plain(value), style="bold")


def plain(value: Any) -> str:
    """A value for people, shortened.

    >>> plain("gold"), plain(None), plain(True), plain(3), plain("30m")
    ('gold', 'None', 'true', '3', '30m')
    """
    text = str(value) if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else text[:197] + "..."


def rough(ms: int) -> str:
    """A duration by its two largest units; less than those is left out.

    >>> rough(93_784_005), rough(999), rough(0)
    ('1d2h', '999ms', '0s')
    """
    sizes = [size for unit, size in UNITS.items() if unit != "w"]
    return format_duration(ms - ms % next((below for size, below in pairwise(sizes) if size <= ms), 1))


def hang(out: Console, head: Text, text: Text) -> None:
    """Prints a text behind its head; where it needs more lines they begin below its own first."""
    width = max(out.width - head.cell_len - 1, 20)
    for line in text.wrap(out, width):
        line.rstrip()
        out.print(Text.assemble(head, " ", line) if head.cell_len else line, soft_wrap=True)
        head = Text(" " * head.cell_len)
