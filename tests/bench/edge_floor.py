"""What anything like the edge pays: a server of the same kind that answers without a log, and a producer that nobody asks over HTTP.

python -m tests.bench.edge_floor serve               listens at a free port of 127.0.0.1, and prints its address
python -m tests.bench.edge_floor produce BROKERS TOPIC FILE COUNT
                                                     produces lines of the file by turns, and prints the CPU microseconds of each
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import uvicorn
from confluent_kafka import Producer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def taken(request: Request) -> JSONResponse:
    """Reads the body, and is content."""
    await request.body()
    return JSONResponse({"success": True})


def serve() -> None:
    """Until it is ended."""
    app = Starlette(routes=[Route("/v1/{call}", taken, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=0, log_level="info", access_log=False)


def produce(brokers: str, topic: str, file: Path, count: int) -> None:
    """As durable as the edge has it: acknowledged by all replicas, each once; packed as the edge packs."""
    lines = file.read_bytes().splitlines()
    config = {"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 2, "compression.type": "lz4", "log_level": 3}
    producer = Producer(config)
    began = time.process_time()
    for number, line in enumerate(itertools.islice(itertools.cycle(lines), count)):
        while True:
            try:
                producer.produce(topic, line, str(number % 1000))
                break
            except BufferError:
                producer.poll(0.05)
        if not number % 100:
            producer.poll(0)
    producer.flush()
    print((time.process_time() - began) / count * 1e6)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        produce(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
