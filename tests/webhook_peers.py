"""Mail services as they send: requests signed by programs that are not ours, openssl and standardwebhooks."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from standardwebhooks import Webhook

from operators.instants import format_instant

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
MAILGUN_KEYS = ("key-3ax6xnjp29jd6fds4gc373sgvjxteol0", "key-of-the-parent-account-0001")
RESEND_KEYS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
POSTMARK_KEY = "beckon:correct horse battery"


@dataclass(frozen=True)
class Sent:
    """A request, as it comes."""

    headers: Mapping[str, str]
    body: bytes

    def with_header(self, name: str, value: str | None) -> Sent:
        """With another header, or without it."""
        kept = {each: told for each, told in self.headers.items() if each != name}
        return replace(self, headers=kept if value is None else kept | {name: value})


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    """What openssl makes of it."""
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True, timeout=60).stdout


@cache
def folder() -> Path:
    """Where keys are, as long as the process lives."""
    return Path(mkdtemp(prefix="webhook-peers-"))


@cache
def ec_key(number: int) -> Path:
    """A private key on P-256."""
    path = folder() / f"ec-{number}.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
    return path


@cache
def sendgrid_key(number: int = 0) -> str:
    """The verification key, as SendGrid's settings show it."""
    return base64.b64encode(openssl("ec", "-in", str(ec_key(number)), "-pubout", "-outform", "DER")).decode()


AUTHORITY = """\
[ca]
default_ca = own
[own]
database = {place}/index
rand_serial = yes
new_certs_dir = {place}
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


@cache
def rsa_key(number: int, bits: int = 2048) -> Path:
    """A private key on RSA."""
    path = folder() / f"rsa-{number}-{bits}.pem"
    openssl("genrsa", "-out", str(path), str(bits))
    return path


@cache
def certificate(number: int, first: int = 2025, last: int = 2035, bits: int = 2048) -> bytes:
    """A certificate of the key, in PEM, that is valid from the beginning of one year to that of another."""
    place = folder() / f"ca-{number}-{first}-{last}-{bits}"
    place.mkdir()
    key, request, config = str(rsa_key(number, bits)), str(place / "request.pem"), place / "ca.conf"
    config.write_text(AUTHORITY.format(place=place))
    (place / "index").touch()
    openssl("req", "-new", "-key", key, "-out", request, "-config", str(config), "-subj", "/CN=sns.amazonaws.com")
    valid = ("-startdate", f"{first}0101000000Z", "-enddate", f"{last}0101000000Z")
    return openssl("ca", "-batch", "-notext", "-config", str(config), "-selfsign", "-keyfile", key, "-in", request, *valid)


def body_of(payload: Any) -> bytes:
    """JSON as a service writes it."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def sendgrid(payload: Any, at_ms: int, key: int = 0) -> Sent:
    """Signed by openssl with ECDSA."""
    body, stamp = body_of(payload), str(at_ms // 1000)
    signature = base64.b64encode(openssl("dgst", "-sha256", "-sign", str(ec_key(key)), given=stamp.encode() + body)).decode()
    headers = {"x-twilio-email-event-webhook-signature": signature, "x-twilio-email-event-webhook-timestamp": stamp}
    return Sent(headers, body)


def mailgun(payload: Any, at_ms: int, key: int = 0, token: str = "") -> Sent:
    """Signed by openssl with HMAC. With `key` 1 it is that of the parent account, and its own is unknown."""
    stamp, token = str(at_ms // 1000), token or base64.b16encode(f"{at_ms}".encode()).decode().ljust(50, "0")
    signature = {"timestamp": stamp, "token": token}

    def signed(secret: str) -> str:
        out = openssl("dgst", "-sha256", "-hmac", secret, given=f"{stamp}{token}".encode())
        return out.decode().rpartition("= ")[2].strip()

    if key == 1:
        signature |= {"signature": signed("key-of-a-sub-account-0001"), "parent-signature": signed(MAILGUN_KEYS[1])}
    else:
        signature |= {"signature": signed(MAILGUN_KEYS[key])}
    return Sent({"content-type": "application/json"}, body_of({"signature": signature, "event-data": payload}))


def postmark(payload: Any, at_ms: int = 0, key: str = POSTMARK_KEY) -> Sent:
    """With user and password."""
    return Sent({"authorization": "Basic " + openssl("base64", "-A", given=key.encode()).decode()}, body_of(payload))


def resend(payload: Any, at_ms: int, key: int = 0, id_: str = "msg_p5jXN8AQM9LWM0D4loKWxJek") -> Sent:
    """Signed by standardwebhooks. With `key` 1 there are signatures of both keys, as while a key is changed."""
    body, at = body_of(payload), datetime.fromtimestamp(at_ms // 1000, UTC)
    signatures = [Webhook(each).sign(id_, at, body.decode()) for each in RESEND_KEYS[: key + 1]]
    return Sent({"svix-id": id_, "svix-timestamp": str(at_ms // 1000), "svix-signature": " ".join(["v1a,abc", *signatures])}, body)


FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def ses(payload: Any, at_ms: int, key: int = 0, version: str = "2", bits: int = 2048, **fields: Any) -> Sent:
    """An envelope of SNS, signed by openssl with RSA."""
    message = payload if isinstance(payload, str) else body_of(payload).decode()
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": message,
        "Timestamp": format_instant(at_ms),
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC}:c9135db0",
    }
    envelope |= fields
    envelope = {name: value for name, value in envelope.items() if value is not None}
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in FIELDS.get(envelope["Type"], ()) if name in envelope).encode()
    digest = {"1": "-sha1", "2": "-sha256"}.get(version, "-sha512")
    signature = openssl("dgst", digest, "-sign", str(rsa_key(key, bits)), given=signed)
    return Sent({"content-type": "text/plain; charset=UTF-8"}, body_of(envelope | {"Signature": base64.b64encode(signature).decode()}))


def subscription(at_ms: int, **fields: Any) -> Sent:
    """What SNS sends first."""
    confirm = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"
    told = {"Type": "SubscriptionConfirmation", "Subject": None, "UnsubscribeURL": None, "Token": "2336412f37f", "SubscribeURL": confirm}
    return ses("You have chosen to subscribe to the topic.", at_ms, **(told | fields))


PEERS: dict[str, Callable[[Any, int], Sent]] = {
    "sendgrid": sendgrid,
    "mailgun": mailgun,
    "postmark": postmark,
    "resend": resend,
    "ses": ses,
}
