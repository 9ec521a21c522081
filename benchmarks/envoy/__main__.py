"""What the external processor adds to requests through Envoy: `python -m benchmarks.envoy`.

Two Envoys take turns, request by request, one alone and one with the processor: the machine's other
work then falls on both. Envoy comes from .venv-gateways (`make setup-gateways`).
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.envoy.measure import (
    STREAM_PACE_MS,
    STREAMED_EVENTS,
    STREAMS,
    Round,
    Times,
    measure_round,
)
from benchmarks.envoy.proxies import running_proxies
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.spread import Spread, percentile
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import RecordList, SplitWorkload
from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import load_encoder
from scheduler_client.client import LengthPredictorClient
from testbed.predictor import running_predictor

REQUESTS = 200
"""Prompts of a round."""

WARM_UP = 20
"""Prompts before the first: connections are made, code is loaded."""

AIM_MS = 2.0


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    description = "What the external processor adds to requests through Envoy."
    options = parsed(base_parser("envoy", description, repeats=5), argv)
    requests = 20 if options.quick else REQUESTS
    learnt = 500 if options.quick else 8_000
    workload = SplitWorkload.from_set(options.data).first(
        learnt, WARM_UP + options.repeats * requests
    )
    prompts = [record.prompt for record in workload.asked]
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        say("building the index")
        build_index(RecordList(workload.learnt), folder / "index", load_encoder(device="cpu"))
        rounds, log = _measure(folder, prompts, requests, options.repeats)
    finish(_report(options, rounds, log), options.json)


def _measure(
    folder: Path, prompts: Sequence[str], requests: int, repeats: int
) -> tuple[list[Round], str]:
    arguments = ("--cache-capacity", "0", "--log-level", "warning")
    with running_predictor(folder / "index", folder, arguments=arguments) as predictor:
        with (
            running_proxies(folder, predictor.target) as proxies,
            LengthPredictorClient(predictor.target) as client,
        ):
            measure_round(proxies, client, prompts[:WARM_UP], 0)
            rounds: list[Round] = []
            for number in range(repeats):
                say(f"round {number + 1} of {repeats}")
                start = WARM_UP + number * requests
                rounds.append(
                    measure_round(proxies, client, prompts[start : start + requests], number)
                )
        return rounds, proxies.processor_log.read_text("utf-8")


def _report(options: argparse.Namespace, rounds: Sequence[Round], log: str) -> Report:
    def added(times: Callable[[Round], Times], share: float) -> Spread:
        return Spread.from_values(
            [
                percentile(times(one).with_ms, share) - percentile(times(one).alone_ms, share)
                for one in rounds
            ]
        )

    def row(what: str, times: Callable[[Round], Times]) -> Row:
        return {
            "what": what,
            "alone": Spread.from_values([percentile(times(one).alone_ms, 0.5) for one in rounds]),
            "with": Spread.from_values([percentile(times(one).with_ms, 0.5) for one in rounds]),
            "p50": added(times, 0.5),
            "p95": added(times, 0.95),
        }

    rows = [
        row("request without text, nothing asked", lambda one: one.no_text),
        row("request that is predicted", lambda one: one.predicted),
        row("token of a streamed answer", lambda one: one.tokens),
    ]
    prediction = Spread.from_values([percentile(one.prediction_ms, 0.5) for one in rounds])
    less_prediction = Spread.from_values(
        [
            percentile(one.predicted.with_ms, 0.5)
            - percentile(one.predicted.alone_ms, 0.5)
            - percentile(one.prediction_ms, 0.5)
            for one in rounds
        ]
    )
    columns = [
        Column("what", "p50, ms"),
        Column("alone", "Envoy alone", "{:.2f}"),
        Column("with", "with the processor", "{:.2f}"),
        Column("p50", "added", "{:+.2f}", with_range=True),
        Column("p95", "added at p95", "{:+.2f}", with_range=True),
    ]
    aims = [
        Aim(
            "added without a prediction, p50",
            added(lambda one: one.no_text, 0.5),
            at_most=AIM_MS,
            form="{:.2f} ms",
        ),
        Aim(
            "added with one, less its own time, p50",
            less_prediction,
            at_most=AIM_MS,
            form="{:.2f} ms",
        ),
        Aim("share of these with a prediction", _share_predicted(log), at_least=1.0, form="{:.1%}"),
    ]
    cpu_us = Spread.from_values([one.cpu_us_per_token for one in rounds])
    notes = [
        "Two Envoys with one worker thread each take turns before a backend that takes no time; "
        "one has the two filters of deploy/envoy/envoy.yaml, the other none. Callers, Envoys, "
        "processor, predictor and backend share the cores.",
        f"One request at a time. A prediction asked directly takes {prediction.median:.2f} ms at "
        "p50: the predictor's cache is off, and every prompt is another one.",
        f"Tokens: {STREAMS} streams at once, {STREAMED_EVENTS} events each, one in "
        f"{STREAM_PACE_MS:g} ms; timed from the backend's write to the caller's read. The "
        f"processor takes {cpu_us.median:.0f} µs of CPU time for each.",
    ]
    tables = [
        Table("envoy", "What the external processor adds", columns, rows),
        aims_table(aims),
    ]
    return Report("envoy", options.command, tables, notes)


def _share_predicted(log: str) -> float:
    """Of the requests with text, by the lines in which the processor says what it did."""
    counts: dict[str, int] = {}
    for line in re.findall(r"calls placed: [\d,]+ \(([^)]*)\)", log):
        for part in line.split(", "):
            count, kind = part.split(" ")
            counts[kind] = counts.get(kind, 0) + int(count.replace(",", ""))
    predicted = counts.pop("predicted", 0)
    asked = predicted + sum(n for kind, n in counts.items() if kind != "no_text")
    return predicted / asked if asked else 0.0


if __name__ == "__main__":
    main()
