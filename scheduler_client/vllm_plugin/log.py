"""Lines in vLLM's own log."""

import logging

LOGGER = logging.getLogger("vllm.lengthwise")
"""Under "vllm", whose handlers and level hold for it."""
