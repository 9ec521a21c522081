"""Index after index swapped in under full load: `python -m benchmarks.hot_swap --json OUT`.

Callers ask as fast as they are answered; every answer is held against what the version that gave it
must answer. Rounds without and with swapping take turns, so that their latencies can be compared.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.killable_service import KillableService, real_service
from benchmarks.harness.options import recorded_command
from benchmarks.harness.raw_encoder import ready_encoder
from benchmarks.harness.report import finish, say
from benchmarks.harness.template_workload import template_records
from benchmarks.hot_swap.load import SteadyLoad
from benchmarks.hot_swap.tables import SwapFindings, hot_swap_report, summary
from benchmarks.hot_swap.versions import NEIGHBOURS, Expected, build_versions
from scheduler_client import IndexSwitch, Prediction
from scheduler_client.aio import AsyncLengthPredictorClient
from testbed.process_tree import resident_mib

ROUNDS = 4
"""Turns of calm and swapping."""

WARM_UP_SWAPS = 6
"""Two of each version: what the allocator keeps for the next load is then there already."""

PROMPTS = 500
"""Different prompts that the callers ask, in turns."""

SERVICE_OPTIONS = ("--cache-capacity", "0", "--live-capacity", "0", "--index-poll-s", "0")
"""Nothing may answer but the index that a version names: no cache, no rows learnt since, no swap
but those asked for."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _options(argv)
    with TemporaryDirectory(prefix="lengthwise-swap-") as name:
        found = _measure(options, Path(name))
    finish(hot_swap_report(options.command, options.callers, found), options.json, summary(found))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hot_swap", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--swaps", type=int, default=100, help="in all")
    parser.add_argument("--callers", type=int, default=32, help="that ask at a time")
    parser.add_argument("--rows", type=int, default=600, help="of each version")
    parser.add_argument("--calm-s", type=float, default=5.0, help="of each round without swaps")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if options.swaps < ROUNDS or options.callers < 1 or options.rows < 200:
        parser.error(f"expected --swaps of at least {ROUNDS}, --callers 1 and --rows 200")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


def _measure(options: argparse.Namespace, folder: Path) -> SwapFindings:
    say("building three versions, one of them with an encoder of its own")
    prompts = [record.prompt for record in template_records(PROMPTS, seed=1)]
    encoder = ready_encoder(prompts)
    store = folder / "index"
    expected = build_versions(store, options.rows, prompts, encoder)
    command = real_service(store, SERVICE_OPTIONS)
    with KillableService(folder, str(folder / "completions.jsonl"), command) as service:
        service.await_serving()
        return asyncio.run(_swap_under_load(options, service, prompts, expected))


async def _swap_under_load(
    options: argparse.Namespace,
    service: KillableService,
    prompts: Sequence[str],
    expected: Mapping[str, Expected],
) -> SwapFindings:
    def check(prompt: str, prediction: Prediction) -> str:
        return expected[prediction.index_version].faults(prompt, prediction)

    found = SwapFindings()
    versions = itertools.cycle(sorted(expected))
    async with AsyncLengthPredictorClient(service.target, timeout_s=60) as client:
        load = SteadyLoad(
            client, prompts, callers=options.callers, check=check, neighbours=NEIGHBOURS
        )
        running = asyncio.create_task(load.run())
        for _ in range(WARM_UP_SWAPS):
            await client.switch_index(next(versions))
        load.begin_notes()
        found.resident_mib.append(resident_mib(service.pid))
        for number in range(ROUNDS):
            await asyncio.sleep(options.calm_s)
            found.calm.append(load.begin_notes())
            for version in itertools.islice(versions, _share(options.swaps, number)):
                switch, took_s = await _timed_switch(client, version)
                assert switch.version == version, switch  # noqa: S101  what was asked for
                found.swap_s.append(took_s)
                found.resident_mib.append(resident_mib(service.pid))
            found.swapping.append(load.begin_notes())
            say(f"{len(found.swap_s)} swaps")
        load.stop()
        await running
    found.peak_mib = resident_mib(service.pid, peak=True)
    return found


async def _timed_switch(
    client: AsyncLengthPredictorClient, version: str
) -> tuple[IndexSwitch, float]:
    began_s = time.perf_counter()
    return await client.switch_index(version), time.perf_counter() - began_s


def _share(swaps: int, number: int) -> int:
    """Of the swaps, those of one round."""
    return swaps // ROUNDS + (number < swaps % ROUNDS)


if __name__ == "__main__":
    main()
