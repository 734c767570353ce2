"""Plans and streams for Hypothesis, made so that things collide: few names, few values of all kinds, times on the grid of the windows.

A `Scenario` is texts alone (rules, campaign files, settings, lines); its `str` is what a person needs to follow a failure by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from operators.language.check import Known, check
from operators.language.parse import parse

BASE_MS = 1_767_571_200_000
"""2026-01-05T00:00:00Z, the instant that all offsets count from."""

Draw = Any
"""What `st.composite` hands on; Hypothesis types it by a class of its own."""

EVENTS = ("'A'", "'A'", "'A'", "'B'", "'B'", "'C'", "['A', 'B']", "['B', 'Identified']", "'Identified'", "'Page Viewed'", "'Screen Viewed'")
STARS = ("'*'", "'A*'", "['C', 'Page *']")
SPANS = ("1s", "2s", "3s", "5s", "10s", "500ms", "1s1ms", "1s500ms")
SCALARS = ("True", "False", "0", "1", "1.0", "2", "3", "0.5", "-1", "''", "'a'", "'b'", "'Ab'", "'1'")
LISTS = ("[1]", "[1.0]", "[]", "['a', 1]")
ORDER = ("<", "<=", ">", ">=")
COMPARES = ("==", "!=", *ORDER)
VALUES: tuple[Any, ...] = (
    True,
    False,
    0,
    1,
    1,
    1.0,
    2,
    2,
    3,
    0.5,
    -1,
    "",
    "a",
    "a",
    "b",
    "Ab",
    "1",
    None,
    [],
    [1],
    ["a", 1.0],
    {},
    {"x": 1},
    {"x": "a"},
)
INSTANTS: tuple[Any, ...] = (
    *(BASE_MS + offset for offset in (0, 1000, 3000, 10_000)),
    "2026-01-05T00:00:02Z",
    "2026-01-05T00:00:05.500Z",
    "2026-01-05 01:00:03+01:00",
    "2026-01-05T00:00:07",
    "2026-01-05",
    "2026-01-04",
    "2026-02-30",
    "soon",
    True,
    None,
)
DATE, LIST, BEGIN = "'d'", "'l'", "'2026-01-05'"
DAY_SPANS = ("1h", "1h2s", "-2s", "-5s", "0s", "1d", "1d1s", "-1h", "5h3s")


@dataclass(frozen=True)
class Scenario:
    """A plan as its author writes it and the lines of a stream; `until_ms` is the end of time, `log_ms` the log's time of all lines."""

    segments: dict[str, str]
    lines: list[bytes]
    until_ms: int | None = None
    log_ms: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    campaigns: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        head = [f"{name}: {value}" for name, value in (*self.settings.items(), *self.campaigns.items())]
        rules = [f"segment {name}: {rule}" for name, rule in self.segments.items()]
        ends = (("until", self.until_ms), ("logged at", self.log_ms))
        until = [f"{name} {at - BASE_MS:+d}ms" for name, at in ends if at is not None]
        return "\n".join([*head, *rules, *(f"{number}: {readable(line)}" for number, line in enumerate(self.lines)), *until])


def readable(line: bytes) -> str:
    """A line, its stamps as offsets where they can be read."""
    try:
        record = json.loads(line)
        stamps = {key: value for key, value in record.items() if key in ("timestamp", "originalTimestamp", "sentAt", "receivedAt")}
        record |= {
            key: f"{(datetime.fromisoformat(value).timestamp() * 1000 - BASE_MS):+g}ms {value[19:]}" for key, value in stamps.items()
        }
    except (ValueError, TypeError, AttributeError):
        return repr(line)
    return json.dumps(record)


@cache
def below(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, size - 1)


def pick(draw: Draw, options: Sequence[Any]) -> Any:
    """One of the options; shrinks to the first."""
    return options[draw(below(len(options)))]


def chance(draw: Draw, in_ten: int) -> bool:
    """True in so many of ten; shrinks to false."""
    return bool(draw(below(10)) > 9 - in_ten)


