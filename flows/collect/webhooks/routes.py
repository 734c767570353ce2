"""`Webhooks`: `POST /v1/webhooks/<name>`: what a mail service tells goes into the log, once.

A request goes through these: who sends it is proved over its raw body; what it tells becomes events; those that the log has had of late are
left out; the others are put into the log; only then is the answer 200.

- **Again the same** is answered 200 where the log has all of it: the service then stops, and nothing is counted twice. A Mailgun token that
  comes again with another body is a forgery: 406, after which Mailgun stops.
- **The log takes no more**: 503. The same request may come again, also when its stamp is older by then than it may be.
- **Forged** is 401, of an unknown topic of SNS 403. Services but SNS send again what they sent in earnest, so nothing is lost while a key
  is mended.
- **Floods**: an address that sends what is refused too often is sent away with 429; what is in earnest is never held up.
- **Kinds that are not known** are answered 200, told in the answer and counted, and become no event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flows.collect.app import told
from flows.collect.body import read_body
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.log import FullError
from flows.collect.machines import machine_of
from flows.collect.refusal import Refusal, busy
from flows.collect.webhooks.mail_event import Ignored, MailEvent, Rules, Told, record_of
from flows.collect.webhooks.receivers import Receiver, Sns
from flows.collect.webhooks.replays import Replays, id_of
from flows.collect.webhooks.scheme import WINDOW_MS, Arrival
from flows.collect.webhooks.table import opened
from flows.settings import Settings
from operators.identify import blocked_by
from operators.plan.checked import Plan, Webhook

MOST_BODY = 1024 * 1024
"""In bytes: SendGrid sends 768 KB at a time."""
MOST_KINDS = 100

log = structlog.get_logger(__name__)


class Open(NamedTuple):
    """A webhook that takes requests: its name, source, receiver and memory."""

    name: str
    source: str
    receiver: Receiver
    window_ms: int
    replays: Replays
    rules: Rules


class Webhooks:
    """The webhooks of a plan. `ignored` counts what became no event, by webhook and kind."""

    def __init__(self, edge: Edge, webhooks: Mapping[str, Open]) -> None:
        self._edge, self._open = edge, webhooks
        self.ignored: Counter[tuple[str, str]] = Counter()

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """What is answered with 200, once the log has what the request tells; a Refusal else."""
        hook = self._open.get(name)
        if hook is None:
            raise Refusal(404, "there is no webhook of that name")
        now, whole = self._edge.clock(), id_of(body)
        window = None if hook.replays.owes(whole, now) else hook.window_ms
        said, token = await hook.receiver.receive(Arrival(headers, body, now, window))
        ids = [] if token is None else [id_of(b"token", token.encode()), id_of(b"token", token.encode(), whole)]
        if ids and hook.replays.knows(ids[0]) and not hook.replays.knows(ids[1]):
            raise Refusal(406, "the token of the signature came before, with something else")
        records = self._records(hook, said)
        fresh = {id_: record for id_, record in records.items() if not hook.replays.knows(id_)}
        await self._put(hook, fresh, ids, whole)
        ignored = Counter(each.kind for each in said if isinstance(each, Ignored))
        self._ignored(name, ignored)
        outcome = {"taken": len(fresh), "known": len(records) - len(fresh), "ignored": ignored.total()}
        for each, number in outcome.items():
            self._edge.metrics.count("beckon_collect_webhooks", number, name, each)
        return {"success": True, **outcome, "ignored": dict(ignored)}

    def refused(self, name: str) -> None:
        """Counts a request that was refused."""
        if name in self._open:
            self._edge.metrics.count("beckon_collect_webhooks", 1, name, "refused")

    def _records(self, hook: Open, said: Sequence[Told]) -> dict[bytes, dict[str, Any]]:
        records = [record_of(each, hook.source, hook.rules) for each in said if isinstance(each, MailEvent)]
        return {id_of(b"event", each["messageId"].encode()): each for each in records}

    async def _put(self, hook: Open, fresh: Mapping[bytes, dict[str, Any]], ids: list[bytes], whole: bytes) -> None:
        """Puts records into the log, and remembers them only then."""
        now, noted = self._edge.clock(), [*fresh, *ids]
        try:
            begun = hook.replays.begin(noted, now)
        except FullError as error:
            hook.replays.owe(whole, now)
            raise busy(30, str(error)) from None
        if not begun:
            # The other one may fail yet, so this one has to come again.
            hook.replays.owe(whole, now)
            raise busy(2, "the same is on its way into the log")
        done = None
        try:
            if fresh:
                await self._edge.collect(list(fresh.values()), hook.name)
            done = self._edge.clock()
        finally:
            hook.replays.end(noted, done)
            if done is None:
                hook.replays.owe(whole, now)
            else:
                hook.replays.settle(whole)

    def _ignored(self, name: str, ignored: Counter[str]) -> None:
        for kind, number in ignored.items():
            place = (name, kind if (name, kind) in self.ignored or len(self.ignored) < MOST_KINDS else "other")
            if place not in self.ignored:
                log.info("a webhook tells of something that becomes no event", webhook=name, kind=place[1])
            self.ignored[place] += number


def open_webhooks(edge: Edge, settings: Settings, asked: Callable[[], Sns]) -> Webhooks:
    """The webhooks of the edge's plan; UsageError where one has no key. `asked` gives what is asked of Amazon SNS."""
    return Webhooks(edge, {each.name: _opened(each, edge.plan, settings, asked) for each in edge.plan.collect.webhooks})


def _opened(webhook: Webhook, plan: Plan, settings: Settings, asked: Callable[[], Sns]) -> Open:
    topics = {topic.id: topic.id for topic in plan.topics} | dict(webhook.topics)
    rules = Rules(topics.get, blocked_by(plan.identity.blocked if plan.identity is not None else ()), machine_of)
    receiver = opened(webhook, settings, asked)
    window = webhook.window_ms if webhook.window_ms is not None else receiver.window_ms
    # A stamp may lie ahead by as much as the clocks differ.
    return Open(webhook.name, webhook.esp, receiver, window, Replays(window + WINDOW_MS), rules)


def routes(webhooks: Webhooks, door: Door) -> list[BaseRoute]:
    """The routes of the edge's application. An address that forges too often is sent away (429)."""

    async def take(request: Request) -> Response:
        body = await read_body(request, MOST_BODY)
        try:
            return told(await webhooks.take(request.path_params["name"], request.headers, body))
        except Refusal as refusal:
            if 400 <= refusal.status < 500:
                webhooks.refused(request.path_params["name"])
                door.pass_by(request, "webhooks")
            raise

    return [Route("/v1/webhooks/{name}", take, methods=["POST"])]
