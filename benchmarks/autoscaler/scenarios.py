"""What comes: real arrivals and lengths, with a swing of the day and bursts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.slo import Slo
from serving_sim.fleet.contenders import FleetSetting
from serving_sim.fleet.experiment import FleetWorkload
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.requests import Distributions, FloatArray, Requests
from serving_sim.workload.workload import ArrivalProcess, Workload, gamma_arrivals, trace_arrivals

SHORT_LENGTHS = "alpaca_davinci003.jsonl.gz"
LENGTHS = "lengths_only_sharegpt_nanoflow.csv.gz"
MOST_TOKENS = 2048
"""Of a prompt and its answer: what the assumed engine takes."""

CAPACITY = InstanceCapacity(
    slots=256, step_s=0.03, sequence_s=0.0004, prefill_token_s=5e-5, start_up_s=60.0
)
"""Assumed, not measured: 64 slots give 1,151 tokens/s at 56 ms, 256 give 1,934 at 132 ms."""

ENGINE_NOTE = (
    "Virtual time; what is assumed of an engine (256 slots, 30 ms a step and 0.4 ms for each "
    "sequence, 60 s to start) is no measurement, and its memory never runs out."
)
SPREAD_NOTE = (
    "Medians over seeds, with the range in brackets. An instance is paid for from when it is asked "
    "for."
)

SLO = Slo(ttft_s=10.0, itl_s=0.2, batch_deadline_s=900.0, batch_itl_s=2.0)
"""Chiron's: 10 s to the first token and 200 ms between tokens; batch is due in a quarter hour."""

TAU = 0.62
"""Kendall tau-b of the predictions: that of the trained index with history on the Vicuna set."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How requests come.

    Args:
        name: Its name in the tables.
        trace: File with the arrivals whose gaps are replayed.
        rate_per_s: Mean interactive requests per second.
        swing: Of the rate over the run, in [0, 1): one period of a sine.
        burst: Factor of the rate within bursts, at least 1.
    """

    name: str
    trace: str
    rate_per_s: float
    swing: float
    burst: float

    def workload(self, data: Path, count: int, *, tau: float = TAU) -> FleetWorkload:
        """Requests of both classes: batch jobs of ShareGPT lengths every five minutes."""
        times_s = LengthTable.from_file(data / self.trace).timestamp_s
        assert times_s is not None, f"{self.trace} has no times"  # noqa: S101  it is a trace
        table = LengthTable.from_file(data / LENGTHS).within(MOST_TOKENS)
        kind = "oracle" if tau >= 1 else f"noise:{tau}"
        told = Predictor.from_text(kind).predict(table)
        arrivals = warped(trace_arrivals(times_s), self.swing, self.burst)
        interactive = Workload(table, arrivals, told.tokens, told.distributions)
        batch = Workload(table, gamma_arrivals(1.0), told.tokens, told.distributions)
        return FleetWorkload(
            interactive,
            batch,
            count,
            self.rate_per_s,
            batch_share=0.3,
            job_every_s=300.0,
            deadline_s=SLO.batch_deadline_s,
        )


CONV = Scenario("conversation", "trace_azure2023_conv.csv.gz", 16.0, swing=0.6, burst=2.5)
CODE = Scenario("code", "trace_azure2023_code.csv.gz", 16.0, swing=0.6, burst=1.0)


@dataclass(frozen=True, slots=True)
class ShiftedMix:
    """Short answers first, long ones from the middle on, at the same rate of requests.

    Args:
        before: Drawn from for the first half.
        after: Drawn from for the second.
    """

    before: Workload
    after: Workload

    def draw(self, count: int, rate_per_s: float, seed: int) -> Requests:
        """Both halves, one after the other."""
        first = self.before.draw(count // 2, rate_per_s, seed)
        second = self.after.draw(count - count // 2, rate_per_s, seed + 1)
        assert first.distributions is not None  # noqa: S101  both are predicted
        assert second.distributions is not None  # noqa: S101  as above
        return Requests(
            np.concatenate([first.arrival_s, second.arrival_s + first.arrival_s[-1]]),
            np.concatenate([first.input_tokens, second.input_tokens]),
            np.concatenate([first.output_tokens, second.output_tokens]),
            np.concatenate([first.predicted_tokens, second.predicted_tokens]),
            Distributions.joined([first.distributions, second.distributions]),
        )


def shifted_workload(data: Path, count: int) -> FleetWorkload:
    """Alpaca's short answers, then ShareGPT's long ones; predictions as good as the index's."""
    halves: list[Workload] = []
    for name in (SHORT_LENGTHS, LENGTHS):
        table = LengthTable.from_file(data / name).within(MOST_TOKENS)
        told = Predictor.from_text(f"noise:{TAU}").predict(table)
        halves.append(Workload(table, gamma_arrivals(2.0), told.tokens, told.distributions))
    before, after = halves
    rate_per_s, deadline_s = CONV.rate_per_s, SLO.batch_deadline_s
    mix = ShiftedMix(before, after)
    return FleetWorkload(mix, after, count, rate_per_s, 0.3, 300.0, deadline_s)


BURST_EVERY_S, BURST_S = 420.0, 60.0
"""Bursts last as long as a start-up, so that headroom alone meets their beginning."""


def warped(arrivals: ArrivalProcess, swing: float, burst: float) -> ArrivalProcess:
    """The same arrivals, denser where the day's swing and its bursts have them."""

    def drawn(rate_per_s: float, count: int, rng: np.random.Generator) -> FloatArray:
        plain_s = arrivals(rate_per_s, count, rng)
        span_s = float(plain_s[-1]) or 1.0
        grid_s = np.linspace(0.0, span_s, 4_001)
        density = 1 + swing * np.sin(2 * np.pi * grid_s / span_s - np.pi / 2)
        density[grid_s % BURST_EVERY_S > BURST_EVERY_S - BURST_S] *= burst
        passed = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
        return np.interp(plain_s / span_s * passed[-1], passed, grid_s)

    return drawn


def setting(*, start_up_s: float = CAPACITY.start_up_s, quota: int | None = None) -> FleetSetting:
    """The fleet that all contenders scale."""
    capacity = InstanceCapacity(
        CAPACITY.slots, CAPACITY.step_s, CAPACITY.sequence_s, CAPACITY.prefill_token_s, start_up_s
    )
    return FleetSetting(capacity, SLO, least=2, most=60, quota=quota)
