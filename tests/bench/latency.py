"""From an event to its trigger: 1,000 events a second into Kafka for a minute.

Beckon runs 20 segments with everything on, and a campaign that answers each view (traffic.py). All persons have an address first; what
comes in the first 5 seconds is not counted. Each view must have its trigger, once.
"""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec

from tests.bench import plans, topics
from tests.bench.generate import cached
from tests.bench.measure import BenchError, beckon, start
from tests.bench.traffic import Traffic
from tests.kafka_broker import Broker

NAME = "bench-latency"
RATE = 1000
WARM_UP_S = 5


def measure(seconds: int, folder: Path) -> dict[str, float]:
    """p50, p99 and the largest time in ms, and the number of triggers they are of."""
    print(f"latency: {RATE:,} events/s for {seconds} s", flush=True)
    path, _ = cached(100_000, 10_000)
    with Broker(folder / "kafka-latency") as broker, (folder / "latency.log").open("wb") as log:
        topics.create_input(broker, NAME)
        topics.create_outputs(broker, NAME)
        plan = plans.write("latency", NAME, folder / NAME)
        process = start(beckon(plan, broker.address, NAME, folder / "latency-state"), log.fileno())
        traffic = Traffic(broker, NAME, [msgspec.json.decode(line) for line in path.read_bytes().splitlines()])
        try:
            traffic.greet()
            traffic.probe()
            sent = traffic.send(RATE, lambda past: past < seconds)
            times = traffic.times_ms(sent, min(WARM_UP_S, seconds / 4))
        except BenchError as error:
            raise BenchError(f"{error}; beckon's output ends:\n{(folder / 'latency.log').read_text(errors='replace')[-3000:]}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            traffic.close()
    p50, p99, largest = times[len(times) // 2], times[len(times) * 99 // 100], times[-1]
    print(f"      latency: p50 {p50:.1f} ms, p99 {p99:.1f} ms, largest {largest:.1f} ms, of {len(times):,}", flush=True)
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": largest, "triggers": len(times)}
