"""The metrics: names as in their list, values as in the reports, served over HTTP."""

from __future__ import annotations

from collections import Counter
from typing import get_args
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flows.metrics import METRICS, MetricName, Metrics
from flows.totals import Report
from schemas.counts import Counts, Quality
from schemas.errors import UnavailableError

REPORT = Report(
    Counts(
        partition=2,
        records=12,
        replayed=1,
        events=7,
        persons=3,
        duplicates=2,
        late=1,
        out_of_order=4,
        clamped=5,
        filled=30,
        to_fill=70,
        fill_total=100,
        rejects=Counter(not_json=2),
        transitions=Counter({("buyers", "entered"): 3, ("buyers", "exited"): 1}),
        triggers=Counter(welcome=3),
        decisions=Counter({("welcome", "cap"): 2}),
        quality=Counter({Quality("analytics.js", "Order Completed: total", "type", "flag"): 6}),
        watermark_ms=1_700_000_000_000,
        offset=99,
        lag=40,
        state_bytes=4096,
        batch_s=0.03,
        commit_s=0.004,
    ),
    published=17,
)


def served(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Each sample of ours by its name and the values of its labels, these sorted."""
    found = {}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            if sample.name.startswith("beckon_"):
                found[(sample.name, *sorted(sample.labels.values()))] = sample.value
    return found


def test_the_list_is_closed() -> None:
    assert get_args(MetricName) == tuple(METRICS)
    metrics = Metrics()
    metrics.observe(REPORT)
    families = {family.name for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    assert {name for name in families if not name.startswith("process_")} == set(METRICS)


def test_values_are_those_of_the_reports() -> None:
    metrics = Metrics()
    metrics.observe(REPORT)
    metrics.observe(REPORT)
    found = served(metrics)
    assert found["beckon_records_total", "2"] == 24
    assert found["beckon_events_total", "2"] == 14
    assert found["beckon_persons_total", "2"] == 6
    assert found["beckon_duplicates_total", "2"] == 4
    assert found["beckon_late_total", "2"] == 2
    assert found["beckon_batches_total", "2"] == 2
    assert found["beckon_rejects_total", "not_json"] == 4
    assert found["beckon_transitions_total", "buyers", "entered"] == 6
    assert found["beckon_triggers_total", "welcome"] == 6
    assert found["beckon_decisions_total", "cap", "welcome"] == 4
    assert found["beckon_quality_total", "Order Completed: total", "analytics.js", "flag", "type"] == 12
    assert found["beckon_batch_seconds_count",] == 2
    assert found["beckon_batch_seconds_bucket", "0.05"] == 2
    assert found["beckon_batch_seconds_bucket", "0.02"] == 0
    assert found["beckon_commit_seconds_sum",] == pytest.approx(0.008)
    assert found["beckon_outputs_published", "2"] == 17
    assert found["beckon_offset", "2"] == 99
    assert found["beckon_input_lag_records", "2"] == 40
    assert found["beckon_state_bytes", "2"] == 4096
    assert found["beckon_filled_persons_total", "2"] == 60
    assert found["beckon_to_fill_persons", "2"] == 70
    assert found["beckon_watermark_timestamp_seconds", "2"] == 1_700_000_000
    assert found["beckon_watermark_lag_seconds", "2"] > 0


def test_a_lane_without_a_watermark_has_none() -> None:
    metrics = Metrics()
    metrics.observe(Report(Counts(), 0))
    assert {name for name, *_ in served(metrics) if "watermark" in name} == set()


def test_they_are_served_and_a_port_in_use_is_one_sentence() -> None:
    metrics = Metrics()
    metrics.observe(REPORT)
    with metrics.served("127.0.0.1", 0) as port:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert 'beckon_events_total{partition="2"} 7.0' in answer.read().decode()
        with pytest.raises(UnavailableError, match="--metrics-port"), Metrics().served("127.0.0.1", port):
            pass
    with Metrics().served("127.0.0.1", port) as again:
        assert again == port
