"""Requests through both Envoys in turns, and the same prompts asked of the predictor directly."""

import http.client
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.envoy.backend import EVENTS, PACE_MS, SENT_S
from benchmarks.envoy.proxies import Proxies
from benchmarks.harness.processes import cpu_seconds
from scheduler_client.client import LengthPredictorClient

PATH = "/v1/completions"
TOKEN_IDS = [1, 2, 3]
"""A prompt that has no text to ask about."""

STREAMS, STREAMED_EVENTS, STREAM_PACE_MS = 8, 100, 20.0
"""Streams at a time, events of each, and milliseconds between: 400 tokens a second."""


@dataclass(slots=True)
class Times:
    """Milliseconds of one kind of request, through Envoy alone and with the processor."""

    alone_ms: list[float] = field(default_factory=list[float])
    with_ms: list[float] = field(default_factory=list[float])


@dataclass(slots=True)
class Round:
    """What one round gave.

    Args:
        no_text: Whole requests of which nobody is asked.
        predicted: Whole requests that are predicted.
        prediction_ms: The same prompts, asked of the predictor directly.
        tokens: Events of streams, from the backend to the caller.
        cpu_us_per_token: The processor's CPU time for each, in microseconds.
    """

    no_text: Times = field(default_factory=Times)
    predicted: Times = field(default_factory=Times)
    prediction_ms: list[float] = field(default_factory=list[float])
    tokens: Times = field(default_factory=Times)
    cpu_us_per_token: float = 0.0


def measure_round(
    proxies: Proxies, client: LengthPredictorClient, prompts: Sequence[str], number: int
) -> Round:
    """One round; who goes first changes with every request.

    Args:
        proxies: Both Envoys.
        client: Of the predictor.
        prompts: No two alike, nor asked in an earlier round.
        number: Of the round.
    """
    found = Round()
    alone, with_processor = _Caller(proxies.alone_port), _Caller(proxies.with_port)
    for turn, prompt in enumerate(prompts):
        steps: list[Callable[[], None]] = [
            lambda: found.no_text.alone_ms.append(alone.ask_ms(TOKEN_IDS)),
            lambda: found.no_text.with_ms.append(with_processor.ask_ms(TOKEN_IDS)),
            lambda asked=prompt: found.predicted.alone_ms.append(alone.ask_ms(asked)),
            lambda asked=prompt: found.predicted.with_ms.append(with_processor.ask_ms(asked)),
            lambda asked=prompt: found.prediction_ms.append(_prediction_ms(client, asked)),
        ]
        for step in steps if turn % 2 else reversed(steps):
            step()
    for port in _turn(proxies, number):
        _stream_both(found, proxies, port)
    return found


def _turn(proxies: Proxies, number: int) -> tuple[int, int]:
    alone, both = proxies.alone_port, proxies.with_port
    return (alone, both) if number % 2 else (both, alone)


def _stream_both(found: Round, proxies: Proxies, port: int) -> None:
    before_s = cpu_seconds(proxies.processor_pid)
    with ThreadPoolExecutor(STREAMS) as pool:
        times = [one for some in pool.map(_token_ms, [port] * STREAMS) for one in some]
    if port == proxies.alone_port:
        found.tokens.alone_ms += times
        return
    found.tokens.with_ms += times
    found.cpu_us_per_token = (cpu_seconds(proxies.processor_pid) - before_s) / len(times) * 1e6


def _token_ms(port: int) -> list[float]:
    """How long each event of one stream was under way."""
    caller = _Caller(port)
    headers = {EVENTS: str(STREAMED_EVENTS), PACE_MS: str(STREAM_PACE_MS)}
    response = caller.send(TOKEN_IDS, headers)
    times: list[float] = []
    while line := response.readline():
        if line.startswith(b"data: "):
            sent_s: float = json.loads(line[6:])[SENT_S]
            times.append(1e3 * (time.monotonic() - sent_s))
    return times


def _prediction_ms(client: LengthPredictorClient, prompt: str) -> float:
    started_s = time.perf_counter()
    client.predict(prompt, neighbour_count=0)
    return 1e3 * (time.perf_counter() - started_s)


class _Caller:
    """A caller with a connection that it keeps."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask_ms(self, prompt: str | list[int]) -> float:
        """How long a request takes, in milliseconds."""
        started_s = time.perf_counter()
        self.send(prompt, {}).read()
        return 1e3 * (time.perf_counter() - started_s)

    def send(self, prompt: str | list[int], headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send a request; its response."""
        self._connection.request("POST", PATH, json.dumps({"prompt": prompt}).encode(), headers)
        response = self._connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise ConnectionError(f"HTTP {response.status} from port {self._connection.port}")
        return response
