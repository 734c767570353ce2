"""Metrics of the edge: `COLLECT_METRICS` names every one of them."""

from __future__ import annotations

from typing import Literal, get_args

from flows.meters import Meters, Metric

CollectMetric = Literal[
    "beckon_collect_requests",
    "beckon_collect_events",
    "beckon_collect_rejected",
    "beckon_collect_webhooks",
    "beckon_collect_crm",
    "beckon_collect_crm_failing",
    "beckon_collect_seconds",
    "beckon_collect_waiting_bytes",
]

COLLECT_METRICS: dict[CollectMetric, Metric] = {
    "beckon_collect_requests": Metric("counter", "requests, by the status of their answer", ("status",)),
    "beckon_collect_events": Metric(
        "counter", "events put into the log, by what brought them: a write key, webhook, form or CRM", ("via",)
    ),
    "beckon_collect_rejected": Metric("counter", "of these, events that the job will reject, by reason", ("reason",)),
    "beckon_collect_webhooks": Metric(
        "counter", "what webhooks told: taken, known already, ignored, or refused with the request", ("webhook", "outcome")
    ),
    "beckon_collect_crm": Metric("counter", "rows of CRMs: events, known already, skipped, or rejected", ("crm", "outcome")),
    "beckon_collect_crm_failing": Metric("gauge", "1 while a CRM cannot be read", ("crm",)),
    "beckon_collect_seconds": Metric("histogram", "time from an event's receipt until the log has it", ()),
    "beckon_collect_waiting_bytes": Metric("gauge", "what was taken and is not in the log yet", ()),
}


class CollectMetrics(Meters):
    """The metrics of an edge, those of `COLLECT_METRICS` and no others."""

    def __init__(self) -> None:
        assert tuple(COLLECT_METRICS) == get_args(CollectMetric)
        super().__init__(COLLECT_METRICS)
