"""The webhooks of an edge in a test: all five services, with the keys of `tests.webhook_peers`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import SecretStr

from flows.collect.webhooks.routes import open_webhooks
from flows.settings import Settings
from operators.plan.checked import Plan
from operators.plan.read import read_plan
from schemas.errors import UnavailableError
from tests.collecting import edge_of
from tests.webhook_payloads import AT_MS
from tests.webhook_peers import CERTIFICATE_URL, MAILGUN_KEYS, POSTMARK_KEY, RESEND_KEYS, TOPIC, Sent, certificate, sendgrid_key

WEBHOOKS: dict[str, Any] = {
    "sendgrid": {"topics": {"10": "news"}},
    "mailgun": {},
    "postmark": {"topics": {"broadcast": "news"}},
    "resend": {},
    "ses": {"arns": [TOPIC]},
}


def plan_of(webhooks: dict[str, Any] | None = None) -> Plan:
    """A plan with webhooks, two topics, and a campaign that mails at once."""
    files = {
        "plan.yaml": {"name": "shop", "topics": {"news": {}, "offers": {"consent": "none"}}},
        "segments.yaml": {"segments": {"all": "everyone"}},
        "campaigns/cart.yaml": {"on": "event Cart Left", "topic": "news", "steps": [{"send": "cart"}]},
        "collect.yaml": {"webhooks": WEBHOOKS if webhooks is None else webhooks},
    }
    return read_plan({name: json.dumps(value) for name, value in files.items()})


def settings_of(**others: str | None) -> Settings:
    """The environment of a user who has all keys, with others in their place."""
    keys: dict[str, str | None] = {
        "sendgrid_webhook_key": f"{sendgrid_key(0)}, {sendgrid_key(1)}",
        "mailgun_webhook_key": ",".join(MAILGUN_KEYS),
        "postmark_webhook_key": f"old:{'x' * 20},{POSTMARK_KEY}",
        "resend_webhook_key": ",".join(reversed(RESEND_KEYS)),
    }
    keys |= others
    return Settings(**{name: SecretStr(value) for name, value in keys.items() if value is not None})  # type: ignore[arg-type]


class Aws:
    """SNS, as far as it is asked: its certificates by URL; what was confirmed."""

    def __init__(self) -> None:
        self.certificates = {CERTIFICATE_URL: certificate(0)}
        self.asked: list[str] = []
        self.confirmed: list[str] = []
        self.is_away = False

    async def certificate(self, url: str) -> bytes | None:
        """What is there."""
        self.asked.append(url)
        if self.is_away:
            raise UnavailableError("away")
        return self.certificates.get(url)

    async def confirm(self, url: str) -> None:
        """Notes it."""
        self.confirmed.append(url)


class Hooks:
    """Webhooks over a log in memory; the clock stands at `AT_MS`, two seconds after what is told."""

    def __init__(self, plan: Plan, **keys: str | None) -> None:
        self.edge, self.log, self.clock = edge_of(plan, AT_MS + 2_000)
        self.aws = Aws()
        self.webhooks = open_webhooks(self.edge, settings_of(**keys), lambda: self.aws)

    async def taken(self, name: str, sent: Sent) -> dict[str, Any]:
        """The answer; a Refusal where it is refused."""
        return await self.webhooks.take(name, sent.headers, sent.body)

    def take(self, name: str, sent: Sent) -> dict[str, Any]:
        """The same, in a loop of its own."""
        return asyncio.run(self.taken(name, sent))
