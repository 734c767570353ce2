"""`open_forms` and `routes`: the forms of a plan, as a part of the edge."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import BaseRoute

from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.forms.api import Api
from flows.collect.forms.forms import LEAST_FILL_MS, Forms
from flows.collect.forms.memory import FILE, open_memory
from flows.collect.forms.pages import Pages
from flows.collect.forms.seal import Seal
from flows.key_file import key_file

KEY_FILE = "forms.key"


def open_forms(edge: Edge, data: Path, public_url: str, key: str | None = None, least_fill_ms: int = LEAST_FILL_MS) -> Forms:
    """The forms, with their memory and their key in the folder `data`, unless one is given. UnavailableError where these cannot be used."""
    signing = key.encode() if key is not None else key_file(data / KEY_FILE, "the key of the forms")
    forms = Forms(edge, open_memory(data / FILE), Seal(signing), public_url, least_fill_ms)
    if any(form.ask is not None for form in edge.plan.forms):
        edge.observers.append(forms.learn)
    return forms


def routes(forms: Forms, door: Door) -> list[BaseRoute]:
    """The routes of pages and of JSON."""
    return [*Pages(forms, door, forms.edge.plan.collect.origins).routes(), *Api(forms, door).routes()]
