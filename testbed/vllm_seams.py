"""Holds the plugin against a vLLM's sources: `python -m testbed.vllm_seams`.

What the plugin touches inside vLLM is looked up in the sources of a release that cannot run here,
with their syntax trees: nothing of it is imported. It is downloaded into a temporary folder
(some hundred megabytes) unless its wheel is given.
"""

import argparse
import ast
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

RELEASE = "vllm==0.33.0"

SCHEDULER = "vllm/v1/core/sched/scheduler.py"
NEEDED: dict[str, dict[str, tuple[str, ...]]] = {
    "vllm/config/scheduler.py": {"SchedulerConfig": ("get_scheduler_cls",)},
    SCHEDULER: {
        "Scheduler": (
            "add_request",
            "schedule",
            "update_from_output",
            "_free_request",
            "_preempt_request",
            "_request_blocks_can_be_freed",
            "pause_state",
            "shutdown",
        )
    },
    "vllm/v1/core/sched/async_scheduler.py": {"AsyncScheduler": ()},
    "vllm/v1/core/sched/request_queue.py": {"PriorityRequestQueue": ("add_request", "__len__")},
    "vllm/v1/core/kv_cache_manager.py": {"KVCacheManager": ("get_blocks", "get_computed_blocks")},
    "vllm/v1/core/block_pool.py": {"BlockPool": ("get_num_free_blocks",)},
    "vllm/v1/request.py": {"Request": ("num_output_tokens", "num_tokens", "__lt__")},
}
"""File to class to methods."""

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    SCHEDULER: (
        "self.requests",
        "self.running",
        "self.waiting",
        "self.kv_holding_waiting",
        "self.max_num_active_reqs",
        "self.max_num_running_reqs",
        "self.num_waiting_for_streaming_input",
        "self.requires_kv_delivery",
        "self.kv_cache_manager",
        "self.block_size",
        "self.vllm_config",
        "self.scheduler_config",
    ),
    "vllm/v1/core/sched/request_queue.py": ("self._heap",),
    "vllm/v1/core/kv_cache_manager.py": (
        "self.block_pool",
        "self.kv_cache_config",
        "self.watermark_blocks",
    ),
    "vllm/v1/request.py": (
        "self.request_id",
        "self.priority",
        "self.arrival_time",
        "self.status",
        "self.sampling_params",
        "self.lora_request",
        "self.max_tokens",
        "self.prompt_token_ids",
        "self.prompt_embeds",
        "self.mm_features",
        "self.output_token_ids",
        "self.num_prompt_tokens",
        "self.num_preemptions",
        "self.num_stale_output_tokens",
        "self.is_prefill_chunk",
        "self.resumable",
    ),
}
"""File to attributes that are set in it."""

CALLED_WITH: dict[str, tuple[str, ...]] = {
    "schedule": ("self",),
    "add_request": ("self", "request"),
    "update_from_output": ("self", "scheduler_output"),
    "_free_request": ("self", "request"),
    "_preempt_request": ("self", "request", "timestamp", "drop_stale_output"),
}
"""Methods of the scheduler to the parameters that they begin with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Look everything up and say what is missing.

    Returns:
        1 if something is, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m testbed.vllm_seams", description=__doc__)
    parser.add_argument("--wheel", type=Path, help=f"of the release (default: {RELEASE}'s)")
    options = parser.parse_args(argv)
    with TemporaryDirectory(prefix="lengthwise-seams-") as folder:
        wheel = options.wheel or download(RELEASE, Path(folder))
        missing = missing_in(wheel)
        print(f"{wheel.name}: {len(missing)} missing of what the plugin needs")
        for what in missing:
            print(f"  {what}", file=sys.stderr)
        return 1 if missing else 0


def download(release: str, folder: Path) -> Path:
    """The wheel of a release."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    subprocess.run([*command, str(folder), release], check=True)
    return next(folder.glob("*.whl"))


def missing_in(wheel: Path) -> list[str]:
    """What of the plugin's needs a wheel's sources do not hold, in words."""
    missing: list[str] = []
    with zipfile.ZipFile(wheel) as archive:
        for file in sorted({*NEEDED, *ATTRIBUTES}):
            tree = ast.parse(archive.read(file))
            classes = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}
            for name, methods in NEEDED.get(file, {}).items():
                missing += _missing_methods(file, name, classes.get(name), methods)
            set_in_file = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            missing += [
                f"{file}: {attribute}"
                for attribute in ATTRIBUTES.get(file, ())
                if attribute not in set_in_file
            ]
    return missing


def _missing_methods(
    file: str, name: str, found: ast.ClassDef | None, methods: tuple[str, ...]
) -> list[str]:
    if found is None:
        return [f"{file}: class {name}"]
    known = {node.name: node for node in found.body if isinstance(node, ast.FunctionDef)}
    missing = [f"{file}: {name}.{method}" for method in methods if method not in known]
    for method in known.keys() & CALLED_WITH.keys() if file == SCHEDULER else ():
        taken = tuple(argument.arg for argument in known[method].args.args)
        wanted = CALLED_WITH[method]
        if taken[: len(wanted)] != wanted:
            missing.append(f"{file}: {name}.{method}{taken}, expected it to begin with {wanted}")
    return missing


if __name__ == "__main__":
    sys.exit(main())
