"""Structured logs on standard error. No event ever holds a prompt's text."""

import contextlib
import logging
import sys
from typing import Any, TextIO

import structlog

from predictor_service.config import ServiceConfig


class _Lasting:
    """A stream that outlives its file: a full disk or a closed pipe must not end the service."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def set_up_logs(config: ServiceConfig) -> None:
    """Send the logs of this process, and the warnings of the libraries in it, to standard error."""
    level = logging.getLevelNamesMapping()[config.log_level.upper()]
    stream: Any = _Lasting(sys.stderr)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if config.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
