"""Senders that put load on the edge as honest clients do: what is not answered by 200 they send again, under the same messageId."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.edge import BACKEND, RunningEdge, basic

PAUSE_S = 0.01
"""So long a sender waits where nobody listens."""
TIMEOUT_S = 30


class Sender(threading.Thread):
    """One customer: signs up, then views a product after the other, in single calls and in batches by turns, until `over` is set.

    `answered` are the messageIds of what was answered by 200; `statuses` counts all answers, under 0 those that did not come; `late` those
    of 503 and 429 without Retry-After.
    """

    def __init__(self, edge: RunningEdge, person: str, size: int) -> None:
        super().__init__(name=person, daemon=True)
        self.edge, self.person, self.size = edge, person, size
        self.answered: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.without_hint = 0
        self.over = threading.Event()
        self._link: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Each call is sent until it is taken; the last one too, after `over` was set."""
        traits = {"email": f"{self.person}@example.com"}
        self._until_taken([{"type": "identify", "messageId": f"{self.person}-hello", "userId": self.person, "traits": traits}])
        numbers = itertools.count()
        while not self.over.is_set():
            size = self.size if len(self.answered) % 2 else 1
            self._until_taken([self._view(number) for number in itertools.islice(numbers, size)])
        self._hang_up()

    def _view(self, number: int) -> dict[str, Any]:
        return {"type": "track", "event": "Product Viewed", "messageId": f"{self.person}-{number}", "userId": self.person}

    def _until_taken(self, events: list[dict[str, Any]]) -> None:
        path, value = ("/v1/batch", {"batch": events}) if len(events) > 1 else (f"/v1/{events[0]['type']}", events[0])
        while not self._taken(path, json.dumps(value).encode()):
            time.sleep(PAUSE_S)
        self.answered += [event["messageId"] for event in events]

    def _taken(self, path: str, body: bytes) -> bool:
        try:
            if self._link is None:
                self._link = http.client.HTTPConnection("127.0.0.1", self.edge.port, timeout=TIMEOUT_S)
            self._link.request("POST", path, body, {"Content-Type": "application/json", **basic(BACKEND)})
            answer = self._link.getresponse()
            told = answer.read()
        except (OSError, http.client.HTTPException):
            # It was killed, or is not there yet.
            self.statuses[0] += 1
            self._hang_up()
            return False
        self.statuses[answer.status] += 1
        self.without_hint += answer.status in (429, 503) and not answer.headers.get("Retry-After", "").isdigit()
        return answer.status == 200 and "rejected" not in json.loads(told)

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None


@contextmanager
def senders(edge: RunningEdge, count: int, size: int = 20) -> Iterator[list[Sender]]:
    """So many at once; at the end each has its last call taken."""
    started = [Sender(edge, f"p{number}", size) for number in range(count)]
    for each in started:
        each.start()
    try:
        yield started
    finally:
        for each in started:
            each.over.set()
    for each in started:
        each.join(TIMEOUT_S)
        assert not each.is_alive(), f"the last call of {each.person} was not taken; answers: {dict(each.statuses)}"


def answers(some: list[Sender]) -> int:
    """How many events were answered by 200 so far."""
    return sum(len(each.answered) for each in some)
