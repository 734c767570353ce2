"""`send`: one record into the input of a job, which reads it as all others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from flows.settings import Settings


def send(
    record: dict[str, Any],
    settings: Settings,
    input: Path | None,
    brokers: str | None,
    topic: str | None,
    plan: Path | None,
    *,
    everywhere: bool = False,
) -> str:
    """Takes the record to the files of `input`, or at the brokers to the partition of its person, or with `everywhere` to all of the topic.
    Gives the file or topic that has it."""
    raw = orjson.dumps(record)
    if brokers is None:
        from flows.connectors.files_input import add_records

        assert input is not None
        return str(add_records(input, [raw]))
    from flows.commands.rejects import plan_name
    from flows.connectors.kafka_input import produce_records
    from flows.connectors.kafka_topics import describe, input_topic
    from flows.launch import kafka_settings

    reached, name = kafka_settings(settings, brokers), topic or settings.topic or input_topic(plan_name(plan, settings))
    partitions, key = describe(reached, name).partitions, record.get("userId") or record["anonymousId"]
    records = [(key, raw, partition) for partition in range(partitions)] if everywhere else [(key, raw)]
    produce_records(reached, f"beckon-{name}-{record['type']}", [(name, records)])
    return name
