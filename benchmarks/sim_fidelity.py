"""The simulator beside a real vLLM: `python -m benchmarks.sim_fidelity`.

One run of the engine, first come first served, fits the cost of a step. Then other requests go
through the engine and through the simulator, under FCFS and under SSJF with noisy predictions,
which vLLM gets as priorities.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish
from benchmarks.harness.table import Column, Row, Table
from benchmarks.harness.workloads import VICUNA, read_records
from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.calibration import FittedCost, calibrate
from serving_sim.engine.engine import Engine
from serving_sim.engine_run import EngineRecord, EngineRun, write_records
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.rule_policy import RulePolicy
from serving_sim.result import SimulationResult
from serving_sim.simulate import simulate
from serving_sim.workload.predictions import oracle_with_noise
from serving_sim.workload.requests import FloatArray
from testbed.engine import CACHE, running_engine
from testbed.engine import Engine as RealEngine
from testbed.engine_options import EngineOptions, SchedulingPolicy
from testbed.replay import replay, tokens_per_s_when_full
from testbed.tiny_model import tiny_model
from testbed.workload import Request, burst, poisson, workload

NAME = "sim_fidelity"
TAU = 0.6
"""Kendall's tau-b of the predictions with the true lengths."""

WITHIN = 0.10
"""Relative error up to which the simulator counts as right."""

VLLM_POLICY: dict[str, SchedulingPolicy] = {"fcfs": "fcfs", "ssjf": "priority"}
STEP_TOKENS = 2048
"""Tokens that the simulated engine computes in a step at most."""

