"""Metrics of the main job: `METRICS` names every one of them, `Metrics` fills them from the reports of the lanes.

Labels have few values: partitions, names that stand in the plan, and names of libraries that send events, not many of them. None holds a
person.
"""

from __future__ import annotations

import time
from typing import Literal, get_args

from flows.meters import Meters, Metric
from flows.totals import Report
from schemas.counts import Quality

MetricName = Literal[
    "beckon_records",
    "beckon_replayed",
    "beckon_events",
    "beckon_persons",
    "beckon_duplicates",
    "beckon_late",
    "beckon_out_of_order",
    "beckon_clamped",
    "beckon_linked_persons",
    "beckon_identity_conflicts",
    "beckon_erased_persons",
    "beckon_filled_persons",
    "beckon_rejects",
    "beckon_transitions",
    "beckon_triggers",
    "beckon_decisions",
    "beckon_quality",
    "beckon_batches",
    "beckon_batch_seconds",
    "beckon_commit_seconds",
    "beckon_outputs_published",
    "beckon_offset",
    "beckon_input_lag_records",
    "beckon_to_fill_persons",
    "beckon_watermark_timestamp_seconds",
    "beckon_watermark_lag_seconds",
    "beckon_state_bytes",
]


METRICS: dict[MetricName, Metric] = {
    "beckon_records": Metric("counter", "records read"),
    "beckon_replayed": Metric("counter", "records read again that had been applied before"),
    "beckon_events": Metric("counter", "events applied"),
    "beckon_persons": Metric("counter", "persons seen for the first time"),
    "beckon_duplicates": Metric("counter", "events that the person had already"),
    "beckon_late": Metric("counter", "events older than the watermark"),
    "beckon_out_of_order": Metric("counter", "events older than the person's clock"),
    "beckon_clamped": Metric("counter", "events whose time lay in the future and was set to that of receipt"),
    "beckon_linked_persons": Metric("counter", "persons that became part of another one"),
    "beckon_identity_conflicts": Metric("counter", "links that were not made, since a person would have had too many identifiers"),
    "beckon_erased_persons": Metric("counter", "persons that were forgotten"),
    "beckon_filled_persons": Metric("counter", "persons brought to a changed plan"),
    "beckon_rejects": Metric("counter", "records that cannot be used, by reason", ("reason",)),
    "beckon_transitions": Metric("counter", "entries and exits of segments", ("segment", "kind")),
    "beckon_triggers": Metric("counter", "triggers, by campaign", ("campaign",)),
    "beckon_decisions": Metric("counter", "triggers that were not sent, by campaign and reason", ("campaign", "reason")),
    "beckon_quality": Metric("counter", "what was found in the data of events", Quality._fields),
    "beckon_batches": Metric("counter", "batches made durable"),
    "beckon_batch_seconds": Metric("histogram", "time from taking a batch up to its being durable", ()),
    "beckon_commit_seconds": Metric("histogram", "of that, the time of making it durable", ()),
    "beckon_outputs_published": Metric("gauge", "sequence number of the last output that readers can see"),
    "beckon_offset": Metric("gauge", "highest input offset applied"),
    "beckon_input_lag_records": Metric("gauge", "records in the input that are not applied yet"),
    "beckon_to_fill_persons": Metric("gauge", "persons that are still to be brought to a changed plan"),
    "beckon_watermark_timestamp_seconds": Metric("gauge", "the watermark, in seconds since 1970"),
    "beckon_watermark_lag_seconds": Metric("gauge", "how far the watermark is behind the wall clock"),
    "beckon_state_bytes": Metric("gauge", "size of the state on disk, about"),
}


class Metrics(Meters):
    """The metrics of this process, those of `METRICS` and no others."""

    def __init__(self) -> None:
        assert tuple(METRICS) == get_args(MetricName)
        super().__init__(METRICS)
        self._watermarks: dict[int, int] = {}

    def observe(self, report: Report) -> None:
        """Adds the report of one batch; workers on several threads may call this."""
        counts, partition = report.counts, str(report.counts.partition)
        for name in ("records", "replayed", "events", "persons", "duplicates", "late", "out_of_order", "clamped"):
            self.count(f"beckon_{name}", getattr(counts, name), partition)
        self.count("beckon_linked_persons", counts.linked, partition)
        self.count("beckon_identity_conflicts", counts.conflicts, partition)
        self.count("beckon_erased_persons", counts.erased, partition)
        self.count("beckon_batches", 1, partition)
        self.count("beckon_filled_persons", counts.filled, partition)
        for reason, number in counts.rejects.items():
            self.count("beckon_rejects", number, reason)
        for (segment, kind), number in counts.transitions.items():
            self.count("beckon_transitions", number, segment, kind)
        for campaign, number in counts.triggers.items():
            self.count("beckon_triggers", number, campaign)
        for (campaign, reason), number in counts.decisions.items():
            self.count("beckon_decisions", number, campaign, reason)
        for found, number in counts.quality.items():
            self.count("beckon_quality", number, *found)
        self.took("beckon_batch_seconds", counts.batch_s)
        self.took("beckon_commit_seconds", counts.commit_s)
        self._stand(report, partition)

    def _stand(self, report: Report, partition: str) -> None:
        counts = report.counts
        self.gauge("beckon_outputs_published", partition).set(report.published)
        self.gauge("beckon_offset", partition).set(counts.offset)
        self.gauge("beckon_input_lag_records", partition).set(counts.lag)
        self.gauge("beckon_to_fill_persons", partition).set(counts.to_fill)
        self.gauge("beckon_state_bytes", partition).set(counts.state_bytes)
        if counts.watermark_ms is None:
            return
        if counts.partition not in self._watermarks:
            # Reckoned when somebody looks: it grows also while nothing comes.
            lag = self.gauge("beckon_watermark_lag_seconds", partition)
            lag.set_function(lambda: time.time() - self._watermarks[int(partition)] / 1000)
        self._watermarks[counts.partition] = counts.watermark_ms
        self.gauge("beckon_watermark_timestamp_seconds", partition).set(counts.watermark_ms / 1000)
