"""Rules, made so that things collide: few names, few values of all kinds, durations on one grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from operators.language.check import Known, check
from operators.language.claims import settled
from operators.language.nodes import Node
from operators.language.parse import parse, rule
from tests.dice import Dice

IDS = tuple("abcdefgh")
EVENTS = (
    *("'A'", "'A'", "'A'", "'A'", "'A'", "'A'", "'B'", "'B'", "'B'", "'B'", "'C'", "['A', 'B']", "['A', 'B']", "['B', 'Identified']"),
    *("'Identified'", "'Identified'", "'Page Viewed'", "'Screen Viewed'"),
)
STARS = ("'*'", "'A*'", "['C', 'Page *']")
SPANS = ("1s", "2s", "3s", "5s", "10s", "500ms", "1s1ms", "1s500ms")
SCALARS = (
    *("1", "1", "1", "1", "1", "2", "2", "2", "'a'", "'a'", "'a'", "'a'", "True", "True", "'b'", "'Ab'"),
    *("1.0", "False", "0", "3", "0.5", "-1", "''", "'1'"),
)
LISTS = ("[1]", "[1.0]", "[]", "['a', 1]")
ORDER = ("<", "<=", ">", ">=")
COMPARES = ("==", "!=", *ORDER)
SUMS = ("0.3", "0.3", "0.2", "0.1", "1", "0", "0.007812", "0.023438", "0.15", "2")
"""What may become of the numbers of a stream (`DECIMALS`)."""

DATE, LIST, BEGIN = "'d'", "'l'", "'2026-01-05'"
AHEAD = ("1d", "2s", "23h59m58s", "22h59m55s", "4h59m57s", "1h", "1d1s", "366d", "400d")
"""Times before a day: from BASE_MS on the next begins in 1 d in UTC, in 23 h in Berlin, in 5 h in New York."""

DAY_SPANS = ("1h", "1h2s", "-2s", "-5s", "0s", "1d", "1d1s", "-1h", "5h3s")


@dataclass(frozen=True)
class Rules:
    """Draws rules that can refer to the segments `others` and to the named values `named`, whose names begin with what they are: `n`umber,
    `b`oolean, or any `v`alue."""

    dice: Dice
    others: Sequence[str] = ()
    named: Mapping[str, Node] = field(default_factory=dict)
    atoms: Sequence[Callable[[Rules], str]] = ()
    """The simplest rules that are drawn; all where there is none."""

    def pick(self, *options: str) -> str:
        return str(self.dice.pick(options))

    def one(self, *options: Callable[[], str]) -> str:
        """One of the ways to write a thing; the others draw nothing."""
        return str(self.dice.pick(options)())

    def fill(self, form: str, **parts: Callable[[], str]) -> str:
        """A form with what it has in braces."""
        return form.format(**{name: part() for name, part in parts.items() if f"{{{name}}}" in form})

    def checked(self) -> str:
        """A rule that the check lets pass: one drawn may by chance always or never hold."""
        text = self.boolean(self.dice.pick((0, 0, 1, 1, 2)))
        node, _ = parse(text, self.others, computed=self.named)
        return text if node is not None and not check(node, LEAST) else f"did({self.pick(*EVENTS)})"

    def checked_where(self) -> str:
        text = self.where(1)
        node, _ = parse(text, where=True)
        return text if node is not None and not check(node, LEAST) else "x == 1"

    def checked_value(self) -> tuple[str, str]:
        """The kind, as names of named values begin, and the text of an expression that the check lets pass."""
        kind, text = self.dice.pick((("n", self.number), ("b", self.boolean), ("v", lambda _: self.value())))
        drawn = text(1)
        node, _ = parse(f"has({drawn})", self.others, computed=self.named)
        return (kind, drawn) if node is not None and not check(node, LEAST) else ("n", self.count())

    def call(self, name: str, *arguments: str, where: bool = False) -> str:
        """A call over events, with some of the filters, `where` among them where it must be."""
        filters = dict(self.dice.pick(FILTERS) for _ in range(self.dice.pick((0, 0, 1, 1, 1, 2, 2, 3))))
        filters |= {"where": Rules.where_filter} if where else {}
        # A period is a window itself.
        filters.pop("this" if "within" in filters else "", None)
        return f"{name}({', '.join([self.events(), *arguments, *(draw(self) for draw in filters.values())])})"

    def where_filter(self) -> str:
        return f"where={self.where(1)}"

    def edge_filter(self) -> str:
        return f"{self.pick('from_', 'until')}='{self.pick(*EDGES)}'"

    def this_filter(self) -> str:
        return f"this='{self.pick('day', 'day', 'week', 'month', 'year')}'"

    def same_filter(self) -> str:
        return f"same='{self.pick('x', 'x', 'y', 'o.x')}', as_={self.mark()}"

    def events(self) -> str:
        return self.pick(*STARS) if self.dice.chance(1) else self.pick(*EVENTS)

    def mark(self) -> str:
        """Events that others are set against."""
        return self.on() if self.dice.chance(3) else self.pick(*EVENTS)

    def on(self) -> str:
        return f"on({self.pick(*EVENTS)}, where={self.where(0)})"

    def boolean(self, depth: int) -> str:
        """Something that is true or false, `depth` levels deep at most."""
        if depth == 0 or self.dice.chance(3):
            return str(self.dice.pick(self.atoms or ATOMS)(self))
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
        if depth == 0 or self.dice.chance(6):
            return self.one(
                self.count,
                self.value,
                self.count,
                self.measured,
                self.measured,
                lambda: self.pick(*NUMBERS, *self.computed("n")),
                self.other_number,
            )
        form = self.pick("{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "-({a})", "({a} if {c} else {b})")
        b = lambda: self.one(lambda: self.number(0), lambda: self.pick("2", "1", "0.5"))  # noqa: E731 - as long as its neighbours
        return self.fill(form, a=lambda: self.number(depth - 1), b=b, c=self.did)

    def measured(self) -> str:
        name = self.pick("sum", "sum", "avg", "min", "max", "distinct")
        return self.call(
            name, self.pick("'x'", "'x'", "'y'", "'l'") if name == "distinct" else self.pick("'n'", "'n'", "'n'", "'x'", "'o.x'")
        )

    def other_number(self) -> str:
        return self.one(self.total, lambda: f"len({self.box()})", lambda: f"len({self.value()})")

    def box(self) -> str:
        """Something that is often a list."""
        return self.one(
            lambda: "trait.l", lambda: self.call("last", LIST), lambda: self.call("unique", self.pick("'x'", "'n'", "'o'", "'l'"))
        )

    def looked_up(self) -> str:
        """A property of the first or last event, or a trait, or a named value."""
        if self.dice.chance(4):
            return self.pick("trait.x", "trait.x", "trait.y", "trait.o.x", "trait('x')", "trait.l", "trait.vip", *self.computed("v"))
        return self.call(
            self.pick("first", "last", "first", "last", "most"), self.pick("'x'", "'x'", "'x'", "'y'", "'o.x'", "'o'", "'l'", "'d'")
        )

    def computed(self, kind: str) -> list[str]:
        """References to the named values of a kind, twice, so that they come often."""
        return [f"computed('{name}')" for name in self.named if name.startswith(kind)] * 2

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
        if self.dice.chance(4):
            return f"{self.one(self.scalar, self.value)} {op} {self.one(self.box, self.box, self.value)}"
        return f"{self.value()} {op} {self.pick(*LISTS, '[1.0, None]', '[2, True]')}".replace("[]", "['']")

    def shaped(self) -> str:
        return f"{self.value()} {self.pick('==', '!=')} {self.pick(*LISTS)}"

    def none(self) -> str:
        some = self.one(self.looked_up, lambda: self.span(1), lambda: f"{self.looked_up()} + 1", lambda: f"{self.looked_up()}.lower()")
        thing = self.one(*[lambda: some] * 4, lambda: f"score({self.pick(*MODELS)})", lambda: f"len({self.value()})")
        return f"{thing} {self.pick('is None', 'is not None', '== None', '!= None')}"

    def has(self) -> str:
        return f"has({self.value()})"

    def bare(self) -> str:
        return self.one(self.value, lambda: self.pick("trait.vip", "trait.vip", "trait.vip_raw", "everyone", *self.computed("b")))

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
        if depth and self.dice.chance(2):
            lower = lambda: self.span(0)  # noqa: E731 - twice the same
            return self.fill(self.pick("coalesce({a}, {b})", "({a} if {c} else {b})"), a=lower, b=lower, c=lambda: self.boolean(0))
        since = lambda: self.call(self.pick("since", "since", "since_first"))  # noqa: E731 - twice the same
        member = [lambda: f"in_segment_for('{self.pick(*self.others)}')"] * 3 if self.others else []
        return self.one(since, since, *member, self.age)

    def age(self) -> str:
        if self.dice.chance(5):
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

    def measures(self) -> str:
        measured = self.measured()
        return f"{measured} {self.pick(*COMPARES)} {self.pick('1', '2') if measured.startswith('distinct') else self.pick(*SUMS)}"

    def uniques(self) -> str:
        unique = self.call("unique", self.pick("'x'", "'x'", "'x'", "'n'", "'l'"))
        pair = f"[{self.scalar()}, {self.scalar()}]"
        form = self.pick(
            "{s} in {u}", "{s} not in {u}", "{u} == [{s}]", "len({u}) >= 2", "any({u}, {i})", "{u} == {p}", "{u} == {p}", "has({u})"
        )
        return self.fill(form, u=lambda: unique, s=self.scalar, i=lambda: self.over_item(1), p=lambda: pair)

    def latest(self) -> str:
        return self.call("latest", where=True)

    def over(self) -> str:
        if self.dice.chance(2):
            return f"{self.total()} {self.pick(*COMPARES)} {self.pick(*SUMS)}"
        return f"{self.pick('any', 'all')}({self.box()}, {self.over_item(1)})"

    def total(self) -> str:
        return f"total({self.box()}, {self.pick('item', 'item', 'x', 'item.x', 'x * 2', 'x + y', 'len(l)', 'o.x', 'coalesce(x, item)')})"

    def over_item(self, depth: int) -> str:
        """An expression over the item of a list."""
        if depth and self.dice.chance(2):
            return f"{self.pick('any', 'all')}({self.pick('l', 'item', 'o.l')}, {self.over_item(0)})"
        name = self.pick("item", "item", "x", "x", "item.x", "o.x", "item.o.x", "prop('x')", "coalesce(x, item)")
        return self.fill(self.pick(*WHERES, "{n}", "total(l, item) > 1"), n=lambda: name, c=lambda: self.pick(*COMPARES), s=self.scalar)

    def shape(self) -> str:
        where = f", where={self.where(0)}" if self.dice.chance(2) else ""
        spans = [self.pick(*SPANS[:4], *SPANS[5:]) for _ in range(2)]
        form = self.pick(
            "regularly({e}, every='{a}', at_least={k}, of={n}{w})",
            "stopped({e}, active='{a}', silent='{b}'{w})",
            "restarted({e}, silent='{a}', within='{b}'{w})",
            "first_time({e}, within='{a}'{w})",
        )
        of = 1 + self.dice.below(3)
        return form.format(e=self.events(), a=spans[0], b=spans[1], w=where, k=1 + self.dice.below(of), n=of)

    def sequence(self) -> str:
        steps = [self.step() for _ in range(2 + self.dice.below(2))]
        return f"sequence({', '.join([*steps, *([self.within()] if self.dice.chance(8) else [])])})"

    def funnel(self) -> str:
        steps = [f"{'not ' if self.dice.chance(4) else ''}{self.step()}" for _ in range(1 + self.dice.below(3))]
        return f"funnel({', '.join([self.step(), *steps, self.within()])})"

    def step(self) -> str:
        return self.one(lambda: self.pick(*EVENTS[:14]), lambda: self.pick(*EVENTS[:11]), self.on)

    def within(self) -> str:
        return f"within='{self.pick(*SPANS)}'"

    def held(self, depth: int = 1) -> str:
        return f"held({self.boolean(depth if self.dice.chance(4) else 0)}, at_least='{self.pick(*SPANS)}')"

    def dated(self) -> str:
        what = self.one(lambda: "trait.d", lambda: "trait.d", lambda: self.call("last", DATE), lambda: "coalesce(trait.d, '2025-01-06')")
        form = self.pick("today({x})", "anniversary({x})", "anniversary({x}, within='{d}')", "anniversary({x}, within='{d}')")
        return form.format(x=what, d=self.pick(*AHEAD))

    def calendar(self) -> str:
        return self.pick(
            *("weekday() == 'monday'", "weekday() in ['saturday', 'sunday']", "weekday() != 'sunday'", "day() == 5", "day() >= 29"),
            *("month() == 1", "month() in [3, 10, 11]", "hour() == 2", "hour() in [0, 1, 3]", "hour() >= 19", "hour() < 6"),
            *("hour() != day()", "trait.y == weekday()"),
        )

    def scored(self) -> str:
        return f"score({self.pick(*MODELS)}) {self.pick(*ORDER, '==')} {self.pick('0.5', '0.25', '0.75')}"

    def consented(self) -> str:
        form = self.pick("{c}", "{c}", "not {c}", "{c} is None", "{c} is not None", "{c} == False", "{c} == consent('news')")
        return form.format(c=f"consent({self.pick(*TOPICS)})").replace("consent('news') == consent('news')", "consent('news')")

    def truths(self) -> str:
        return f"({self.did()}) {self.pick('==', '!=', '<')} ({self.one(self.did, self.has, self.segment)})"

    def where(self, depth: int) -> str:
        """An expression over an event's properties."""
        if depth and self.dice.chance(3):
            lower = lambda: self.where(depth - 1)  # noqa: E731 - twice the same
            return self.fill(self.pick("({a}) and ({b})", "({a}) or ({b})", "not ({a})", "({a}) if ({b}) else x == 1"), a=lower, b=lower)
        if self.dice.chance(5):
            return f"{self.pick('x', 'x', 'y')} {self.pick(*COMPARES)} {self.scalar()}"
        name = self.pick("x", "x", "x", "y", "o.x", "prop('x')", "name", "l", "email", "coalesce(x, y)", "category", "n", "model")
        return self.fill(self.pick(*WHERES), n=lambda: name, c=lambda: self.pick(*COMPARES), s=self.scalar)


