"""Lines in vLLM's own log, and those that are said once."""

import logging

LOGGER = logging.getLogger("vllm.lengthwise")
"""Under "vllm", whose handlers and level hold for it."""

ADVISOR_LOGGER = logging.getLogger("lengthwise")
"""Of the parts that know no engine."""

_said: set[str] = set()


def warn_once(topic: str, message: str, *args: object, traceback: bool = False) -> None:
    """Log a warning the first time that a topic comes up in this process.

    Args:
        topic: What it is about.
        message: As of logging.
        args: As of logging.
        traceback: Add the exception that is being handled.
    """
    if topic in _said:
        return
    _said.add(topic)
    LOGGER.warning(message, *args, exc_info=traceback)


class _ToVllm(logging.Handler):
    """Hands on to whatever vLLM's logger has at the time: it is configured later, and again."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("vllm").handle(record)


def log_with_vllm() -> None:
    """Let the advisor's lines go where vLLM's go, unless somebody took care of them."""
    if not ADVISOR_LOGGER.handlers:
        ADVISOR_LOGGER.addHandler(_ToVllm())
        ADVISOR_LOGGER.propagate = False
        ADVISOR_LOGGER.setLevel(logging.INFO)  # vLLM's server raises the root's level
