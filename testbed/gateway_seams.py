"""Holds our fields against the sources of engines that cannot run here: `-m testbed.gateway_seams`.

SGLang and NVIDIA Dynamo need a GPU's packages, so their code is not installed. Their wheels are
downloaded (SGLang's has 40 MB) unless given, what is needed of them is looked up in their syntax
trees, and the few functions that order requests and read hints are run, alone, on our fields.
"""

import argparse
import ast
import math
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from lengthwise.scheduling.keys import aged_key
from scheduler_client.gateways.priorities import FIELDS_OF_ENGINE, PlacedRequest
from testbed.vllm_seams import download

SGLANG, DYNAMO = "sglang==0.5.23", "ai-dynamo==1.6.1"
"""The releases that docs/integrations.md speaks of."""

_SRT = "sglang/srt/"
_PROTOCOL = _SRT + "entrypoints/openai/protocol.py"
_SERVING = _SRT + "entrypoints/openai/"
_OPTIONS = (
    "enable_priority_scheduling",
    "disable_priority_preemption",
    "schedule_low_priority_values_first",
)
"""Of SGLang's server, as docs/integrations.md names them."""

_HINTS = "dynamo/frontend/sglang_processor.py"

_NOW_S = 1_795_000_000.0
"""Late in 2026: keys are of their real size."""


def main(argv: Sequence[str] | None = None) -> int:
    """Look everything up and say what is otherwise.

    Returns:
        1 if something is, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m testbed.gateway_seams", description=__doc__)
    parser.add_argument("--sglang", type=Path, help=f"its wheel (default: {SGLANG}'s)")
    parser.add_argument("--dynamo", type=Path, help=f"its wheel (default: {DYNAMO}'s)")
    options = parser.parse_args(argv)
    checks = ((SGLANG, options.sglang, sglang_faults), (DYNAMO, options.dynamo, dynamo_faults))
    wrong = 0
    for release, given, faults_in in checks:
        with TemporaryDirectory(prefix="lengthwise-seams-") as folder:
            wheel = given or download(release, Path(folder))
            faults = faults_in(wheel)
        wrong += len(faults)
        print(f"{wheel.name}: {len(faults)} things are not as our fields need them")
        for fault in faults:
            print(f"  {fault}", file=sys.stderr)
    return 1 if wrong else 0


def sglang_faults(wheel: Path) -> list[str]:
    """What of an SGLang's sources is not as docs/integrations.md says, in words."""
    with zipfile.ZipFile(wheel) as archive:
        protocol = _tree(archive, _PROTOCOL)
        options = _tree(archive, _SRT + "arg_groups/fields/schedule.py")
        metrics = archive.read(_SRT + "managers/tokenizer_manager.py").decode()
        policy = _tree(archive, _SRT + "managers/schedule_policy.py")
        serving = {
            name: _tree(archive, f"{_SERVING}serving_{name}.py")
            for name in ("chat", "completions", "responses")
        }
    faults = [
        f"{_PROTOCOL}: {name} has no field `priority`"
        for name in ("CompletionRequest", "ChatCompletionRequest", "ResponsesRequest")
        if "priority" not in _fields_of(protocol, name)
    ]
    faults += [f"no server option {name}" for name in _OPTIONS if name not in _names_in(options)]
    if 'labels["priority"] = str(priority)' not in metrics:
        faults.append("a priority is no longer a label of the metrics: classes need not be few")
    handed_on = {name: _hands_priority_on(tree) for name, tree in serving.items()}
    expected = {"chat": True, "completions": True, "responses": False}
    if handed_on != expected:
        faults.append(f"which APIs hand a priority to the engine: {handed_on}, not {expected}")
    order = _functions(policy, ("_sort_by_priority_and_fcfs",), {})["_sort_by_priority_and_fcfs"]
    faults += [
        f"{engine}: the queue is not served in our order"
        for engine in ("sglang", "sglang-aged")
        if not _is_our_order(order, engine)
    ]
    return faults


def dynamo_faults(wheel: Path) -> list[str]:
    """What Dynamo's workers make of our hints, where it is not what it is to be."""
    with zipfile.ZipFile(wheel) as archive:
        processor = _tree(archive, _HINTS)
        vllm = archive.read("dynamo/vllm/handlers.py").decode()
        sglang = archive.read("dynamo/sglang/args.py").decode()
    placed = PlacedRequest(aged_key(_NOW_S, 2.5), _NOW_S, 123.4)
    nvext = FIELDS_OF_ENGINE["dynamo"](placed).body["nvext"]
    given = nvext["agent_hints"]
    names = ("_is_i32", "_is_u32", "_finite_float", "_routing_from_agent_hints")
    limits = {"math": math, "_U32_MAX": 2**32 - 1, "_I32_MIN": -(2**31), "_I32_MAX": 2**31 - 1}
    routing = _functions(processor, names, limits)["_routing_from_agent_hints"](nvext)
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


def _tree(archive: zipfile.ZipFile, file: str) -> ast.Module:
    return ast.parse(archive.read(file))


def _fields_of(tree: ast.Module, name: str) -> set[str]:
    """Annotated fields of a class."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == name]
    return {
        node.target.id
        for one in found
        for node in one.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _names_in(tree: ast.Module) -> set[str]:
    targets = (n.target for n in ast.walk(tree) if isinstance(n, ast.AnnAssign))
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _hands_priority_on(tree: ast.Module) -> bool:
    """Whether a request to the engine is made with a priority."""
    made = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("GenerateReqInput")
    ]
    return any(keyword.arg == "priority" for call in made for keyword in call.keywords)


def _functions(
    tree: ast.Module, names: Sequence[str], known: Mapping[str, Any]
) -> dict[str, Callable[..., Any]]:
    """Some functions of a module, made without the rest of it.

    Args:
        tree: Of the module.
        names: Of the functions, which may call each other.
        known: Further names that they use; types in annotations need not be there.
    """
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in names]
    for function in found:
        function.decorator_list = []
        function.returns = None
        for argument in function.args.args:
            argument.annotation = None
    source = "\n".join(ast.unparse(function) for function in found)
    scope: dict[str, Any] = {**known, "Any": Any, "cast": cast}
    exec(compile(f"from __future__ import annotations\n{source}", "<wheel>", "exec"), scope)  # noqa: S102  two pinned releases' own functions
    return {name: scope[name] for name in names}


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


if __name__ == "__main__":
    sys.exit(main())