LEAST = Known(history_ms=10_000)
"""The shortest history of `plan_settings`: what looks no further back can stand in each."""

FORMS = ("{a} and {b}", "{a} and not {b}", "{a} or {b}", "not {a}", "{a} if {b} else {c}", "{a} and {b} and {c}", "{a} or not {b} or {c}")
WHERES = (
    *("{n} {c} {s}", "{n} {c} {s}", "{n} {c} y", "{n}", "{n} is None", "{n} != None", "{n} in [1, 'a']", "{n} not in [1, 2]"),
    *("{n}.lower() == 'ab'", "{n}.startswith('a')", "has({n})", "{n} + 1 > 2", "{n} in l", "1 < {n} <= 3", "'a' in {n}", "{n} == [1]"),
    *("-{n} < 0", "{n} / y == 1", "everyone", "len({n}) >= 1", "any(l, item == {n})", "all(l, x == 1)", "total(l, x) > 1"),
)
TOPICS = ("'news'", "'news'", "'offers'")
MODELS = ("'m'", "'m'", "'k'")
NUMBERS = ("bucket('n')", "score('m')", "day()", "month()")
EDGES = (
    *("2026-01-05", "2026-01-05T00:00:00.500Z", "2026-01-05 00:00:01", "2026-01-05T01:00:01.500+01:00", "2026-01-05T00:00:02Z"),
    *("2026-01-05T00:00:03Z", "2026-01-05T00:00:05Z", "2026-01-04"),
)
FILTERS: tuple[tuple[str, Callable[[Rules], str]], ...] = (
    *[("within", Rules.within)] * 5,
    *[("where", Rules.where_filter)] * 2,
    *[("after", lambda rules: f"after={rules.mark()}")] * 2,
    *[("same", Rules.same_filter)] * 2,
    *[("edge", Rules.edge_filter)] * 2,
    ("this", Rules.this_filter),
)
ATOMS = (
    *(Rules.did, Rules.did, Rules.did, Rules.counted, Rules.counted, Rules.counted_between, Rules.counts, Rules.truths),
    *(Rules.passed, Rules.passed, Rules.passed, Rules.passed, Rules.passed_in, Rules.aged, Rules.aged, Rules.segment, Rules.segment),
    *(Rules.compared, Rules.compared, Rules.equal, Rules.listed, Rules.shaped, Rules.none, Rules.none, Rules.has, Rules.bare),
    *(Rules.method, Rules.method, Rules.bucket),
    *(Rules.measures, Rules.measures, Rules.uniques, Rules.uniques, Rules.latest, Rules.latest, Rules.over, Rules.over),
    *(Rules.shape, Rules.shape, Rules.shape, Rules.sequence, Rules.sequence, Rules.funnel, Rules.funnel, Rules.funnel),
    *(Rules.held, Rules.held, Rules.held, Rules.dated, Rules.calendar, Rules.scored, Rules.consented),
)


