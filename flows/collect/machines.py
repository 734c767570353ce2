"""`machine_of`: the machine that fetched, by its user agent; `tag` marks the event that it brought.

A machine is a crawler, a library that fetches, a link scanner of a mail gateway, or a mail proxy that fetches images ahead of the reader or
in the reader's place. Its events are taken like any other and marked, so that a rule can leave them out: `where=not machine`.

Where the names come from: crawlers from the list of the package crawler-user-agents. Of what fetches mails, that list has the proxies of
Gmail ("(via ggpht.com GoogleImageProxy)") and Yahoo ("YahooMailProxy"); the rest is in `MAIL_MACHINES`.
- Apple Mail Privacy Protection fetches every image of a mail through relays, under a user agent that is "Mozilla/5.0" and no more:
  SocketLabs, "Identifying Apple MPP opens in Notification API events".
- Gmail opens a mail as it comes in, under an Edge 12.246 that ends with "Mozilla/5.0" (mautic/mautic, pull request 10245), and follows its
  links as "Gmail-content-sampling" (mssola/user_agent, issue 71).
- Barracuda clicks links as "Barracuda Sentinel (EE)": Braze, "Bot filtering".
- Office asks whether a link is there before it opens it, as "Microsoft Office Existence Discovery".
- Proofpoint and Mimecast have their names in it, where they say them at all. Microsoft's Safe Links does not: its clicks look like those of
  a browser.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

MAIL_MACHINES = (
    (r"^Mozilla/5\.0$", "Apple Mail Privacy Protection"),
    (r"Edge/12\.246 Mozilla/5\.0$", "Gmail"),
    (r"Gmail-content-sampling", "Gmail"),
    (r"Barracuda", "Barracuda"),
    (r"(?i)proofpoint", "Proofpoint"),
    (r"(?i)mimecast", "Mimecast"),
    (r"Microsoft Office Existence Discovery", "Microsoft Office Existence Discovery"),
)
"""What fetches mails and their links: a pattern of its user agent, and its name."""

MOST_READ = 512
"""So many characters of a user agent are looked at: none that is on the list is longer."""
MOST_NAME = 50
MOST_KEPT = 4096
"""So many user agents are remembered: of one that is met again the machine is looked up."""

TAGGED = frozenset({"track", "page", "screen"})
"""What is marked. The properties of an identify are traits of the person, and group and alias have none."""


APPS = frozenset({"okhttp"})
"""What is on the list of crawlers, and most often is an app: the library by which apps on Android send."""


def _patterns() -> tuple[tuple[str, str | None], ...]:
    crawlers = ((str(entry["pattern"]), None) for entry in CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in APPS)
    return (*MAIL_MACHINES, *crawlers)


_PATTERNS = _patterns()
_ANY = re2.Set.SearchSet()
for _pattern, _ in _PATTERNS:
    _ANY.Add(_pattern)
_ANY.Compile()


def machine_of(user_agent: str) -> str | None:
    """The name of the machine, None of a person's browser, and of nothing. All patterns are tried at once, in a time that is linear in what
    is looked at: some microseconds.

    >>> machine_of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), machine_of("Mozilla/5.0")
    ('Googlebot', 'Apple Mail Privacy Protection')
    >>> machine_of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    """
    return _named(user_agent.strip()[:MOST_READ])


@lru_cache(maxsize=MOST_KEPT)
def _named(told: str) -> str | None:
    read = told.encode(errors="replace")
    found = _ANY.Match(read)
    if not found:
        return None
    pattern, name = _PATTERNS[min(found)]
    return name or _name_in(pattern, read)


def _name_in(pattern: str, read: bytes) -> str:
    """What of the user agent a pattern of the list stands for, without what sets it off from the rest."""
    match = re2.search(pattern.encode(), read)
    told: str = match[0].decode(errors="replace") if match else ""
    return told[:MOST_NAME].strip(" /();") or "a crawler"


def tag(record: dict[str, Any], user_agent: str | None = None) -> dict[str, Any]:
    """The record, marked in place where a machine brought it: `machine: true` and its name as `agent` in the properties.

    The user agent is the record's own (`context.userAgent`), else the one given: that of a request of a browser. None is given for one of a
    server, whose user agent says nothing of who is behind the event. An `agent` that the sender says stays.

    >>> tag({"type": "page", "anonymousId": "a"}, "curl/8.5.0")["properties"]
    {'agent': 'curl', 'machine': True}
    """
    context, properties = record.get("context"), record.get("properties")
    own = context.get("userAgent") if isinstance(context, dict) else None
    told = own if isinstance(own, str) and own else user_agent
    # What the job rejects for its properties stays as it came.
    if told is None or record.get("type") not in TAGGED or not isinstance(properties, dict | None):
        return record
    name = machine_of(told)
    if name is not None:
        record["properties"] = {"agent": name, **(properties or {}), "machine": True}
    return record
