"""NVIDIA Dynamo: what its workers make of the hints that its frontend took."""

import math
import zipfile
from pathlib import Path

from lengthwise.scheduling.keys import aged_key
from scheduler_client.gateways.placed_request import PlacedRequest
from scheduler_client.gateways.priorities import FIELDS_OF_ENGINE
from testbed.gateway_seams.sources import functions_of, tree_of

RELEASE = "ai-dynamo==1.6.1"
"""Of which docs/integrations.md speaks."""

_HINTS = "dynamo/frontend/sglang_processor.py"

_NOW_S = 1_795_000_000.0
"""Late in 2026: keys are of their real size."""


def dynamo_faults(wheel: Path) -> list[str]:
    """What Dynamo's workers make of our hints, where it is not what it is to be."""
    with zipfile.ZipFile(wheel) as archive:
        processor = tree_of(archive, _HINTS)
        vllm = archive.read("dynamo/vllm/handlers.py").decode()
        sglang = archive.read("dynamo/sglang/args.py").decode()
    placed = PlacedRequest(aged_key(_NOW_S, 2.5), _NOW_S, 123.4)
    nvext = FIELDS_OF_ENGINE["dynamo"](placed).body["nvext"]
    given = nvext["agent_hints"]
    names = ("_is_i32", "_is_u32", "_finite_float", "_routing_from_agent_hints")
    limits = {"math": math, "_U32_MAX": 2**32 - 1, "_I32_MIN": -(2**31), "_I32_MAX": 2**31 - 1}
    routing = functions_of(processor, names, limits)["_routing_from_agent_hints"](nvext)
    expected = {
        "priority": given["priority"],
        "priority_jump": 0.0,  # the router keeps its own order
        "expected_output_tokens": given["osl"],
    }
    faults = [] if routing == expected else [f"{given} becomes {routing}, not {expected}"]
    if '-int(routing.get("priority", 0))' not in vllm:
        faults.append("vLLM's priority is no longer the hint's, turned round")
    if "--schedule-low-priority-values-first is not supported" not in sglang:
        faults.append("SGLang behind Dynamo may now run with low values first")
    return faults
