"""`HubspotWalk`: the way over the contacts of HubSpot, CRM API v3.

- All contacts are listed, `GET /crm/v3/objects/contacts`, 100 at a time, from `paging.next.after` to the next.
- What has changed is searched, `POST /crm/v3/objects/contacts/search`, 200 at a time, by `lastmodifieddate`. A search has at most 10,000
  results, and what lies behind a change of their number shifts. So none is paged: each asks, in the order of `hs_object_id`, for those
  behind the last one that came, as HubSpot's own example for going over results does. However many changed at one instant, none is lost.
- Archived contacts are listed, `archived=true`: a search has none of them. Those that were archived before are left out here.

Source: HubSpot's description of the API (OpenAPI, "Contacts", v3) and the models that its client `hubspot-api-client` makes of it. There
`sorts` are texts; what the page "CRM search" and the example send are objects, so these are sent.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from flows.collect.crm.ask import Answer, Ask
from flows.collect.crm.walk import Position, WrongAnswerError, at
from operators.instants import parse_instant
from operators.plan.checked import CrmSource
from operators.rows.event import Row

CONTACTS = "/crm/v3/objects/contacts"
LIST_LIMIT, SEARCH_LIMIT = 100, 200
MODIFIED, ID = "lastmodifieddate", "hs_object_id"
OVERLAP_MS = 5 * 60_000
"""What changed can be found some moments later."""


class HubspotWalk:
    """The contacts, with the properties that the map names."""

    overlap_ms = OVERLAP_MS

    def __init__(self, source: CrmSource) -> None:
        parts = urlsplit(source.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._archived = source.archived
        named = (name.split(".") for name in source.map.columns())
        self._properties = list(dict.fromkeys([*(way[1] for way in named if way[0] == "properties" and len(way) == 2), MODIFIED]))

    def begin(self, since_ms: int | None) -> Position:
        """A list of all, or a search."""
        return {"phase": "list" if since_ms is None else "search", "after": None, "since": since_ms}

    def ask(self, position: Position) -> Ask:
        """By the phase."""
        if position["phase"] == "search":
            return Ask("POST", f"{self._origin}{CONTACTS}/search", body=self._search(position["since"], position["after"]))
        query = [("limit", str(LIST_LIMIT)), *(("properties", name) for name in self._properties)]
        if position["after"] is not None:
            query.append(("after", position["after"]))
        query.append(("archived", "true" if position["phase"] == "archived" else "false"))
        return Ask("GET", f"{self._origin}{CONTACTS}", tuple(query))

    def _search(self, since_ms: int, last: str | None) -> dict[str, Any]:
        filters = [{"propertyName": MODIFIED, "operator": "GTE", "value": str(since_ms)}]
        if last is not None:
            filters.append({"propertyName": ID, "operator": "GT", "value": last})
        return {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
            "properties": self._properties,
            "limit": SEARCH_LIMIT,
            "after": "0",
        }

    def rows(self, position: Position, answer: Answer) -> list[Row]:
        """The contacts; of the archived those that were since."""
        found = at(answer.value, ("results",))
        if not isinstance(found, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in found):
            raise WrongAnswerError("the answer must have `results`, a list of contacts with an id")
        if position["phase"] != "archived":
            return found
        since_ms = position["since"]
        archived = [row for row in found if since_ms is None or (when := _instant(row.get("archivedAt"))) is None or when >= since_ms]
        # It is as it is since it was archived, which its last change does not say.
        return [row | {"updatedAt": row["archivedAt"]} if isinstance(row.get("archivedAt"), str) else row for row in archived]

    def follow(self, position: Position, answer: Answer, rows: list[Row]) -> Position | None:
        """The next page, or the archived contacts behind the last one."""
        after = at(answer.value, ("paging", "next", "after"))
        if after is None or (position["phase"] == "search" and not rows):
            return position | {"phase": "archived", "after": None} if self._archived and position["phase"] != "archived" else None
        if position["phase"] != "search":
            if not isinstance(after, str) or after == position["after"]:
                raise WrongAnswerError("the answer must have another `paging.next.after` than the one before")
            return position | {"after": after}
        ids = [str(row["id"]) for row in rows]
        if not all(each.isdecimal() for each in ids):
            raise WrongAnswerError("the id of a contact must be a number")
        numbers = [int(position["after"] or -1), *map(int, ids)]
        # What came in another order would leave some behind.
        if any(one >= other for one, other in pairwise(numbers)):
            raise WrongAnswerError("the contacts of a search must come in the order of their ids")
        return position | {"after": ids[-1]}

    def changed_ms(self, row: Row) -> int | None:
        """`lastmodifieddate`; of an archived contact when it was archived."""
        if row.get("archived") is True:
            return _instant(row.get("archivedAt"))
        properties = row.get("properties")
        found = _instant(properties.get(MODIFIED)) if isinstance(properties, dict) else None
        return found if found is not None else _instant(row.get("updatedAt"))


def _instant(value: Any) -> int | None:
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