FAMILIES = (
    *[ATOMS] * 8,
    (Rules.measures, Rules.measures, Rules.measures, Rules.over, Rules.counts),
    (Rules.measures, Rules.measures, Rules.measures, Rules.uniques, Rules.compared),
    (Rules.sequence, Rules.funnel, Rules.funnel, Rules.shape, Rules.shape),
    (Rules.held, Rules.held, Rules.shape, Rules.passed, Rules.segment, Rules.did),
    (Rules.dated, Rules.dated, Rules.calendar, Rules.calendar, Rules.aged),
    (Rules.over, Rules.over, Rules.uniques, Rules.listed, Rules.scored, Rules.latest),
    (Rules.consented, Rules.consented, Rules.consented, Rules.held, Rules.did),
)
"""Rules of one plan are often alike, so that an event meets many of them."""


def rules(dice: Dice, most: int) -> tuple[dict[str, str], dict[str, str]]:
    """Rules and computed values, each by id and each referring to those before it; their ids are in no order."""
    names = dice.shuffled(IDS)[: 1 + dice.below(most)]
    atoms = dice.pick(FAMILIES)
    made: dict[str, str] = {}
    computed: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for i, name in enumerate(names):
        if dice.chance(3):
            kind, text = Rules(dice, names[:i], nodes, atoms).checked_value()
            computed[f"{kind}{i}"] = text
            nodes |= {f"{kind}{i}": rule(text, names[:i], computed=nodes)}
        made[name] = Rules(dice, names[:i], nodes, atoms).checked()
    return opened(made, nodes), computed


def segments(dice: Dice, most: int) -> dict[str, str]:
    """Rules alone."""
    names = dice.shuffled(IDS)[: 1 + dice.below(most)]
    return opened({name: Rules(dice, names[:i]).checked() for i, name in enumerate(names)}, {})


def opened(made: dict[str, str], named: Mapping[str, Node]) -> dict[str, str]:
    """The rules; in place of one that never or always holds, for which a plan is refused, one that may."""
    while closed := [name for name, _ in settled({name: rule(text, made, computed=named) for name, text in made.items()})]:
        made = made | dict.fromkeys(closed, "did('A')")
    return made
