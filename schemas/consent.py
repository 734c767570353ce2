"""What a person said about what it may be sent, and what came back from its address: the acts that are kept as a proof."""

from __future__ import annotations

from typing import Literal

import msgspec

ActKind = Literal["given", "proved", "withdrawn", "unsubscribed", "complained", "bounced", "verified"]
ACT_KINDS: dict[ActKind, str] = {
    "given": "consent was given",
    "proved": "consent was given to a text whose version is told",
    "withdrawn": "consent was withdrawn",
    "unsubscribed": "the person unsubscribed",
    "complained": "the person marked a mail as spam",
    "bounced": "a mail came back for good",
    "verified": "the address was found valid",
}
"""What an act can be. One by which consent is given to a told text is kept as both."""

SUPPRESSING: tuple[ActKind, ...] = ("unsubscribed", "complained", "bounced")
"""Those for which nothing is sent. Of several at one instant the first is told."""


class Act(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An act with its proof. It is `about` a topic or, where it bounced or was verified, an address (empty: all). `source` is where it was
    done, as its event tells, `text_version` the version of the text that the person saw; None where they are not told."""

    kind: ActKind
    about: str
    t: int
    message_id: str
    source: str | None = None
    text_version: str | None = None
