"""What the rounds come to: tables, and the aims."""

import re
from collections.abc import Callable, Sequence

from benchmarks.envoy.measure import STREAM_PACE_MS, STREAMED_EVENTS, STREAMS, Round, Times
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread, percentile
from benchmarks.harness.table import Column, Row, Table

AIM_MS = 2.0
"""At most so much is to be added at p50, beside the prediction's own time."""


def envoy_report(command: str, rounds: Sequence[Round], log: str) -> Report:
    """What is added, and whether that is little enough.

    Args:
        command: The command line, as it is recorded.
        rounds: At least one.
        log: Of the processor.
    """

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
        Aim("share of these with a prediction", share_predicted(log), at_least=1.0, form="{:.1%}"),
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
    return Report("envoy", command, tables, notes)


def share_predicted(log: str) -> float:
    """Of the requests with text, by the lines in which the processor says what it did."""
    counts: dict[str, int] = {}
    for line in re.findall(r"calls placed: [\d,]+ \(([^)]*)\)", log):
        for part in line.split(", "):
            count, kind = part.split(" ")
            counts[kind] = counts.get(kind, 0) + int(count.replace(",", ""))
    predicted = counts.pop("predicted", 0)
    asked = predicted + sum(n for kind, n in counts.items() if kind != "no_text")
    return predicted / asked if asked else 0.0
