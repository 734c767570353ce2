"""Amazon SNS, by which SES tells: an envelope around each message, signed with RSA by a certificate whose address it tells.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages", "HTTP/HTTPS headers" and "Amazon SNS message delivery
retries" (as of 2026). The certificate is taken from the host of SNS in the topic's own region and no other, over TLS: that is why it is
believed. `Timestamp` is when the message was published, however often it is sent, and all retries together take at most an hour: so it may
be 65 minutes old. 4xx is not sent again, 429 and 5xx is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

from flows.collect.refusal import Refusal
from flows.collect.webhooks import stamps
from flows.collect.webhooks.mail_event import text
from flows.collect.webhooks.scheme import NO_SIGNATURE, WRONG_SIGNATURE, Arrival, forged, timely

WINDOW_MS = 65 * 60_000

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED: dict[str, tuple[str, ...]] = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
"""The fields of each type of message that its signature covers, in their order."""
OPTIONAL = frozenset({"Subject"})

HASHES = {"1": SHA1, "2": SHA256}
"""The hash of each `SignatureVersion`."""


class Envelope(NamedTuple):
    """A message that may be authentic, and where its certificate is."""

    fields: dict[str, Any]
    certificate_url: str

    @property
    def type(self) -> str:
        """The type of the message."""
        return str(self.fields["Type"])


def envelope(arrival: Arrival, fields: dict[str, Any], topics: Collection[str]) -> Envelope:
    """What is looked at before anything is fetched: a known type, a topic that the plan names, a stamp, and a certificate of SNS."""
    names = SIGNED.get(text(fields.get("Type")) or "")
    if names is None or fields.get("Signature") is None:
        forged(NO_SIGNATURE)
    if any(type(fields.get(name)) is not str for name in names if name not in OPTIONAL or fields.get(name) is not None):
        forged("a field that the signature covers is missing")
    topic, url = fields["TopicArn"], fields.get("SigningCertURL")
    if topic not in topics:
        raise Refusal(403, "the topic is none that the plan names")
    stamp = stamps.of_text(fields["Timestamp"])
    if stamp is None:
        forged("the stamp of the message must be a date and time")
    timely(arrival, stamp)
    if type(url) is not str or not re.fullmatch(
        rf"https://{re.escape(host_of(topic))}/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem", url
    ):
        forged("the certificate must be that of SNS in the region of the topic")
    return Envelope(fields, url)


def host_of(topic: str) -> str:
    """The host of SNS in the region of a topic, which is one that the plan names.

    >>> host_of("arn:aws:sns:eu-west-1:123456789012:mail"), host_of("arn:aws-cn:sns:cn-north-1:123456789012:mail")
    ('sns.eu-west-1.amazonaws.com', 'sns.cn-north-1.amazonaws.com.cn')
    """
    _, partition, _, region, *_ = topic.split(":")
    return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"


def verify(found: Envelope, certificate: bytes, now_ms: int) -> None:
    """Refuses a message that the certificate (PEM) does not prove."""
    fields = found.fields
    hashed = HASHES.get(text(fields.get("SignatureVersion")) or "")
    if hashed is None:
        forged("the version of the signature must be 1 or 2")
    try:
        signature = base64.b64decode(text(fields["Signature"]) or "", validate=True)
        _key(certificate, now_ms).verify(signature, canonical(fields), PKCS1v15(), hashed())
    except (ValueError, binascii.Error, InvalidSignature):
        forged(WRONG_SIGNATURE)


def canonical(fields: dict[str, Any]) -> bytes:
    """What is signed: names and values of the fields, a line each.

    >>> canonical({"Type": "Notification", "Message": "hi", "MessageId": "1", "Timestamp": "t", "TopicArn": "a", "Signature": "?"})
    b'Message\\nhi\\nMessageId\\n1\\nTimestamp\\nt\\nTopicArn\\na\\nType\\nNotification\\n'
    """
    return "".join(f"{name}\n{fields[name]}\n" for name in SIGNED[fields["Type"]] if fields.get(name) is not None).encode()


def _key(certificate: bytes, now_ms: int) -> RSAPublicKey:
    """The key of a certificate; ValueError where it is none, or not valid now."""
    found = load_pem_x509_certificate(certificate)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    key = found.public_key()
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc or not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("no certificate that is valid now")
    return key


def subscribe_url(found: Envelope) -> str:
    """Where a subscription is confirmed; a Refusal where that is not SNS in the region of the topic."""
    url = found.fields["SubscribeURL"]
    host = re.escape(host_of(found.fields["TopicArn"]))
    if not re.fullmatch(rf"https://{host}/\?[A-Za-z0-9%&=:._~+-]{{1,2000}}", url, re.ASCII) or "Action=ConfirmSubscription" not in url:
        forged("the subscription must be confirmed at SNS in the region of the topic")
    return str(url)
