"""Lines in vLLM's own log."""

import logging

LOGGER = logging.getLogger("vllm.lengthwise")
"""Under "vllm", whose handlers and level hold for it."""

ADVISOR_LOGGER = logging.getLogger("lengthwise")
"""Of the parts that know no engine."""


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
