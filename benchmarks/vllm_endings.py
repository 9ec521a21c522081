"""Is every end reported once, and rightly? `python -m benchmarks.vllm_endings`.

Requests that end by a limit, by a stop string, by their caller's leaving, and those of several
answers go to a real vLLM, which is ended and started again half way. What reaches the
predictor is held against what the callers got.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import recorded_command
from benchmarks.harness.report import Report, finish
from benchmarks.harness.table import Column, Row, Table
from lengthwise.v1 import length_predictor_pb2 as pb
from lengthwise.v1 import length_predictor_pb2_grpc as pb_grpc
from testbed.completions import stream_events
from testbed.engine import CACHE, Engine, running_engine
from testbed.engine_options import EngineOptions
from testbed.errors import TestbedError
from testbed.tiny_model import tiny_model

KINDS = ("limit", "stop string", "three answers", "aborted")
AT_ONCE = 16
ANSWERS = 3
ABORT_AFTER_S = 0.05
LONG_TOKENS = 4_000
STOP = "e"
"""A letter that the tiny model's babble holds soon where tokens are drawn: the likeliest ones go
round in a circle that may never hold it."""

SHUTDOWN_TIMEOUT_S = "10"
"""At vLLM's default of 0 its engine core is killed with all below it, the sidecar too: what ended
within the last second is lost."""

Lengths = dict[str, list[int]]
"""Prompt to the lengths of its answers."""


class Recorder(pb_grpc.LengthPredictorServicer):
    """Predicts the same of everything, and keeps what is reported."""

    def __init__(self) -> None:
        self.lengths: Lengths = defaultdict(list)
        self.ids: Counter[str] = Counter()

    def PredictStream(  # noqa: N802  the contract's name
        self, request_iterator: Iterable[Any], context: Any
    ) -> Iterator[Any]:
        """A hundred tokens, more or less."""
        del context
        spread = pb.LengthDistribution(
            expected_tokens=100.0, levels=[0.1, 0.5, 0.9], tokens=[20.0, 80.0, 250.0]
        )
        for request in request_iterator:
            response = pb.PredictResponse(distribution=spread, basis=pb.BASIS_PRIOR)
            results = [pb.PredictResult(response=response) for _ in request.requests]
            yield pb.PredictStreamResponse(results=results)

    def Report(self, request: Any, context: Any) -> Any:  # noqa: N802  the contract's name
        """Keep them."""
        del context
        for completion in request.completions:
            self.ids[completion.request_id] += 1
            self.lengths[completion.prompt].append(completion.output_tokens)
        return pb.ReportResponse(stored=len(request.completions))


def main(argv: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vllm_endings", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--requests", type=int, default=2_000, help="in all")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    recorder = Recorder()
    try:
        with TemporaryDirectory(prefix="lengthwise-bench-") as folder, _served(recorder) as target:
            expected: Lengths = {}
            half = options.requests // 2
            for numbers in (range(half), range(half, options.requests)):
                engine_options = EngineOptions(
                    slots=AT_ONCE // 2,
                    environment={"LENGTHWISE_TARGET": target},
                    arguments=("--shutdown-timeout", SHUTDOWN_TIMEOUT_S),
                )
                with running_engine(tiny_model(CACHE), Path(folder), engine_options) as engine:
                    expected |= asyncio.run(_ask_all(engine, numbers))
    except TestbedError as error:
        parser.error(str(error))
    finish(endings_report(command, expected, recorder), options.json)


@contextmanager
def _served(recorder: Recorder) -> Generator[str]:
    server: Any = grpc.server(futures.ThreadPoolExecutor(8))
    pb_grpc.add_LengthPredictorServicer_to_server(recorder, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(1).wait()


async def _ask_all(engine: Engine, numbers: range) -> Lengths:
    """What must be reported of these requests."""
    places = asyncio.Semaphore(AT_ONCE)
    chance = random.Random(numbers.start)

    async def one(number: int, kind: str) -> tuple[str, list[int]]:
        async with places:
            prompt = f"{kind} of request number {number}"
            return prompt, await _ask(engine, prompt, kind, 1 + number % 30)

    kinds = [chance.choice(KINDS) for _ in numbers]
    asked = (one(number, kind) for number, kind in zip(numbers, kinds, strict=True))
    return dict(await asyncio.gather(*asked))


async def _ask(engine: Engine, prompt: str, kind: str, tokens: int) -> list[int]:
    """Ask; return the lengths that must be reported."""
    body: dict[str, Any] = {
        "model": engine.model,
        "prompt": prompt,
        "max_tokens": tokens + 1,  # of a single token nothing is reported
        "ignore_eos": True,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if kind == "stop string":
        body |= {"max_tokens": LONG_TOKENS, "stop": [STOP], "temperature": 1}
    elif kind == "three answers":
        body |= {"n": ANSWERS, "temperature": 1}
    elif kind == "aborted":
        body["max_tokens"] = LONG_TOKENS
        with suppress(TimeoutError):
            async with asyncio.timeout(ABORT_AFTER_S):
                await _usage(engine, body)
        return []
    used = await _usage(engine, body)
    return [tokens + 1] * ANSWERS if kind == "three answers" else [used]


async def _usage(engine: Engine, body: dict[str, Any]) -> int:
    """Tokens of the whole answer, as vLLM counts them."""
    used = 0
    async for _, event in stream_events(engine.port, json.dumps(body).encode()):
        usage = json.loads(event).get("usage")
        used = usage["completion_tokens"] if usage else used
    return used


def endings_report(command: str, expected: Lengths, recorder: Recorder) -> Report:
    """How many of each kind were reported rightly."""
    rows: list[Row] = []
    for kind in KINDS:
        of_kind = {p: lengths for p, lengths in expected.items() if p.startswith(kind)}
        right = sum(recorder.lengths.get(p, []) == lengths for p, lengths in of_kind.items())
        rows.append({"kind": kind, "requests": len(of_kind), "right": right})
    columns = [
        Column("kind", "ended by"),
        Column("requests", "requests"),
        Column("right", "reported once, with the true length"),
    ]
    share = sum(row["right"] for row in rows) / max(1, len(expected))
    twice = sum(times > 1 for times in recorder.ids.values())
    aims = [
        Aim("of all ends reported rightly", share, at_least=1.0, form="{:.2%}"),
        Aim("reports with an id that came twice", twice, at_most=0, form="{:.0f}"),
    ]
    notes = [
        "Rightly: each answer once, with the tokens that its caller was charged for; of what the "
        "caller gave up, nothing. The engine is ended and started again half way, with "
        f"--shutdown-timeout {SHUTDOWN_TIMEOUT_S}.",
    ]
    return Report(
        "vllm_endings", command, [Table("endings", "Ends", columns, rows), aims_table(aims)], notes
    )


if __name__ == "__main__":
    main()
