"""SGLang: which of its APIs take a priority, and whether its queue is served in our order."""

import ast
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lengthwise.scheduling.keys import aged_key
from scheduler_client.gateways.placed_request import PlacedRequest
from scheduler_client.gateways.priorities import FIELDS_OF_ENGINE
from testbed.gateway_seams.sources import fields_of, functions_of, names_in, tree_of

RELEASE = "sglang==0.5.23"
"""Of which docs/integrations.md speaks."""

_SRT = "sglang/srt/"
_PROTOCOL = _SRT + "entrypoints/openai/protocol.py"
_SERVING = _SRT + "entrypoints/openai/"
_OPTIONS = (
    "enable_priority_scheduling",
    "disable_priority_preemption",
    "schedule_low_priority_values_first",
)
"""Of its server, as docs/integrations.md names them."""

_NOW_S = 1_795_000_000.0
"""Late in 2026: keys are of their real size."""


def sglang_faults(wheel: Path) -> list[str]:
    """What of an SGLang's sources is not as docs/integrations.md says, in words."""
    with zipfile.ZipFile(wheel) as archive:
        protocol = tree_of(archive, _PROTOCOL)
        options = tree_of(archive, _SRT + "arg_groups/fields/schedule.py")
        metrics = archive.read(_SRT + "managers/tokenizer_manager.py").decode()
        policy = tree_of(archive, _SRT + "managers/schedule_policy.py")
        serving = {
            name: tree_of(archive, f"{_SERVING}serving_{name}.py")
            for name in ("chat", "completions", "responses")
        }
    faults = [
        f"{_PROTOCOL}: {name} has no field `priority`"
        for name in ("CompletionRequest", "ChatCompletionRequest", "ResponsesRequest")
        if "priority" not in fields_of(protocol, name)
    ]
    faults += [f"no server option {name}" for name in _OPTIONS if name not in names_in(options)]
    if 'labels["priority"] = str(priority)' not in metrics:
        faults.append("a priority is no longer a label of the metrics: classes need not be few")
    handed_on = {name: _passes_on(tree) for name, tree in serving.items()}
    expected = {"chat": True, "completions": True, "responses": False}
    if handed_on != expected:
        faults.append(f"which APIs hand a priority to the engine: {handed_on}, not {expected}")
    order = functions_of(policy, ("_sort_by_priority_and_fcfs",), {})["_sort_by_priority_and_fcfs"]
    faults += [
        f"{engine}: the queue is not served in our order"
        for engine in ("sglang", "sglang-aged")
        if not _is_our_order(order, engine)
    ]
    return faults


def _passes_on(tree: ast.Module) -> bool:
    """Whether a request to the engine is made with a priority."""
    made = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("GenerateReqInput")
    ]
    return any(keyword.arg == "priority" for call in made for keyword in call.keywords)


def _is_our_order(order: Callable[[list[Any], int], None], engine: str) -> bool:
    """Whether SGLang's own function, low values first, serves requests as our keys say."""
    requests = [
        PlacedRequest(aged_key(_NOW_S + n, 0.02 * tokens), _NOW_S + n, tokens)
        for n, tokens in enumerate((4_000.0, 10.0, 900.0, 60.0))
    ]
    queue = [
        SimpleNamespace(
            priority=FIELDS_OF_ENGINE[engine](request).body["priority"],
            time_stats=SimpleNamespace(wait_queue_entry_time=request.arrival_s),
            request=request,
        )
        for request in requests
    ]
    order(queue, 1)
    by_length = engine == "sglang"
    expected = sorted(requests, key=lambda one: one.expected_tokens if by_length else one.key)
    return [one.request for one in queue] == expected
