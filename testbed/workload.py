"""What is asked, and when: prompts with true lengths, arrivals with a seed."""

import csv
import gzip
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from testbed.errors import TestbedError

WARM_UP_SEED = 20_000
"""Of the draw of requests that warm an engine up: no run's."""

TRUE_TOKENS = "true_tokens"
"""The key in `vllm_xargs` under which an engine of the testbed finds how long to answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to replay.

    Args:
        prompt: Its text.
        output_tokens: How long the answer must be, at least 1.
        arrival_s: After the start of the run.
        limit_tokens: The body's `max_tokens`. None puts it at `output_tokens`, which cuts the
            answer off there on any engine, and tells its length to whoever reads the limit. A
            number lets the answer end by itself, on an engine with `true_lengths`.
        priority: The body's `priority`, if the caller sets one; lower goes first.
        stop: The body's `stop`, if the caller sets one: on an engine with `true_lengths` an answer
            that ends by itself ends with this string, a token of the LLM's, in place of the end of
            the text.
    """

    prompt: str
    output_tokens: int
    arrival_s: float
    limit_tokens: int | None = None
    priority: int | None = None
    stop: str | None = None


Arrivals = Callable[[int, float, random.Random], list[float]]
"""Count, requests per second on average, source of chance: when each comes, ascending from 0."""


def poisson(count: int, rate: float, chance: random.Random) -> list[float]:
    """Independent arrivals."""
    return _accumulated([chance.expovariate(rate) for _ in range(count - 1)])


def burst(count: int, rate: float, chance: random.Random) -> list[float]:  # noqa: ARG001
    """All at once."""
    return [0.0] * count


def trace(path: Path) -> Arrivals:
    """Arrivals of a recorded trace, from a random place in it, scaled to the rate.

    Gaps keep their proportions, and with them their burstiness; a run longer than the trace goes
    round it.

    Args:
        path: CSV, gzip'd or not, with a column `timestamp_s`.

    Raises:
        TestbedError: It is not there or holds no such column.
    """
    gaps = _gaps(path)

    def arrivals(count: int, rate: float, chance: random.Random) -> list[float]:
        start = chance.randrange(len(gaps))
        taken = [gaps[(start + i) % len(gaps)] for i in range(count - 1)]
        mean = math.fsum(taken) / max(len(taken), 1)
        return _accumulated([gap / (mean * rate) if mean else 0.0 for gap in taken])

    return arrivals


def named_arrivals(name: str) -> Arrivals:
    """Arrivals by name: "poisson", "burst" or "trace:FILE".

    Raises:
        TestbedError: It is none of these.
    """
    kind, _, path = name.partition(":")
    if kind == "trace" and path:
        return trace(Path(path))
    plain: dict[str, Arrivals] = {"poisson": poisson, "burst": burst}
    if name not in plain:
        raise TestbedError(f"arrivals are {name!r}: expected poisson, burst or trace:FILE")
    return plain[name]


def workload(
    asked: Sequence[tuple[str, int]],
    count: int,
    load: float,
    arrivals: Arrivals,
    seed: int,
    *,
    tokens_per_s: float,
) -> list[Request]:
    """Requests in order of arrival; the same seed gives the same, whatever serves them.

    Args:
        asked: Prompts and true lengths to draw from, without replacement.
        count: How many.
        load: Of the engine: the tokens that are asked for per second over those it makes.
        arrivals: When they come.
        seed: Of the draw and the arrivals.
        tokens_per_s: What the engine makes with all slots taken.

    Raises:
        TestbedError: There are fewer prompts than that.
    """
    if len(asked) < count:
        raise TestbedError(f"{count} requests of {len(asked)} prompts: expected at least as many")
    chance = random.Random(seed)
    drawn = chance.sample(range(len(asked)), count)
    mean_tokens = math.fsum(asked[i][1] for i in drawn) / count
    times_s = arrivals(count, load * tokens_per_s / mean_tokens, chance)
    # One limit for all, as callers set it: it says nothing of a single answer.
    limit = max(tokens for _, tokens in asked) + 1
    return [Request(*asked[i], at_s, limit) for i, at_s in zip(drawn, times_s, strict=True)]


def warm_up_requests(asked: Sequence[tuple[str, int]], count: int) -> list[Request]:
    """Some of what is asked, all at once: what is slower the first time runs once.

    They are as long as requests usually are, since rules learn from what they see.
    """
    return workload(asked, min(count, len(asked)), 1.0, burst, WARM_UP_SEED, tokens_per_s=1.0)


def _accumulated(gaps: Sequence[float]) -> list[float]:
    times_s = [0.0]
    for gap in gaps:
        times_s.append(times_s[-1] + gap)
    return times_s


def _gaps(path: Path) -> list[float]:
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            times_s = sorted(float(row["timestamp_s"]) for row in csv.DictReader(lines))
    except (OSError, KeyError, ValueError) as error:
        raise TestbedError(f"{path}: expected CSV with a column timestamp_s: {error!r}") from error
    if len(times_s) < 2:
        raise TestbedError(f"{path} holds {len(times_s)} arrivals: expected at least 2")
    return [b - a for a, b in pairwise(times_s)]
