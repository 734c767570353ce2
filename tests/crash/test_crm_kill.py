"""The edge is killed again and again while it reads a CRM, whose contacts change all the while: each is read, and counts once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.command import environment, words
from tests.crm_server import KEY, Hubspot, Plays, Request
from tests.edge import RunningEdge, edge_plan

START_MS = 1_767_600_000_000
CONTACTS, CHANGES = 5_000, 400
MOST_S = 3.0
COLLECT = """\
keys: {{backend: {{kind: server}}}}
crm:
  hubspot:
    kind: hubspot
    url: {url}
    every: 10s
    rate: 1000
    archived: true
    map: {{userId: id, traits: {{first_name: properties.firstname}}}}
"""


def crm_plan(folder: Path, url: str) -> Path:
    """The plan of an edge that reads contacts at a URL."""
    plan = edge_plan(folder)
    (plan / "collect.yaml").write_text(COLLECT.format(url=url), encoding="utf-8")
    return plan


def finish(plan: Path, edge: RunningEdge, *more: str) -> dict[str, Any]:
    """One pass by hand, from where the edge was."""
    keys = environment(BECKON_CRM_KEYS=f"hubspot={KEY}")
    command = words("import", "crm", "hubspot", "--plan", plan, "--data", edge.log / ".collect", "--input", edge.log, "--json", *more)
    done = subprocess.run(command, env=keys, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_kills_lose_no_contact(tmp_path: Path, kills: int) -> None:
    rng = random.Random(5)
    with Hubspot() as hubspot:
        for number in range(1, CONTACTS + 1):
            hubspot.put(number, START_MS, firstname="A")
        plan = crm_plan(tmp_path / "plan", hubspot.url)
        play, said = hubspot.plays, set[tuple[str, str]]()

        def changing(request: Request) -> Plays:
            # Behind each page some change, and some are new.
            page = play(request)
            hubspot.now_ms += 60_000
            for _ in range(20):
                hubspot.put(rng.randrange(1, CONTACTS + CHANGES), hubspot.now_ms, firstname=f"B{len(hubspot.requests)}")
            return page

        hubspot.plays = changing
        with RunningEdge(plan, tmp_path, env={"BECKON_CRM_KEYS": f"hubspot={KEY}"}) as edge:
            for _ in range(kills):
                seen = len(hubspot.requests) + rng.randrange(1, 5)
                # Between two passes it asks for nothing for some seconds.
                until = time.monotonic() + MOST_S
                while len(hubspot.requests) < seen and time.monotonic() < until:
                    time.sleep(0.001)
                assert edge.running, edge.said
                assert edge.kill() == -signal.SIGKILL
                edge.start()
            edge.stop()
            hubspot.plays = play
            for _ in range(2):
                finish(plan, edge)
            # All is known now.
            assert finish(plan, edge)["events"] == 0
            said = {(each["userId"], each["traits"].get("first_name")) for each in map(json.loads, edge.lines())}
        now = {(str(number), properties["firstname"]) for number, properties in hubspot.contacts.items()}
        assert now - said == set(), "changed and never read"
    command = words("run", "--plan", plan, "--input", edge.log, "--output", tmp_path / "out", "--json")
    done = subprocess.run(command, env=environment(), capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr.decode()
    sums = json.loads(done.stdout)
    assert (sums["events"], sums["persons"]) == (len(said), len(hubspot.contacts)), "counted twice"
