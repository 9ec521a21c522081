"""The rows of `vllm_jct`: one per run, written as soon as it ends."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.harness.spread import percentile
from testbed.replay import Outcome

BY_ITSELF, BY_STOP_STRING = ENDS = ("end-of-text", "stop-string")
"""The LLM's token for it, or a string that the caller named: the engine core takes the latter for
an abort."""

QUANTILES = tuple(i / 20 for i in range(21))
SHORT_SHARE = 0.5
LONG_SHARE = 0.2
SIGNIFICANT_DIGITS = 5


@dataclass(frozen=True, slots=True)
class RunKey:
    """What a run is: the same key is not run twice.

    Args:
        policy: Its name.
        slots: `max_num_seqs`.
        load: Tokens asked for per second over those that the engine makes.
        seed: Of the requests and their arrivals.
        requests: How many.
        arrivals: "poisson" or the trace's name.
        step_ms: The engine's pace; 0 means none.
        ends: What ends the answers, one of ENDS.
    """

    policy: str
    slots: int
    load: float
    seed: int
    requests: int
    arrivals: str
    step_ms: float
    ends: str = BY_ITSELF


@dataclass(frozen=True, slots=True)
class JctRow:
    """What one run gave; times from a request's arrival.

    Args:
        policy: As in RunKey, with the next six and `ends`.
        mean_jct_s: Completion time: to the last token.
        mean_ttft_s: To the first token.
        max_wait_s: The longest time to a first token.
        tokens_per_s: Tokens made from the first arrival to the last completion.
        fallbacks: Requests that the plugin ordered without a prediction.
        fallback_causes: The same by cause.
        failed: Requests without an answer, or with one of another length.
        capacity_tokens_per_s: What load 1 stands for.
        max_lag_s: How late the client sent a request at the most.
        short_jct_s: QUANTILES of the completion times of the shorter half of the jobs.
        long_jct_s: The same of the longest fifth.
    """

    policy: str
    slots: int
    load: float
    seed: int
    requests: int
    arrivals: str
    step_ms: float
    mean_jct_s: float
    p50_jct_s: float
    p90_jct_s: float
    p99_jct_s: float
    mean_ttft_s: float
    max_wait_s: float
    tokens_per_s: float
    fallbacks: int
    failed: int
    fallback_causes: dict[str, int]
    capacity_tokens_per_s: float
    max_lag_s: float
    short_jct_s: list[float]
    long_jct_s: list[float]
    ends: str = BY_ITSELF

    @classmethod
    def from_outcomes(
        cls,
        key: RunKey,
        outcomes: Sequence[Outcome],
        *,
        fallback_causes: dict[str, int],
        capacity: float,
    ) -> "JctRow":
        """The figures of a run; requests that failed count in `failed` alone.

        Raises:
            ValueError: Every request failed.
        """
        good = [outcome for outcome in outcomes if not outcome.failed]
        if not good:
            first = next(iter(outcomes)).error if outcomes else "there were none"
            raise ValueError(f"all {len(outcomes)} requests failed: {first}")
        jct_s = [outcome.completion_s for outcome in good]
        ttft_s = [outcome.first_token_after_s for outcome in good]
        return cls(
            **asdict(key),
            mean_jct_s=sum(jct_s) / len(jct_s),
            p50_jct_s=percentile(jct_s, 0.5),
            p90_jct_s=percentile(jct_s, 0.9),
            p99_jct_s=percentile(jct_s, 0.99),
            mean_ttft_s=sum(ttft_s) / len(ttft_s),
            max_wait_s=max(ttft_s),
            tokens_per_s=sum(o.output_tokens for o in good) / max(o.finished_s for o in good),
            fallbacks=sum(fallback_causes.values()),
            fallback_causes=fallback_causes,
            failed=len(outcomes) - len(good),
            capacity_tokens_per_s=capacity,
            max_lag_s=max(outcome.lag_s for outcome in outcomes),
            short_jct_s=_quantiles(by_length(good)[: max(1, int(len(good) * SHORT_SHARE))]),
            long_jct_s=_quantiles(by_length(good)[-max(1, int(len(good) * LONG_SHARE)) :]),
        )

    @property
    def key(self) -> RunKey:
        """Which run it was."""
        return RunKey(**{field.name: getattr(self, field.name) for field in fields(RunKey)})

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without digits that mean nothing."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def by_length(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Shortest true length first."""
    return sorted(outcomes, key=lambda outcome: outcome.request.output_tokens)


def read_rows(path: Path | None) -> list[JctRow]:
    """The rows of a file; none where there is no file.

    Raises:
        ValueError: The file holds something else.
    """
    if path is None or not path.exists():
        return []
    try:
        return [JctRow(**row) for row in json.loads(path.read_text("utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold rows of this benchmark ({error}): give another file with --json"
        ) from error


def write_rows(path: Path, rows: Sequence[JctRow]) -> None:
    """Write all rows; a kill in the middle leaves the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    lines = ",\n".join(json.dumps(row.to_dict()) for row in rows)
    aside.write_text(f"[\n{lines}\n]\n", "utf-8")
    aside.replace(path)


def _quantiles(outcomes: Sequence[Outcome]) -> list[float]:
    jct_s = [outcome.completion_s for outcome in outcomes]
    return [percentile(jct_s, share) for share in QUANTILES]


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value
