"""Hostile requests to the pixel, the forms and the webhooks of a plan: junk, forged signatures, and what comes again."""

from __future__ import annotations

import base64
import hmac
import json
import random
import time
from typing import Any
from urllib.parse import quote_plus

from tests.edge import ORIGIN, WEB, basic
from tests.flows.collect.hostile_request import MARK, VALUES, http, text

MAILGUN, POSTMARK, RESEND = "mailgun-signing-key-4711", "postmark:secret-4711-4711", "whsec_" + base64.b64encode(b"r" * 24).decode()
SECRETS = {"BECKON_MAILGUN_WEBHOOK_KEY": MAILGUN, "BECKON_POSTMARK_WEBHOOK_KEY": POSTMARK, "BECKON_RESEND_WEBHOOK_KEY": RESEND}
HOOKS = ("mailgun", "postmark", "resend", "none")
FORM = {
    "title": "News",
    "progressive": 2,
    "hidden": {"placement": "placement"},
    "steps": [
        {
            "fields": [
                {"name": "email", "kind": "email", "label": "E-mail address", "required": True},
                {"name": "size", "kind": "radio", "label": "Size", "options": ["S", "M"], "worth": 9},
                {"name": "birthday", "kind": "date", "label": "Birthday", "max": "today", "worth": 5},
            ]
        }
    ],
}


def junk(rng: random.Random) -> str:
    """A value as a text that fits into a query."""
    value = rng.choice((*VALUES, "a" * 5000, "[" * 3000, '{"a":' * 300, "%", "%zz", "%00", "\r\nX: y", MARK))
    told = value if isinstance(value, str) else json.dumps(value)
    return quote_plus(told, errors="replace") if rng.random() < 0.8 else quote_plus(told, safe="%[]{}:\"'/", errors="replace")


def query(rng: random.Random, names: tuple[str, ...]) -> str:
    """Some of the names, each with junk, and again."""
    return "&".join(f"{rng.choice((*names, junk(rng)))}={junk(rng)}" for _ in range(rng.choice((0, 1, 3, 30))))


def cookie(rng: random.Random) -> str:
    return rng.choice(
        ("", "beckon_id=x", "beckon_id=" + "f" * 32, "beckon_consent=no", "a=b; " * 999, f"beckon_id={MARK}", 'beckon_id="\\', "=;=;")
    )


def pixel(rng: random.Random) -> bytes:
    names = (
        "e",
        "event",
        "email",
        "name",
        "properties",
        "traits",
        "userId",
        "anonymousId",
        "messageId",
        "timestamp",
        "consent",
        "type",
        "context",
        "url",
    )
    key = rng.choice((f"writeKey={WEB}", f"writeKey={WEB}", f"writeKey={WEB}", "writeKey=x", ""))
    path = f"/v1/pixel.gif?{key}&{query(rng, names)}"
    return http(
        rng,
        b"",
        path,
        rng.choice(("GET", "GET", "HEAD", "POST")),
        Cookie=cookie(rng),
        Referer=rng.choice(("", MARK, "http://[", "x" * 9000)),
    )


def forms(rng: random.Random) -> bytes:
    path = rng.choice(
        (
            "/f/news",
            "/f/news",
            "/f/none",
            "/f/",
            "/f/news/thanks",
            "/f/news/confirm",
            "/f/..%2fcollect",
            f"/f/{junk(rng)}",
            "/v1/forms/news",
        )
    )
    told = query(rng, ("visit", "token", "embed", "anonymousId", "placement", "language", "t", "utm_source"))
    return http(
        rng,
        b"",
        f"{path}?{told}",
        rng.choice(("GET", "POST", "HEAD", "PUT")),
        Cookie=cookie(rng),
        Origin=rng.choice((ORIGIN, "null", "https://evil.example")),
    )


def answers(rng: random.Random) -> bytes:
    names = ("token", "email", "size", "birthday", "placement", "_token", "step", "sure", "website", "answers", "")
    if rng.random() < 0.5:
        body = query(rng, names).encode()
        return http(
            rng,
            body,
            rng.choice(("/f/news", "/f/news/confirm")),
            Content_Type=rng.choice(("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")),
        )
    value: Any = {
        "token": rng.choice((*VALUES, "A" * 4000)),
        "answers": rng.choice(({rng.choice(names): rng.choice(VALUES)}, rng.choice(VALUES), {str(n): "x" for n in range(3000)})),
    }
    return http(rng, text(value), "/v1/forms/news", Origin=ORIGIN)


def webhooks(rng: random.Random) -> bytes:
    value = rng.choice(
        (
            *VALUES,
            {"RecordType": rng.choice(VALUES), "Email": rng.choice(VALUES)},
            [{"event": "bounce", "email": MARK}] * 900,
            {"signature": rng.choice(VALUES)},
        )
    )
    told = rng.choice((basic("postmark", "secret-4711-4711"), basic("postmark", "wrong"), basic(POSTMARK), {}))
    body = rng.choice((text(value), rng.randbytes(300), b"[" * 60_000, b"", b" " * 1_100_000))
    return http(rng, body, f"/v1/webhooks/{rng.choice((*HOOKS, 'postmark', '..', junk(rng)))}", **{"Authorization": "x", **told})


def forged(rng: random.Random) -> bytes:
    """Nearly right: another key, an old or a future stamp, a token that came before, a signature of something else."""
    now = time.time() + rng.choice((0, 0, 0, -3600, 3600, -(10**12), 10**18))
    if rng.random() < 0.5:
        stamp, token = str(int(now)), rng.choice(("once", "token-" + str(rng.randrange(99)), "\u0661", ""))
        key = rng.choice((MAILGUN, MAILGUN, "another-key-of-mailgun"))
        signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), "sha256").hexdigest()
        event = rng.choice(
            ({"event": "complained", "recipient": MARK, "id": str(rng.randrange(9))}, {"event": rng.choice(VALUES)}, rng.choice(VALUES))
        )
        told = {
            "timestamp": stamp,
            "token": token,
            "signature": rng.choice((signature, signature, signature[:-1], signature.upper(), "", "é")),
        }
        return http(rng, text({"signature": told, "event-data": event}), "/v1/webhooks/mailgun")
    body, stamp = text({"type": "email.bounced", "data": rng.choice((*VALUES, {"to": [MARK], "email_id": "x"}))}), str(int(now))
    signed = base64.b64encode(hmac.digest(b"r" * 24, f"id.{stamp}.".encode() + body, "sha256")).decode()
    told = {
        "svix-id": "id",
        "svix-timestamp": stamp,
        "svix-signature": rng.choice((f"v1,{signed}", f"v1,{signed[:-2]}", f"v2,{signed}", "v1," * 2000, "v1,=", "")),
    }
    return http(rng, body, "/v1/webhooks/resend", **told)
