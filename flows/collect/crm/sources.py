"""From a source of the plan to all that a pass over it takes: its walk, its key, its way over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from flows.collect.crm.hubspot import HubspotWalk
from flows.collect.crm.walk import JsonWalk, Walk
from flows.settings import PREFIX
from operators.plan.checked import CrmSource
from schemas.errors import UsageError


def walk_of(source: CrmSource) -> Walk:
    """The way over its pages."""
    return HubspotWalk(source) if source.hubspot else JsonWalk(source)


def key_for(source: CrmSource, keys: Mapping[str, SecretStr]) -> SecretStr | None:
    """The key of a source, None where it needs none; UsageError where the environment lacks it, or it can be in no header."""
    if source.auth is None:
        return None
    key = keys.get(source.name)
    if key is None:
        raise UsageError(f"the CRM {source.name} needs a key: give {PREFIX}CRM_KEYS='{source.name}=...'")
    text = key.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise UsageError(f"the key of the CRM {source.name} in {PREFIX}CRM_KEYS must be printable ASCII")
    return key