CALIBRATION_SEED, CALIBRATION_LOAD = 100, 1.2
FILL = 6
"""Requests for each slot, to see what it makes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is compared.

    Args:
        slots: Requests that run at once.
        step_s: The engine's pace; None for as fast as it is.
        requests: How many arrive in each run.
        loads: Shares of what the engine serves.
        seeds: How many runs at each load.
        pairs: Prompts, each with the true length of its answer in tokens.
    """

    slots: int
    step_s: float | None
    requests: int
    loads: Sequence[float]
    seeds: int
    pairs: Sequence[tuple[str, int]]

    def asked(
        self, load: float, seed: int, tokens_per_s: float
    ) -> tuple[list[Request], list[float]]:
        """Requests of a run and the ranks of what is predicted of each, their priorities."""
        drawn = workload(self.pairs, self.requests, load, poisson, seed, tokens_per_s=tokens_per_s)
        lengths = np.array([request.output_tokens for request in drawn], np.int64)
        told = oracle_with_noise(lengths, TAU, np.random.default_rng(seed))
        ranks = np.argsort(np.argsort(told, kind="stable"), kind="stable").tolist()
        requests = [
            replace(one, priority=rank, limit_tokens=None)
            for one, rank in zip(drawn, ranks, strict=True)
        ]
        return requests, [float(rank) for rank in ranks]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine, fit, compare."""
    options = _options(argv)
    records = read_records(options.data, VICUNA)
    pairs = list({r.prompt: r.output_tokens for r in records if r.output_tokens > 1}.items())
    step_s = options.step_ms / 1e3 if options.step_ms else None
    loads = [float(load) for load in options.load.split(",")]
    setting = Setting(options.slots, step_s, options.requests, loads, options.repeats, pairs)
    with TemporaryDirectory(prefix="lengthwise-fidelity-") as folder:
        rows, fitted = compare(setting, Path(folder), options.records)
    report = Report(NAME, options.command, [_table(rows, setting)], _notes(fitted, setting))
    finish(report, options.json)
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = base_parser(NAME, __doc__ or "", repeats=2)
    parser.add_argument("--slots", type=int, default=8, help="requests that run at once")
    parser.add_argument("--step-ms", type=float, default=12.0, help="the engine's pace; 0: none")
    parser.add_argument("--requests", type=int, default=160, help="of a run")
    parser.add_argument("--load", default="0.9,2.0", help="shares of what the engine serves")
    parser.add_argument("--records", type=Path, help="keep the calibration run here")
    return parsed(parser, argv)


def compare(setting: Setting, folder: Path, keep: Path | None) -> tuple[list[Row], FittedCost]:
    """Calibrate on one run, then compare run by run."""
    model = tiny_model(CACHE)
    count_tokens = TokenCounter(model)
    simulated = Engine(slots=setting.slots, step_tokens=STEP_TOKENS)
    rows: list[Row] = []
    fitted: FittedCost | None = None
    tokens_per_s = 1.0
    for policy, vllm_policy in VLLM_POLICY.items():
        options = EngineOptions(
            slots=setting.slots,
            policy=vllm_policy,
            step_s=setting.step_s,
            arguments=("--max-num-batched-tokens", str(STEP_TOKENS)),
        )
        with running_engine(model, folder, options) as engine:
            if fitted is None:
                tokens_per_s = _tokens_per_s(engine, setting)
                asked, told = setting.asked(CALIBRATION_LOAD, CALIBRATION_SEED, tokens_per_s)
                records = _served(engine, asked, vllm_policy, count_tokens)
                if keep is not None:
                    write_records(records, keep)
                fitted = calibrate(EngineRun.from_records(records), simulated)
            else:
                _tokens_per_s(engine, setting)  # warms it up
            for load, seed, asked, told in _runs(setting, tokens_per_s):
                records = _served(engine, asked, vllm_policy, count_tokens)
                run = EngineRun.from_records(records, told)
                names: Row = {"policy": policy, "load": load, "seed": seed}
                rows.append(_row(names, run, fitted, simulated))
    assert fitted is not None  # noqa: S101  there are policies
    return rows, fitted


def _runs(
    setting: Setting, tokens_per_s: float
) -> Iterator[tuple[float, int, list[Request], list[float]]]:
    for load in setting.loads:
        for seed in range(setting.seeds):
            yield load, seed, *setting.asked(load, seed, tokens_per_s)


def _tokens_per_s(engine: RealEngine, setting: Setting) -> float:
    """With all slots taken, after a few that warm it up."""
    count = FILL * setting.slots
    drawn = workload(setting.pairs, count, 1.0, burst, CALIBRATION_SEED + 1, tokens_per_s=1.0)
    at_once = [replace(request, limit_tokens=None) for request in drawn]
    replay(engine, at_once[: setting.slots])
    return tokens_per_s_when_full(replay(engine, at_once))


class TokenCounter:
    """Counts as the engine does.

    Args:
        model: Folder of the engine's model, with its tokenizer.
    """

    def __init__(self, model: Path) -> None:
        from transformers import AutoTokenizer  # noqa: PLC0415  heavy

        self._tokenizer = AutoTokenizer.from_pretrained(str(model))

    def __call__(self, prompt: str) -> int:
        """Tokens of a prompt, with those that the tokenizer adds."""
        return len(self._tokenizer(prompt)["input_ids"])


def _served(
    engine: RealEngine,
    asked: Sequence[Request],
    policy: SchedulingPolicy,
    count_tokens: TokenCounter,
) -> list[EngineRecord]:
    if policy == "fcfs":
        asked = [replace(request, priority=None) for request in asked]
    outcomes = replay(engine, asked)
    if failed := next((outcome for outcome in outcomes if outcome.failed), None):
        raise RuntimeError(f"a request failed: {failed.error}")
    return [
        EngineRecord(
            arrival_s=outcome.sent_s,
            first_token_s=outcome.first_token_s or outcome.finished_s,
            finished_s=outcome.finished_s,
            input_tokens=count_tokens(outcome.request.prompt),
            output_tokens=outcome.output_tokens,
        )
        for outcome in outcomes
    ]


def _row(names: Row, run: EngineRun, fitted: FittedCost, engine: Engine) -> Row:
    """What the engine took and what the simulator says of the same requests."""
    # By rank alone: no service time, which would weigh the prompt as well.
    shortest = RulePolicy(make_rule("shortest"), ServiceTimeModel())
    policy = FcfsPolicy() if names["policy"] == "fcfs" else shortest
    result = simulate(run.requests, policy, engine, fitted.cost)
    real, told = _figures(run), _figures_of(result, fitted.outside_s)
    row = dict(names) | {"step_ms": 1e3 * _decoding_step_s(run)}
    for name, value in real.items():
        row |= {name: value, f"{name}_sim": told[name], f"{name}_error": told[name] / value - 1}
    row["within"] = all(abs(told[name] / real[name] - 1) <= WITHIN for name in real)
    return row


def _decoding_step_s(run: EngineRun) -> float:
    """The mean time of a token after the first: what other work on the machine makes longer."""
    steps = float((run.requests.output_tokens - 1).sum())
    return float((run.finished_s - run.first_token_s).sum()) / steps


def _figures(run: EngineRun) -> dict[str, float]:
    return _of(run.jct_s, run.ttft_s)


def _figures_of(result: SimulationResult, outside_s: float) -> dict[str, float]:
    return _of(result.jct_s + outside_s, result.ttft_s + outside_s)


def _of(jct_s: FloatArray, ttft_s: FloatArray) -> dict[str, float]:
    return {
        "mean_jct_s": float(jct_s.mean()),
        "p99_jct_s": float(np.percentile(jct_s, 99)),
        "mean_ttft_s": float(ttft_s.mean()),
        "p99_ttft_s": float(np.percentile(ttft_s, 99)),
    }


def _table(rows: Sequence[Row], setting: Setting) -> Table:
    columns = [
        Column("policy", "policy"),
        Column("load", "load", "{:g}"),
        Column("seed", "seed"),
        Column("step_ms", "step, ms", "{:.1f}"),
    ]
    for name, title in (
        ("mean_jct_s", "mean JCT, s"),
        ("p99_jct_s", "p99"),
        ("mean_ttft_s", "mean TTFT, s"),
        ("p99_ttft_s", "p99 TTFT"),
    ):
        columns += [Column(name, title, "{:.3g}"), Column(f"{name}_error", "simulated", "{:+.1%}")]
    pace = f", paced at {setting.step_s * 1e3:g} ms a step" if setting.step_s else ""
    title = (
        f"A real vLLM ({setting.slots} slots{pace}) and the simulator, {setting.requests} requests"
    )
    return Table("fidelity", title, columns, rows)


def _notes(fitted: FittedCost, setting: Setting) -> list[str]:
    constants = ", ".join(f"{name} {value:.3g}" for name, value in fitted.cost.to_dict().items())
    return [
        f"Fitted to {fitted.records} other requests, first come first served at load "
        f"{CALIBRATION_LOAD:g}: {constants}, outside_s {fitted.outside_s:.3g}; mean error of that "
        f"run's completion times {fitted.jct_error:.1%}, of its first tokens "
        f"{fitted.ttft_error:.1%}.",
        f"SSJF: the truth with noise of tau-b {TAU}, as vLLM's priority. {setting.slots} slots. "
        "Simulated: by how much the simulator's figure differs. A step that is longer than in the "
        "calibration shows that something else ran on the machine.",
    ]


if __name__ == "__main__":
    sys.exit(main())
