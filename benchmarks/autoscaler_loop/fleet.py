"""The engines, what they promise, and the autoscaler's configuration."""

import json
from collections.abc import Sequence
from pathlib import Path

from testbed.engine_options import EngineOptions
from testbed.keda.twin import ScaledObject

MOST = 3
"""Engines at most: what two cores run beside the client."""

POOL = "interactive"
"""The only one: vLLM's metrics tell no classes."""

TTFT_S, ITL_S = 2.0, 0.11
"""What is promised: to the first token, and between two tokens on average over an answer."""

SLOTS, STEP_S, SEQUENCE_S = 16, 0.04, 0.005
"""Of an engine: 14 requests at once keep the time between tokens, 16 take 120 ms. Slow, so that
three engines leave most of two cores free and the pace is kept."""

START_UP_S = 40.0
"""What is reckoned with: some 25 s for vLLM, and up to 15 s until the HPA asks."""

SCRAPE_S = 5.0

DOWN_WINDOW_S = 30.0
"""A quarter of the default: the day has minutes here."""

SCALED = ScaledObject(POOL, least=1, most=MOST)


def engine_options() -> EngineOptions:
    """One engine."""
    return EngineOptions(
        slots=SLOTS, policy="fcfs", stream_interval=4, step_s=STEP_S, sequence_s=SEQUENCE_S
    )


def write_config(path: Path, ports: Sequence[int], keda_port: int, mean_tokens: float) -> None:
    """Write fleet.yaml.

    Args:
        path: Of the file.
        ports: That engines may have, whether one is there or not.
        keda_port: Of the external scaler.
        mean_tokens: Of an answer: what is known before the first has ended.
    """
    urls = [f"http://127.0.0.1:{port}/metrics" for port in ports]
    config = {
        "capacity": {
            "slots": SLOTS,
            "step_s": STEP_S,
            "sequence_s": SEQUENCE_S,
            "start_up_s": START_UP_S,
        },
        "slo": {"ttft_s": TTFT_S, "itl_s": ITL_S},
        "pools": {POOL: {"min": SCALED.least, "max": SCALED.most}},
        # Headroom is for each interactive instance a whole one or none: of three, it would be most.
        "rules": {"headroom": 0, "down_window_s": DOWN_WINDOW_S},
        "observe": {
            "engines": {POOL: urls},
            "scrape_every_s": SCRAPE_S,
            "mean_tokens": mean_tokens,
        },
        "keda": {"listen": f"127.0.0.1:{keda_port}"},
    }
    path.write_text(json.dumps(config, indent=1) + "\n", "utf-8")  # JSON is YAML
