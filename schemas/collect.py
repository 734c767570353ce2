"""collect.yaml, as it is written: who may send to the HTTP edge, and from where."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from schemas.crm import CrmFile
from schemas.plan import NAME, PlanModel
from schemas.webhooks import WebhookEntry

KeyKind = Literal["browser", "server"]
KEY_KINDS: dict[KeyKind, str] = {
    "browser": "stands in pages, so everybody knows it: it comes from the `origins` alone, and cannot say what only a server knows",
    "server": "is a secret, so it is in the environment: BECKON_WRITE_KEYS",
}
"""What a write key can be."""

WRITE_KEY = r"^[A-Za-z0-9_-]{8,100}$"
ORIGIN = r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$"


def _entry(value: object) -> object:
    return {} if value is None else value


def _key(text: str) -> str:
    if not re.fullmatch(WRITE_KEY[1:-1], text):
        raise ValueError(f"a write key must be 8 to 100 letters, digits, _ or -; got {text!r:.100}")
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(ORIGIN[1:-1], text):
        like = "https://shop.example.com or http://localhost:3000, in small letters, with nothing behind it"
        raise ValueError(f"an origin must be like {like}; got {text!r:.100}")
    return text


KeyText = Annotated[str, AfterValidator(_key), WithJsonSchema({"type": "string", "pattern": WRITE_KEY})]
Origin = Annotated[str, AfterValidator(_origin), WithJsonSchema({"type": "string", "pattern": ORIGIN})]


class KeyFile(PlanModel):
    """A write key."""

    kind: Annotated[KeyKind, Field(description="`browser`: the key stands in pages; `server`: it is a secret, in BECKON_WRITE_KEYS.")] = (
        "server"
    )
    key: Annotated[KeyText | None, Field(description="The key itself, of a browser key only: 8 to 100 letters, digits, _ or -.")] = None
    rate: Annotated[float, Field(gt=0, le=1_000_000, description="So many events a second are taken from one address, on average.")] = 100.0
    burst: Annotated[int, Field(ge=1, le=10_000_000, description="So many at once.")] = 1_000


KeyEntry = Annotated[KeyFile, BeforeValidator(_entry), WithJsonSchema({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/KeyFile"}]})]


class CollectFile(PlanModel):
    """collect.yaml: who may send to `beckon collect`. Without the file, nobody may."""

    origins: Annotated[
        list[Origin],
        Field(
            default_factory=list,
            max_length=1000,
            description="Web sites that may send, such as https://shop.example.com: scheme, host and port, exactly.",
        ),
    ]
    keys: Annotated[
        dict[str, KeyEntry],
        Field(
            default_factory=dict, max_length=1000, description="Write keys by name.", json_schema_extra={"propertyNames": {"pattern": NAME}}
        ),
    ]
    webhooks: Annotated[
        dict[str, WebhookEntry],
        Field(
            default_factory=dict,
            max_length=100,
            description="Mail services that may tell what became of mails, by name.",
            json_schema_extra={"propertyNames": {"pattern": NAME}},
        ),
    ]
    crm: Annotated[
        dict[str, CrmFile],
        Field(
            default_factory=dict,
            max_length=100,
            description="Systems that are asked for rows, by name.",
            json_schema_extra={"propertyNames": {"pattern": NAME}},
        ),
    ]
