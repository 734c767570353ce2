"""The demo's second act: a shop on the plan's catalog, the edge that its pages send to, and the job behind that; what happens is shown as
it happens.

All of it runs in this process, as `beckon collect` and `beckon run --follow` would in two: the edge on a thread of its own, into a folder;
the job reads that. `run_live` comes back when it is to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from flows.clock import wall_ms
from flows.collect.app import application
from flows.collect.door import Door
from flows.collect.edge import Edge
from flows.collect.keys import Keys
from flows.collect.parts import Alongside, House, made, routes, tasks
from flows.collect.serve import listen, serve, url_of
from flows.connectors.files_events import FilesEvents
from flows.launch import files_job
from flows.live_lines import event_line, output_line
from flows.run import run
from flows.settings import Settings
from flows.stop import stop
from flows.storefront.pages import storefront
from operators.plan.checked import Plan
from schemas.errors import UsageError
from schemas.output import STREAMS

POLL_S = 0.02
FORM = "newsletter"
"""The form that the shop links to, where the plan has it."""


def run_live(plan: Plan, folder: Path, settings: Settings, work: Path, out: Console, port: int = 0) -> None:
    """Serves the shop at 127.0.0.1 until `flows.stop.stop` is set; `folder` is the plan's. UsageError where it has no catalog or no browser
    key, UnavailableError where the port is taken."""
    key = next((key.key for key in plan.collect.keys if key.browser and key.key), None)
    catalog = folder / "catalog.jsonl"
    if key is None or not catalog.exists():
        raise UsageError(f"the shop needs a catalog.jsonl and a browser key in collect.yaml; {folder} has not both: add --no-live")
    with ExitStack() as around:
        listening = around.enter_context(listen("127.0.0.1", port))
        log = FilesEvents(work / "events")
        around.callback(log.close)
        edge = Edge(plan, log, wall_ms)
        url = url_of(listening)
        house = House(edge, Door((url,), Keys(plan.collect, settings.server_keys), wall_ms), settings, made(work / "edge"), url)
        form = FORM if any(form.id == FORM for form in plan.forms) else None
        shop = storefront(catalog.read_bytes().splitlines(), key, form)
        app = application(edge, house.door, [*routes(house), *shop], Alongside(tasks(house)).lifespan)
        around.enter_context(_beside(lambda: serve(app, listening, lambda: _invite(out, url))))
        ended = threading.Event()
        around.enter_context(_beside(lambda: _follow(work, out, ended)))
        around.callback(ended.set)
        suppression = settings.suppression_key
        run(
            files_job(plan, str(work / "events"), work / "output", work / "state", follow=True),
            key=None if suppression is None else suppression.get_secret_value(),
        )
    out.print(Text(f"\nstopped; what happened is in {work}", style="dim"), soft_wrap=True)


def _invite(out: Console, url: str) -> None:
    out.print(Text("\nAct two: a shop, live", style="bold"))
    out.print(Text.assemble("open ", (f"{url}/", "bold cyan"), " in a browser, look at products, order one."))
    out.print("Each click is an event, and what it sets off stands here. Ctrl-C ends it.\n")


@contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    """Does work on a thread of its own. Where that breaks all is to stop, and its error is raised at the end."""
    broken: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised on the main thread, below
            broken.append(error)
            stop.set()

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    for error in broken:
        raise error


def _follow(work: Path, out: Console, ended: threading.Event) -> None:
    """Shows what comes in and what comes out, until that has ended and all of it was shown."""
    at: dict[Path, int] = {}

    def new(path: Path) -> list[Any]:
        lines, at[path] = new_lines(path, at.get(path, 0))
        return [orjson.loads(line) for line in lines]

    last = False
    while not last:
        last = ended.wait(POLL_S)
        # Read first and shown last, so that nothing stands before the event that set it off.
        came_out = [output_line(stream, record, wall_ms()) for stream in STREAMS for record in new(work / "output" / f"{stream}.jsonl")]
        came_in = [event_line(record) for path in sorted((work / "events").glob("*.jsonl")) for record in new(path)]
        for line in (*came_in, *came_out):
            show(line, out)


def show(line: Text, out: Console) -> None:
    """Prints a line. On a terminal it is no longer than that is wide, unless it may wrap."""
    if out.is_terminal:
        out.print(line, no_wrap=line.no_wrap, overflow=line.overflow)
    else:
        out.print(line, soft_wrap=True)


def new_lines(path: Path, at: int) -> tuple[list[bytes], int]:
    """The whole lines of a file behind a position, and the position behind them."""
    if not path.exists() or path.stat().st_size <= at:
        return [], at
    with path.open("rb") as file:
        file.seek(at)
        whole, newline, _ = file.read().rpartition(b"\n")
    return whole.split(b"\n") if newline else [], at + len(whole) + len(newline)
