"""How long a lone prompt takes beside bulk: `python -m benchmarks.lone_prompt --index DIR`.

Two services stand side by side and take turns, this one and, with --baseline, that of another
commit. Each is asked lone prompts alone, then bulk alone, then lone prompts beside bulk callers.
"""

import argparse
import json
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep

from benchmarks.harness.children import LineChild
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import finish, say
from benchmarks.harness.workloads import VICUNA, learnt_and_asked, read_records, unique_prompts
from benchmarks.lone_prompt.callers import Answered, Asked
from benchmarks.lone_prompt.tables import BASELINE, NOW, Pass, Round, lone_report
from benchmarks.service_load.servers import predictor_service
from predictor_service.batching.lone_first import REMEMBERED_S

PROMPTS = 1_000
"""Held-out prompts that are asked, in a circle."""

FORGOTTEN_S = REMEMBERED_S + 0.5
"""After lone prompts, until bulk has all to itself again."""

HEAD_START_S = 0.5
"""Of bulk before lone prompts are asked beside it, and as long after them."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long each part of a round lasts, in seconds."""

    alone_s: float
    bulk_s: float
    beside_s: float

    @classmethod
    def from_mode(cls, *, quick: bool) -> "Times":
        """Those for a real run, or for a quick one."""
        return cls(0.5, 0.5, 0.5) if quick else cls(2.0, 2.5, 4.0)


@dataclass(frozen=True, slots=True)
class Callers:
    """Of one service, a process for each kind."""

    lone: LineChild
    bulk: LineChild

    def measure(self, times: Times, bulk_callers: Sequence[int]) -> Pass:
        """Ask in each way."""
        alone = _ask(self.lone, Asked(0, times.alone_s))
        sleep(FORGOTTEN_S)
        bulk_alone = {n: _ask(self.bulk, Asked(n, times.bulk_s)) for n in bulk_callers}
        beside: dict[int, tuple[Answered, Answered]] = {}
        for n in bulk_callers:
            with ThreadPoolExecutor(1) as pool:
                seconds = times.beside_s + 2 * HEAD_START_S
                bulk = pool.submit(_ask, self.bulk, Asked(n, seconds))
                sleep(HEAD_START_S)
                lone = _ask(self.lone, Asked(0, times.beside_s))
                beside[n] = lone, bulk.result()
        return Pass(alone, bulk_alone, beside)


def _ask(child: LineChild, asked: Asked) -> Answered:
    return Answered(**child.ask(**asked.to_dict()))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("lone_prompt", "How long a lone prompt takes beside bulk.", repeats=5)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="store of the index that is served")
    add("--baseline", type=Path, help="a checkout whose service is measured beside this one's")
    add("--threads", type=int, nargs="+", default=[1, 2], help="of the service, one after another")
    add("--bulk-callers", type=int, nargs="+", default=[1, 4], help="beside the lone one")
    options = parsed(parser, argv)
    _, asked = learnt_and_asked(read_records(options.data, VICUNA))
    rounds: list[Round] = []
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        prompt_file = Path(name) / "prompts.json"
        prompt_file.write_text(json.dumps(unique_prompts(asked)[:PROMPTS]), "utf-8")
        for threads in options.threads:
            rounds += _rounds(options, threads, prompt_file)
    finish(lone_report(options.command, rounds), options.json)


def _rounds(options: argparse.Namespace, threads: int, prompt_file: Path) -> list[Round]:
    checkouts = {NOW: None} | ({BASELINE: options.baseline} if options.baseline else {})
    times = Times.from_mode(quick=options.quick)
    found: list[Round] = []
    with _services(checkouts, options.index, threads, prompt_file) as services:
        for callers in services.values():
            callers.measure(Times.from_mode(quick=True), options.bulk_callers[:1])
        for number in range(options.repeats):
            say(f"{threads} threads, round {number + 1} of {options.repeats}")
            order = list(services)[:: -1 if number % 2 else 1]
            passes = {name: services[name].measure(times, options.bulk_callers) for name in order}
            found.append(Round(threads, passes))
    return found


@contextmanager
def _services(
    checkouts: Mapping[str, Path | None], index: Path, threads: int, prompt_file: Path
) -> Generator[dict[str, Callers]]:
    with ExitStack() as stack:
        services: dict[str, Callers] = {}
        for name, checkout in checkouts.items():
            server = stack.enter_context(
                predictor_service(
                    index,
                    prompt_file.parent,
                    1,
                    arguments=("--threads", str(threads)),
                    checkout=checkout,
                )
            )
            lone, bulk = (
                stack.enter_context(
                    LineChild("benchmarks.lone_prompt.callers", str(prompt_file), str(server.port))
                )
                for _ in range(2)
            )
            services[name] = Callers(lone, bulk)
        yield services


if __name__ == "__main__":
    main()
