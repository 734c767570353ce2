"""The peer: Quix Streams at its exactly-once setting, with one rule, viewed and not bought within 7 days.

Quix has no timer that fires when nothing happens, so the task is the part of the rule that a program without timers can do: at each
event, the truth at the person's time is compared with the truth kept, and where it changed, entered or exited is written to the output
topic. What Beckon writes holds more (the exits that time alone causes, each with its instant); `compare.py` derives this program's
output from Beckon's and asks for equality.

Settings: state in Quix's own RocksDB store; changelog topics on, as they are by default, since the exactly-once of Quix hangs on them;
commits every 5 s, the default; its own JSON codec (orjson). The state is one value a person, got once and set once an event: the
person's time moves with every event.

    python quix.py BROKERS TOPIC OUTPUT STATE EVENTS     ends after EVENTS events
"""

from __future__ import annotations

import importlib
import sys
from datetime import datetime
from typing import Any

WINDOW_MS = 7 * 86_400_000


class Rule:
    """Viewed, and not bought, within 7 days, at the events of a person; `stop` is called at the last of `events`."""

    def __init__(self, events: int, stop: Any) -> None:
        self.left = events
        self.stop = stop

    def __call__(self, value: dict[str, Any], state: Any) -> list[dict[str, str]]:
        """The change of this event as a list of one, or nothing. The state is `[last view, last order, person's time, member]`, in ms."""
        self.left -= 1
        if not self.left:
            self.stop()
        t = round(datetime.fromisoformat(value["timestamp"]).timestamp() * 1000)
        viewed, ordered, now, member = state.get("s") or (0, 0, 0, False)
        now = max(now, t)
        name = value.get("event")
        if name == "Product Viewed":
            viewed = max(viewed, t)
        elif name == "Order Completed":
            ordered = max(ordered, t)
        holds = viewed > now - WINDOW_MS >= ordered
        state.set("s", (viewed, ordered, now, holds))
        if holds == member:
            return []
        return [{"person": value["userId"], "event": value["messageId"], "change": "entered" if holds else "exited"}]


def main(brokers: str, topic: str, output: str, folder: str, events: str) -> None:
    """Runs the application until it has seen so many events."""
    # By name, since Quix lives in an environment of its own, which the type checker of this project does not see.
    application = importlib.import_module("quixstreams").Application(
        broker_address=brokers,
        consumer_group=output,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=folder,
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        loglevel="WARNING",
    )
    stream = application.dataframe(application.topic(topic, value_deserializer="json"))
    stream = stream.apply(Rule(int(events), application.stop), stateful=True, expand=True)
    stream.to_topic(application.topic(output, value_serializer="json"))
    application.run()


if __name__ == "__main__":
    main(*sys.argv[1:6])
