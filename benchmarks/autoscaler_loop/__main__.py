"""See the package: `python -m benchmarks.autoscaler_loop`, with vLLM in .venv-vllm."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.autoscaler_loop.arms import ARMS, FOLLOWED, Day, DayRun
from benchmarks.autoscaler_loop.fleet import ITL_S, SLOTS, TTFT_S
from benchmarks.autoscaler_loop.load import RATE_PER_S, SWING, mean_tokens, requests_of
from benchmarks.autoscaler_loop.picture import draw_day
from benchmarks.autoscaler_loop.tables import report_tables
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from testbed.engine import CACHE
from testbed.errors import TestbedError
from testbed.tiny_model import TinyLlama, tiny_model

NAME = "autoscaler_loop"
MODEL = TinyLlama(hidden=64, layers=1, heads=2, window_tokens=2048)
"""The least that vLLM serves: three of them are to leave most of two cores free."""

MINUTES, QUICK_MINUTES = 7.5, 2.0
"""Of a day and its night; in the quick one an engine can be added, and hardly taken away again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the same day in each way, and print.

    Returns:
        1 if vLLM is missing or does not start, else 0.
    """
    package = sys.modules["benchmarks.autoscaler_loop"]
    parser = base_parser(NAME, package.__doc__ or "", repeats=1)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="length of the day")
    parser.add_argument("--only", choices=ARMS, action="append", help="ways to scale; all if none")
    parser.add_argument("--made", action="store_true", help="make arrivals up: no trace is needed")
    parser.add_argument("--picture", type=Path, help="draw the autoscaler's first day to this file")
    options = parsed(parser, argv, needs_data=False)
    minutes = QUICK_MINUTES if options.quick else options.minutes
    model = tiny_model(CACHE, MODEL)
    days: list[Day] = []
    try:
        for seed in range(options.repeats):
            requests = requests_of(minutes, seed, None if options.made else options.data)
            for arm in options.only or ARMS:
                with TemporaryDirectory(prefix="lengthwise-loop-") as folder:
                    days.append(DayRun(arm, requests, model, Path(folder)).serve())
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    followed = [day for day in days if day.arm == FOLLOWED]
    if options.picture is not None and followed:
        draw_day(followed[0], options.picture)
        say(f"{options.picture} shows the day")
    requests = [outcome.request for day in days for outcome in day.outcomes]
    notes = _notes(minutes, mean_tokens(requests), made=options.made)
    finish(Report(NAME, options.command, report_tables(days), notes), options.json)
    return 0


def _notes(minutes: float, mean: float, *, made: bool) -> list[str]:
    source = "made up" if made else "Azure's conversations, answers a third as long"
    return [
        f"{minutes:g} minutes: from {(1 - SWING) * RATE_PER_S:.1f} to "
        f"{(1 + SWING) * RATE_PER_S:.1f} requests a second and back, the last fifth at the lowest; "
        f"{source}: {mean:.0f} tokens on average.",
        f"Promised: {TTFT_S:g} s to the first token, {1e3 * ITL_S:g} ms between tokens on average "
        "over an answer.",
        f"Engines are real `vllm serve` processes of {SLOTS} slots with a tiny model, whose steps "
        "keep a pace of 40 ms and 5 ms for each sequence; prompts are short. They start and drain "
        "in real time, and an engine counts from when it is asked for until its process has ended.",
        "KEDA's and the HPA's times are their own: the scaler looks every 5 s, the HPA asks every "
        "15 s.",
    ]


if __name__ == "__main__":
    sys.exit(main())
