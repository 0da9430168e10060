"""Structured logs: JSON lines for machines, coloured lines for a terminal, always on standard error.

A line that concerns a lane or a message carries `lane` and `message` from the context, bound with
`lane_context`. The hot path logs once per list of messages, never once per message. Secrets have types that
print as `***`; nothing here has to know them.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import structlog
from structlog.typing import Processor


class LogFormat(Enum):
    """How lines are written."""

    AUTO = "auto"
    """Console on a terminal, JSON elsewhere."""
    CONSOLE = "console"
    JSON = "json"


def configure(level: str, log_format: LogFormat = LogFormat.AUTO) -> None:
    """Set up logging of the whole process, libraries included. `level` is a name such as `info`."""
    number = logging.getLevelNamesMapping()[level.upper()]
    console = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


@contextmanager
def lane_context(lane: str, message: str | None = None) -> Iterator[None]:
    """Put the lane, and the message id where one line concerns one message, on every line logged inside."""
    values = {"lane": lane} if message is None else {"lane": lane, "message": message}
    with structlog.contextvars.bound_contextvars(**values):
        yield