# Rules ------------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """Draws rules that can refer to the segments `others`."""

    draw: Draw
    others: Sequence[str] = ()

    def pick(self, *options: str) -> str:
        return str(pick(self.draw, options))

    def one(self, *options: Callable[[], str]) -> str:
        """One of the ways to write a thing; the others draw nothing."""
        return str(pick(self.draw, options)())

    def fill(self, form: str, **parts: Callable[[], str]) -> str:
        """A form with what it has in braces."""
        return form.format(**{name: part() for name, part in parts.items() if f"{{{name}}}" in form})

    def checked(self) -> str:
        """A rule that the check lets pass: one drawn may by chance always or never hold."""
        text = self.boolean(2)
        node, _ = parse(text, self.others)
        return text if node is not None and not check(node, Known()) else self.did()

    def checked_where(self) -> str:
        text = self.where(1)
        node, _ = parse(text, where=True)
        return text if node is not None and not check(node, Known()) else "x == 1"

    def call(self, name: str, *arguments: str) -> str:
        """A call over events, with filters."""
        events = self.pick(*STARS) if chance(self.draw, 1) else self.pick(*EVENTS)
        filters = [f"within='{self.pick(*SPANS)}'"] if chance(self.draw, 6) else []
        filters += [f"where={self.where(1)}"] if chance(self.draw, 2) else []
        filters += [f"after={self.pick(*EVENTS)}"] if chance(self.draw, 2) else []
        return f"{name}({', '.join([events, *arguments, *filters])})"

    def boolean(self, depth: int) -> str:
        """Something that is true or false, `depth` levels deep at most."""
        if depth == 0 or chance(self.draw, 3):
            return str(pick(self.draw, ATOMS)(self))
        lower = lambda: f"({self.boolean(depth - 1)})"  # noqa: E731 - three of the same
        return self.fill(self.pick(*FORMS), a=lower, b=lower, c=lambda: f"({self.boolean(0)})")

    def did(self) -> str:
        return self.call("did")

    def count(self) -> str:
        return self.call("count")

    def counted(self) -> str:
        return f"{self.count()} {self.pick('==', '!=', '>=', '>', '<=', '<')} {self.pick('1', '1', '2', '2', '3', '4')}"

    def counted_between(self) -> str:
        return f"{self.pick('0', '1')} < {self.count()} {self.pick('<', '<=', '!=')} {self.pick('2', '3')}"

    def counts(self) -> str:
        return f"{self.number(2)} {self.pick(*COMPARES)} {self.number(1)}"

    def number(self, depth: int) -> str:
        """Something that is a number as far as one can see."""
        if depth == 0 or chance(self.draw, 6):
            return self.one(self.count, self.value, self.count, lambda: "bucket('n')")
        form = self.pick("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "-({a})", "({a} if {c} else {b})")
        b = lambda: self.one(lambda: self.number(0), lambda: self.pick("2", "1", "0.5"))  # noqa: E731 - as long as its neighbours
        return self.fill(form, a=lambda: self.number(depth - 1), b=b, c=self.did)

    def looked_up(self) -> str:
        """A property of the first or last event, or a trait."""
        if chance(self.draw, 4):
            return self.pick("trait.x", "trait.x", "trait.y", "trait.o.x", "trait('x')", "trait.l", "trait.vip")
        return self.call(self.pick("first", "last"), self.pick("'x'", "'x'", "'x'", "'y'", "'o.x'", "'o'", "'l'", "'d'"))

    def value(self) -> str:
        """Something of an unknown kind."""
        form = self.pick("{a}", "{a}", "{a}", "{a}", "coalesce({a}, {b})", "({a} if {c} else {b})")
        return self.fill(form, a=self.looked_up, b=self.scalar, c=self.did)

    def scalar(self) -> str:
        return self.pick(*SCALARS)

    def compared(self) -> str:
        return f"{self.value()} {self.pick(*COMPARES)} {self.one(self.scalar, self.scalar, self.scalar, self.value)}"

    def equal(self) -> str:
        return f"{self.scalar()} {self.pick('==', '!=')} {self.value()}"

    def listed(self) -> str:
        op = self.pick("in", "not in")
        if chance(self.draw, 4):
            return f"{self.one(self.scalar, self.value)} {op} {self.one(lambda: self.call('last', LIST), lambda: 'trait.l', self.value)}"
        return f"{self.value()} {op} {self.pick(*LISTS, '[1.0, None]', '[2, True]')}".replace("[]", "['']")

    def shaped(self) -> str:
        return f"{self.value()} {self.pick('==', '!=')} {self.pick(*LISTS)}"

    def none(self) -> str:
        thing = self.one(self.looked_up, lambda: self.span(1), lambda: f"{self.looked_up()} + 1", lambda: f"{self.looked_up()}.lower()")
        return f"{thing} {self.pick('is None', 'is not None', '== None', '!= None')}"

    def has(self) -> str:
        return f"has({self.value()})"

    def bare(self) -> str:
        return self.one(self.value, lambda: self.pick("trait.vip", "everyone"))

    def method(self) -> str:
        text = self.value() + self.pick("", "", ".lower()")
        form = self.pick("{t}.lower() == {o}", "{t}.startswith({o})", "{t}.endswith({o})", "{t}.contains({o})", "{t}.matches({p})")
        other, pattern = ("'a'", "'A'", "'b'", "''", "trait.y"), ("'a'", "'^a'", "'b$'", "'[ab]+'", "'.'")
        return self.fill(form, t=lambda: text, o=lambda: self.pick(*other), p=lambda: self.pick(*pattern))

    def bucket(self) -> str:
        return f"bucket('{self.pick('n', 'm', 'ü')}') {self.pick(*ORDER)} {self.pick('0.5', '0.25', '0.9')}"

    def segment(self) -> str:
        return f"segment('{self.pick(*self.others)}')" if self.others else self.did()

    def span(self, depth: int) -> str:
        """A duration."""
        if depth and chance(self.draw, 2):
            lower = lambda: self.span(0)  # noqa: E731 - twice the same
            return self.fill(self.pick("coalesce({a}, {b})", "({a} if {c} else {b})"), a=lower, b=lower, c=lambda: self.boolean(0))
        since = lambda: self.call(self.pick("since", "since", "since_first"))  # noqa: E731 - twice the same
        member = [lambda: f"in_segment_for('{self.pick(*self.others)}')"] * 3 if self.others else []
        return self.one(since, since, *member, self.age)

    def age(self) -> str:
        if chance(self.draw, 5):
            return f"age({self.call(self.pick('first', 'last'), DATE)})"
        return f"age({self.pick('trait.d', 'trait.d', 'trait.x', 'coalesce(trait.d, BEGIN)').replace('BEGIN', BEGIN)})"

    def literal(self) -> str:
        return f"'{self.pick(*SPANS)}'"

    def passed(self) -> str:
        form = self.pick("{s} {op} {d}", "{s} {op} {d}", "{s} {op} {d}", "{d} {op} {s}", "{s} {op} {r}", "'1s' <= {s} < '5s'")
        op = self.pick(*ORDER, *ORDER, "==", "!=")
        return self.fill(form, s=lambda: self.span(1), d=self.literal, r=lambda: self.span(0), op=lambda: op)

    def aged(self) -> str:
        return f"{self.age()} {self.pick(*COMPARES)} '{self.pick(*SPANS, *DAY_SPANS)}'"

    def passed_in(self) -> str:
        return f"{self.span(1)} {self.pick('in', 'not in')} [{self.literal()}, {self.literal()}]"

    def truths(self) -> str:
        return f"({self.did()}) {self.pick('==', '!=', '<')} ({self.one(self.did, self.has, self.segment)})"

    def where(self, depth: int) -> str:
        """An expression over an event's properties."""
        if depth and chance(self.draw, 3):
            lower = lambda: self.where(depth - 1)  # noqa: E731 - twice the same
            return self.fill(self.pick("({a}) and ({b})", "({a}) or ({b})", "not ({a})", "({a}) if ({b}) else x == 1"), a=lower, b=lower)
        name = self.pick("x", "x", "x", "y", "o.x", "prop('x')", "name", "l", "email", "coalesce(x, y)", "category")
        return self.fill(self.pick(*WHERES), n=lambda: name, c=lambda: self.pick(*COMPARES), s=self.scalar)


FORMS = ("{a} and {b}", "{a} and not {b}", "{a} or {b}", "not {a}", "{a} if {b} else {c}", "{a} and {b} and {c}", "{a} or not {b} or {c}")
WHERES = (
    *(
        "{n} {c} {s}",
        "{n} {c} {s}",
        "{n} {c} {s}",
        "{n} {c} y",
        "{n}",
        "{n} is None",
        "{n} != None",
        "{n} in [1, 'a']",
        "{n} not in [1, 2]",
    ),
    *("{n}.lower() == 'ab'", "{n}.startswith('a')", "has({n})", "{n} + 1 > 2", "{n} in l", "1 < {n} <= 3", "'a' in {n}", "{n} == [1]"),
    *("-{n} < 0", "{n} / y == 1", "everyone"),
)
ATOMS = (
    *(Rules.did, Rules.did, Rules.did, Rules.counted, Rules.counted, Rules.counted_between, Rules.counts, Rules.truths),
    *(Rules.passed, Rules.passed, Rules.passed, Rules.passed, Rules.passed_in, Rules.aged, Rules.aged, Rules.segment, Rules.segment),
    *(Rules.compared, Rules.compared, Rules.equal, Rules.listed, Rules.shaped, Rules.none, Rules.none, Rules.has, Rules.bare),
    *(Rules.method, Rules.method, Rules.bucket),
)


@st.composite
def segments(draw: Draw, most: int = 6) -> dict[str, str]:
    """Rules by id, each referring to those drawn before it; their ids are in no order."""
    names = draw(st.permutations(["a", "b", "c", "d", "e", "f"]))[: draw(st.integers(1, most))]
    return {name: Rules(draw, names[:i]).checked() for i, name in enumerate(names)}


@st.composite
def plan_settings(draw: Draw) -> dict[str, Any]:
    return {
        "lateness": pick(draw, ("10s", "1s", "0s", "10s")),
        "duplicates": pick(draw, ("7d", "5s", "off")),
        "history": pick(draw, ("400d", "10s", "none")),
        "timezone": pick(draw, ("UTC", "UTC", "Europe/Berlin", "America/New_York")),
    }


@st.composite
def campaigns(draw: Draw, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Campaign files by id, on the segments `ids` and on events."""
    return {name: draw(campaign(ids)) for name in ("c1", "c2", "a3")[: draw(st.integers(1, 3))]}


@st.composite
def campaign(draw: Draw, ids: Sequence[str]) -> dict[str, Any]:
    on = pick(
        draw,
        (f"enters {pick(draw, ids)}", f"enters {pick(draw, ids)}", f"exits {pick(draw, ids)}", "event A", "event B", "event Page Viewed"),
    )
    made: dict[str, Any] = {"on": on, "steps": [{"send": pick(draw, ("hello", "bye"))}]}
    if on.startswith("event"):
        made |= {"where": Rules(draw).checked_where()} if chance(draw, 3) else {}
        made |= {"key": pick(draw, ("y", "o.x", "x"))} if chance(draw, 5) else {}
    made["re_enter"] = pick(draw, ("always", "never", "after 1s", "after 3s"))
    return made | ({"holdout": "50%"} if chance(draw, 1) else {}) | ({"state": "draft"} if chance(draw, 1) else {})


@st.composite
def sending_rules(draw: Draw) -> dict[str, Any]:
    """Settings of plan.yaml that hold for all campaigns."""
    caps = [{"most": pick(draw, (1, 1, 2)), "within": pick(draw, (*SPANS, "1m"))} for _ in range(pick(draw, (0, 1, 1, 2)))]
    return {"caps": caps, "holdout": pick(draw, (0, 0, 0, 0, 0, 0, 0, "40%"))}


# Streams ----------------------------------------------------------------------------------------------------------------------------------

STEPS_MS = (0, 0, 0, 500, 500, 1000, 1000, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000)
BACK_MS = (500, 1000, 2000, 3000, 5000, 12_000, 30_000)
ADDRESSES: tuple[Any, ...] = ("a@x.example", "a@x.example", "b@x.example", "", None, 5)
BROKEN: tuple[bytes, ...] = (
    *(b"{", b"[]", b'"x"', b"nope", b"\xff{}", b"null", b"", b"  \n", b"{}"),
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "properties": {"x": NaN}}',
    b'{"type": "trick", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "", "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": 5, "event": "A", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "timestamp": "2026-01-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "A"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "yesterday"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "sentAt": "2026-13-05T00:00:01Z"}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": "2026-01-05T00:00:01Z", "properties": []}',
    b'{"type": "track", "userId": "u1", "event": "A", "timestamp": 1767571200000}',
)


def stamp(offset_ms: int, form: str = "Z") -> str:
    """An instant in one of the forms that a stamp can have."""
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(milliseconds=offset_ms)
    local = at + timedelta(hours=2) if form == "+02:00" else at
    text = local.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return {"Z": text[:-3] + "Z", "+02:00": text[:-3] + "+02:00", " ": text[:-3].replace("T", " "), "us": text[:-3] + "999Z"}[form]


@st.composite
def stamps(draw: Draw, offset_ms: int) -> dict[str, str]:
    """Stamps of a record that make `offset_ms` its event time, or one set to that of receipt."""
    key = pick(draw, ("timestamp",) * 10 + ("originalTimestamp", "receivedAt", "in full", "in part", "future", "none"))
    if key == "none":
        return {}
    if key in ("timestamp", "originalTimestamp", "receivedAt"):
        return {key: stamp(offset_ms, pick(draw, ("Z", "Z", "Z", "Z", "+02:00", " ", "us")))}
    away = pick(draw, (0, 1000, 300_000, 300_001, -300_000, -300_001))
    if key == "in full":
        return {"originalTimestamp": stamp(away), "sentAt": stamp(away + 700), "receivedAt": stamp(offset_ms + 700), "timestamp": stamp(0)}
    if key == "in part":
        return {"timestamp": stamp(offset_ms), "originalTimestamp": stamp(away), "sentAt": stamp(away)}
    return {"timestamp": stamp(offset_ms - min(away, 0)), "receivedAt": stamp(offset_ms)}


@st.composite
def properties(draw: Draw) -> dict[str, Any]:
    made: dict[str, Any] = {name: pick(draw, VALUES) for name in ("x", "y") if chance(draw, 6)}
    made |= {"d": pick(draw, INSTANTS)} if chance(draw, 3) else {}
    made |= {"o": pick(draw, ({"x": 1}, {"x": "a"}, {}, {"x": None}, 5))} if chance(draw, 2) else {}
    return made | ({"l": pick(draw, ([], [1], ["a", 2], [True], [1, 2, "Ab"], "a"))} if chance(draw, 2) else {})


@st.composite
def traits(draw: Draw) -> dict[str, Any]:
    made: dict[str, Any] = draw(properties())
    made |= {"email": pick(draw, ADDRESSES)} if chance(draw, 3) else {}
    return made | ({"vip": pick(draw, (True, False, 1, None))} if chance(draw, 3) else {})


@st.composite
def body(draw: Draw) -> dict[str, Any]:
    """What a record says, but for who, when and which."""
    type_ = pick(draw, ("track",) * 14 + ("identify",) * 4 + ("page", "page", "screen", "group", "alias"))
    if type_ == "track":
        told = {"properties": None} if chance(draw, 1) else {"properties": draw(properties())}
        return {"type": type_, "event": pick(draw, ("A", "A", "A", "B", "B", "C", "A b"))} | told
    if type_ in ("identify", "group"):
        return {"type": type_, "traits": draw(traits())}
    name: dict[str, Any] = pick(draw, ({}, {"name": "a"}, {"name": "b", "category": "a"}))
    return {"type": type_, "properties": draw(properties()) | pick(draw, ({}, {"name": "x"})), **name}


@st.composite
def lines(draw: Draw, most: int = 40) -> list[bytes]:
    """The lines of a stream."""
    made: list[bytes] = []
    at = 0
    for number in range(draw(st.integers(1, most))):
        if chance(draw, 1) and chance(draw, 4):
            made.append(pick(draw, BROKEN))
            continue
        at += pick(draw, STEPS_MS)
        offset = at + pick(draw, (0, 0, 0, 0, 1, -1)) - (pick(draw, BACK_MS) if chance(draw, 2) else 0)
        who = pick(
            draw,
            ({"userId": "u1"},) * 5 + ({"userId": "u2"}, {"userId": "ü"}, {"anonymousId": "a1"}, {"userId": "u1", "anonymousId": "a1"}),
        )
        id_ = {"messageId": f"m{draw(st.integers(0, number)) if chance(draw, 2) else number}"}
        record = draw(body()) | who | (id_ if not chance(draw, 1) else {}) | draw(stamps(offset))
        made.append(json.dumps(record, ensure_ascii=False).encode())
    return made


def greeting(person: str, number: int) -> bytes:
    """An identify that makes a person reachable."""
    record = {
        "type": "identify",
        "userId": person,
        "messageId": f"hello{number}",
        "timestamp": stamp(0),
        "traits": {"email": f"{number}@x.example"},
    }
    return json.dumps(record, ensure_ascii=False).encode()


@st.composite
def scenarios(draw: Draw, *, sending: bool = False) -> Scenario:
    """Plans with their streams; `sending` adds campaigns, and makes most persons reachable."""
    rules, told = draw(segments(3 if sending else 6)), draw(plan_settings())
    stream = draw(lines(25 if sending else 40))
    until = BASE_MS + 500 * draw(st.integers(-4, 100)) if chance(draw, 3) else None
    logged = pick(draw, (None, None, None, None, None, None, BASE_MS + 5000, BASE_MS - 290_000))
    if not sending:
        return Scenario(rules, stream, until, logged, told)
    reachable = [greeting(person, number) for number, person in enumerate(("u1", "u2", "ü")) if not chance(draw, 1)]
    return Scenario(rules, reachable + stream, until, logged, told | draw(sending_rules()), draw(campaigns(list(rules))))


@st.composite
def batch_sizes(draw: Draw) -> list[int]:
    """Sizes of batches that are taken in turn: from one by one to all at once."""
    return list(pick(draw, ([1], [2], [3, 1], [1000], [7], draw(st.lists(st.integers(1, 12), min_size=1, max_size=4)))))
