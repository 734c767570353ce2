"""`Receiver`: an open webhook: a request in, what it tells out, or a Refusal. All have keys but that of SNS, which gets certificates."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

from flows.collect.refusal import Refusal, busy
from flows.collect.webhooks import ses, sns
from flows.collect.webhooks.mail_event import Ignored, Told, text
from flows.collect.webhooks.payload import objected, parsed
from flows.collect.webhooks.scheme import WRONG_SIGNATURE, Arrival, Scheme, forged
from schemas.errors import UnavailableError

AGAIN_S = 20
"""SNS sends again after so many seconds."""


class Delivery(NamedTuple):
    """What an authentic request tells, and its token where it has one that counts once."""

    told: list[Told]
    token: str | None = None


class Receiver(Protocol):
    """A webhook that takes requests."""

    @property
    def window_ms(self) -> int:
        """How old a signature may be, where the plan says nothing."""

    async def receive(self, arrival: Arrival) -> Delivery:
        """What a request tells; a Refusal where it is forged or cannot be read."""


class Keyed:
    """A webhook whose keys are known."""

    def __init__(self, scheme: Scheme, keys: Sequence[Any]) -> None:
        self.window_ms = scheme.window_ms
        self._scheme, self._keys = scheme, keys

    async def receive(self, arrival: Arrival) -> Delivery:
        """What a request tells that one of the keys proves."""
        proved = self._scheme.verify(arrival, self._keys)
        return Delivery(self._scheme.read(proved), proved.token)


class Sns(Protocol):
    """What is asked of Amazon SNS; UnavailableError where it does not answer."""

    async def certificate(self, url: str) -> bytes | None:
        """The certificate at a URL, in PEM; None where there is none."""

    async def confirm(self, url: str) -> None:
        """Confirms a subscription."""


class FromSns:
    """The webhook of the topics of SNS to which SES tells."""

    window_ms = sns.WINDOW_MS

    def __init__(self, topics: Collection[str], asked: Sns) -> None:
        self._topics, self._sns = topics, asked

    async def receive(self, arrival: Arrival) -> Delivery:
        """What a message tells. A subscription is confirmed."""
        found = sns.envelope(arrival, objected(arrival.body), self._topics)
        try:
            certificate = await self._sns.certificate(found.certificate_url)
            if certificate is None:
                forged(WRONG_SIGNATURE)
            sns.verify(found, certificate, arrival.now_ms)
            if found.type == "SubscriptionConfirmation":
                await self._sns.confirm(sns.subscribe_url(found))
        except UnavailableError as error:
            raise busy(AGAIN_S, str(error)) from None
        if found.type != "Notification":
            return Delivery([Ignored(found.type)])
        return Delivery(_said(found))


def _said(found: sns.Envelope) -> list[Told]:
    try:
        payload = parsed(found.fields["Message"])
    except Refusal:
        # SES tells in plain words that it can publish to the topic.
        return [Ignored("a text")]
    return ses.read(payload, text(found.fields["MessageId"], 200) or "")
