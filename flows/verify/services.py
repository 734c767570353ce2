"""`SERVICES`: the services that verify addresses, by the names of `--service`: each is a file in flows/connectors and a row here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pydantic import SecretStr

from flows.settings import PREFIX, Settings
from flows.verify.verifier import Verifier
from schemas.errors import UsageError


class Service(NamedTuple):
    """How a service is made from a key and a URL (None: its own), and the settings that hold these."""

    made: Callable[[SecretStr, str | None], Verifier]
    key: str
    url: str


def _zerobounce(key: SecretStr, url: str | None) -> Verifier:
    from flows.connectors.zerobounce import ZeroBounce

    return ZeroBounce(key, url)


def _neverbounce(key: SecretStr, url: str | None) -> Verifier:
    from flows.connectors.neverbounce import NeverBounce

    return NeverBounce(key, url)


SERVICES: dict[str, Service] = {
    "zerobounce": Service(_zerobounce, "zerobounce_key", "zerobounce_url"),
    "neverbounce": Service(_neverbounce, "neverbounce_key", "neverbounce_url"),
}


def verifier_of(name: str, settings: Settings) -> Verifier:
    """The service of that name; UsageError where the environment has no key for it."""
    service = SERVICES[name]
    key: SecretStr | None = getattr(settings, service.key)
    if key is None:
        raise UsageError(f"{name} must have a key: set {PREFIX}{service.key.upper()}")
    return service.made(key, getattr(settings, service.url))
