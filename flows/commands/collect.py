"""`beckon collect`: the HTTP edge."""

from __future__ import annotations

import re
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.clock import wall_ms
from flows.commands.console import say
from flows.settings import read_settings
from flows.stop import install_signal_handlers
from schemas.collect import ORIGIN
from schemas.errors import UsageError

if TYPE_CHECKING:
    from flows.collect.log import EventLog
    from flows.collect.metrics import CollectMetrics
    from flows.settings import Settings
    from operators.plan.checked import Plan

EXAMPLES = (
    "beckon collect --plan deploy/shop --output events",
    "beckon collect --plan deploy/shop --kafka localhost:9092 --host 0.0.0.0 --port 8080",
)
FILES, KAFKA = "Into files", "Into Kafka"


def collect(
    plan: Annotated[Path | None, typer.Option(help="The folder of the plan.", show_default=False)] = None,
    host: Annotated[str, typer.Option(help="Listen at this address; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Listen at this port; 0 takes a free one.")] = 8080,
    public_url: Annotated[
        str | None, typer.Option(help="Where people reach it, such as https://e.example.com.", show_default="where it listens")
    ] = None,
    trust_proxy: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS,...", help="Proxies whose X-Forwarded-For is believed; networks like 10.0.0.0/8, too.", show_default="none"
        ),
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(help="Where it keeps its own, such as how far a CRM was read.", show_default=".collect in --output; beckon-collect"),
    ] = None,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65535, help="Serve metrics for Prometheus; 0 takes a free port.")] = None,
    output: Annotated[Path | None, typer.Option(help="The folder of events; a job reads it as --input.", rich_help_panel=FILES)] = None,
    kafka: Annotated[str | None, typer.Option(metavar="BROKERS", help="host:port,host:port,...", rich_help_panel=KAFKA)] = None,
    topic: Annotated[
        str | None, typer.Option(help="The topic of events.", show_default="the plan's name and .events", rich_help_panel=KAFKA)
    ] = None,
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Make the topic where it is missing.", rich_help_panel=KAFKA)
    ] = False,
    topic_partitions: Annotated[int, typer.Option(min=1, help="How many partitions it gets then.", rich_help_panel=KAFKA)] = 4,
) -> None:
    """Take events over HTTP, and put them into the log that a job reads.

    An event is answered with 200 once the log has it. SIGTERM and Ctrl-C stop it cleanly: requests at hand are answered first.
    """
    settings = read_settings()
    brokers = kafka or (None if output else settings.kafka)
    if (output is None) == (brokers is None):
        raise UsageError("give one place for the events: --output with a folder, or --kafka with brokers")
    if plan is None and settings.plan is None:
        raise UsageError("no plan: give --plan, the folder with plan.yaml, segments.yaml and collect.yaml")
    trusted = proxies(trust_proxy)
    from flows import logs
    from flows.collect.app import application
    from flows.collect.door import Door
    from flows.collect.edge import Edge
    from flows.collect.keys import Keys
    from flows.collect.metrics import CollectMetrics
    from flows.collect.parts import Alongside, House, made, routes, tasks
    from flows.collect.serve import listen, serve, url_of
    from flows.plan_folder import open_plan

    logs.configure(settings)
    checked = open_plan(plan or settings.plan or Path())
    _check_that_something_comes(checked)
    keys, metrics = Keys(checked.collect, settings.server_keys), CollectMetrics()
    with ExitStack() as around:
        listening = around.enter_context(listen(host, port))
        served_at = origin_of(public_url) if public_url else url_of(listening)
        _check_that_links_lead_here(checked, served_at)
        log = _log(checked, settings, output, brokers, topic, topic_partitions if create_topics else None)
        around.callback(log.close)
        edge = Edge(checked, log, wall_ms, metrics)
        door = Door((*checked.collect.origins, served_at), keys, wall_ms)
        house = House(edge, door, settings, made(data or (output / ".collect" if output else Path("beckon-collect"))), served_at)
        more, beside = routes(house), Alongside(tasks(house))
        app = application(edge, door, more, beside.lifespan)
        _serve_metrics(around, metrics, settings, metrics_port)
        install_signal_handlers()
        serve(app, listening, lambda: say(f"collecting at {url_of(listening)} into {log.name}"), trusted)
        if beside.failure is not None:
            raise beside.failure
    say("stopped")


def _serve_metrics(around: ExitStack, metrics: CollectMetrics, settings: Settings, told: int | None) -> None:
    port = settings.metrics_port if told is None else told
    if port is not None:
        port = around.enter_context(metrics.served(settings.metrics_host, port))
        say(f"metrics at http://{settings.metrics_host}:{port}/metrics")


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL; UsageError where it has no more or other.

    >>> origin_of("https://E.example.com/")
    'https://e.example.com'
    """
    origin = url.lower().rstrip("/")
    if not re.fullmatch(ORIGIN[1:-1], origin):
        raise UsageError(f"--public-url must be like https://e.example.com, without a path; got {url!r:.200}")
    return origin


def proxies(told: str) -> str:
    """Addresses and networks as uvicorn takes them; UsageError where one is neither, since it would be believed in silence, and of nobody.

    >>> proxies("10.0.0.0/8, ::1")
    '10.0.0.0/8,::1'
    """
    found = [each.strip() for each in told.split(",") if each.strip()]
    for each in found:
        try:
            ip_network(each) if each != "*" else None
        except ValueError:
            raise UsageError(f"--trust-proxy must be addresses, or networks like 10.0.0.0/8; got {each!r:.100}") from None
    return ",".join(found)


def _check_that_something_comes(plan: Plan) -> None:
    told = plan.collect
    if not (told.keys or told.webhooks or told.crm or plan.forms):
        raise UsageError("nothing can come in: the plan must have a collect.yaml with `keys`, `webhooks` or `crm`, or a form")


def _check_that_links_lead_here(plan: Plan, served_at: str) -> None:
    """Nobody can follow a link to the address that stands for all of a machine."""
    mailed = next((form.id for form in plan.forms if form.double_opt_in), None)
    if mailed is not None and served_at.startswith(("http://0.0.0.0:", "http://[::]:")):
        raise UsageError(f"the form {mailed} has its link mailed: say with --public-url where people reach it")


def _log(plan: Plan, settings: Settings, output: Path | None, brokers: str | None, topic: str | None, create: int | None) -> EventLog:
    if brokers is None:
        from flows.connectors.files_events import FilesEvents

        assert output is not None
        return FilesEvents(output)
    from flows.connectors.kafka_events import KafkaEvents
    from flows.connectors.kafka_topics import ensure_topic, input_topic
    from flows.launch import kafka_settings

    reached, name = kafka_settings(settings, brokers), topic or settings.topic or input_topic(plan.name)
    return KafkaEvents(reached, name, batch_bytes=ensure_topic(reached, name, create))
