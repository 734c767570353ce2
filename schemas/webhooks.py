"""The section `webhooks` of collect.yaml, as it is written: which mail services may tell what became of mails."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from schemas.plan import PlanModel

Esp = Literal["sendgrid", "mailgun", "postmark", "resend", "ses"]
ESPS: dict[Esp, str] = {
    "sendgrid": "Twilio SendGrid",
    "mailgun": "Mailgun",
    "postmark": "Postmark",
    "resend": "Resend",
    "ses": "Amazon SES, by way of Amazon SNS",
}
"""The mail services whose webhooks are understood."""

ARN = r"^arn:(aws|aws-cn|aws-us-gov):sns:[a-z]{2,3}(-[a-z]{2,10}){1,3}-[0-9]{1,2}:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$"
HEADER = r"^[A-Za-z0-9-]{1,100}$"


def _arn(value: str) -> str:
    if not re.fullmatch(ARN[1:-1], value):
        raise ValueError(f"a topic of Amazon SNS must be like 'arn:aws:sns:eu-west-1:123456789012:mails'; got {value[:200]!r}")
    return value


def _entry(value: object) -> object:
    return {} if value is None else value


class WebhookFile(PlanModel):
    """A webhook of a mail service."""

    esp: Annotated[Esp | None, Field(description="The mail service; may be left out where the webhook has its name.")] = None
    arns: Annotated[
        list[Annotated[str, AfterValidator(_arn), WithJsonSchema({"type": "string", "pattern": ARN})]],
        Field(default_factory=list, max_length=100, description="Of Amazon SES: the topics of Amazon SNS that may send."),
    ]
    header: Annotated[
        str | None, Field(pattern=HEADER, description="Of Postmark: the header that has the secret, in the place of user and password.")
    ] = None
    window: Annotated[
        str | None, Field(description="How old a signature may be, such as 9h. 5m where nothing is said, 65m for Amazon SES.")
    ] = None
    topics: Annotated[
        dict[str, str],
        Field(default_factory=dict, max_length=1000, description="The topic of each list of the service from which people unsubscribe."),
    ]


WebhookEntry = Annotated[
    WebhookFile, BeforeValidator(_entry), WithJsonSchema({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/WebhookFile"}]})
]
