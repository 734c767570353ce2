"""Logs: structlog to stderr, for people on a terminal, else one JSON object a line.

*Guarantees*: nothing is logged below the level of `BECKON_LOG_LEVEL`; a line holds names, numbers and places of records, never a record, a
trait or an address.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from flows.settings import Settings


def configure(settings: Settings) -> None:
    """Sets logging up for this process."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if console:
        # The plain formatter: the pretty ones print the values of local variables.
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback))
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        # Looked up at each line: a progress display puts its own stream in the place of stderr while it is shown.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
