"""`SCHEMES`: the mail services whose keys are in the environment; Amazon SES has none. `opened` gives the webhooks of a plan, ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import SecretStr

from flows.collect.webhooks import mailgun, postmark, resend, sendgrid
from flows.collect.webhooks.receivers import FromSns, Keyed, Receiver, Sns
from flows.collect.webhooks.scheme import Scheme
from flows.settings import PREFIX, Settings
from operators.plan.checked import Webhook
from schemas.errors import UsageError
from schemas.webhooks import Esp

MOST_KEYS = 10


class Row(NamedTuple):
    """A scheme, and the setting that has its keys."""

    scheme: Scheme
    setting: str


SCHEMES: dict[Esp, Row] = {
    "sendgrid": Row(sendgrid.SCHEME, "sendgrid_webhook_key"),
    "mailgun": Row(mailgun.SCHEME, "mailgun_webhook_key"),
    "postmark": Row(postmark.SCHEME, "postmark_webhook_key"),
    "resend": Row(resend.SCHEME, "resend_webhook_key"),
}


def opened(webhook: Webhook, settings: Settings, asked: Callable[[], Sns]) -> Receiver:
    """A webhook of the plan; UsageError where the environment has no key for it, or one that cannot be. `asked` gives what is asked of
    Amazon SNS."""
    if webhook.esp == "ses":
        return FromSns(frozenset(webhook.arns), asked())
    scheme, setting = SCHEMES[webhook.esp]
    secret: SecretStr | None = getattr(settings, setting)
    if secret is None:
        raise UsageError(f"the webhook {webhook.name} must have a key: set {PREFIX}{setting.upper()} to {scheme.words}")
    if webhook.header is not None:
        scheme = replace(scheme, verify=postmark.by_header(webhook.header))
    return Keyed(scheme, _keys(secret, scheme, f"{PREFIX}{setting.upper()}"))


def _keys(secret: SecretStr, scheme: Scheme, variable: str) -> Sequence[Any]:
    texts = [each.strip() for each in secret.get_secret_value().split(",") if each.strip()]
    if not 0 < len(texts) <= MOST_KEYS:
        raise UsageError(f"{variable} must have 1 to {MOST_KEYS} keys; got {len(texts)}")
    try:
        return [scheme.key_of(each) for each in texts]
    except ValueError as error:
        raise UsageError(f"{variable} must be {error}; got something else") from None
