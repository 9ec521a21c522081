"""What a real engine did with each request: to fit costs to, and to be compared with."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.requests import FloatArray, Requests


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One request; times in seconds on any one clock.

    Args:
        arrival_s: When the client sent the request.
        first_token_s: When its first token came.
        finished_s: When its last token came.
        input_tokens: Tokens of the prompt, by the engine's tokenizer.
        output_tokens: Tokens of the answer, by the engine's own count.
    """

    arrival_s: float
    first_token_s: float
    finished_s: float
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A run of a real engine, first come first served or as the keys say.

    Args:
        requests: In the order of their arrival.
        first_token_s: Shape (requests,): when each first token came, on the clock of the arrivals.
        finished_s: Shape (requests,): when each last token came, on the same clock.
    """

    requests: Requests
    first_token_s: FloatArray
    finished_s: FloatArray

    @property
    def ttft_s(self) -> FloatArray:
        """Times to first token, from arrival."""
        return self.first_token_s - self.requests.arrival_s

    @property
    def jct_s(self) -> FloatArray:
        """Completion times, from arrival."""
        return self.finished_s - self.requests.arrival_s

    @classmethod
    def from_records(
        cls, records: Sequence[EngineRecord], predicted_tokens: Sequence[float] | None = None
    ) -> "EngineRun":
        """From records in any order.

        Args:
            records: Finished requests, at least one.
            predicted_tokens: The predicted length of each; the truth unless given.

        Raises:
            InvalidWorkloadError: If there is none, or one cannot be.
        """
        if not records:
            raise InvalidWorkloadError("no records: expected at least one request that ended")
        predicted = predicted_tokens or [float(record.output_tokens) for record in records]
        order = sorted(range(len(records)), key=lambda i: records[i].arrival_s)
        ordered = [records[i] for i in order]

        def column(name: str) -> FloatArray:
            return np.array([getattr(record, name) for record in ordered], np.float64)

        requests = Requests(
            column("arrival_s"),
            column("input_tokens").astype(np.int64),
            column("output_tokens").astype(np.int64),
            np.array([predicted[i] for i in order], np.float64),
        )
        return cls(requests, column("first_token_s"), column("finished_s"))


def read_records(path: Path) -> list[EngineRecord]:
    """From JSON lines with the fields of EngineRecord; others are ignored.

    Raises:
        InvalidWorkloadError: If it cannot be read, or a line lacks a field.
    """
    names = [field.name for field in fields(EngineRecord)]
    records: list[EngineRecord] = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row: dict[str, Any] = json.loads(line)
                records.append(EngineRecord(**{name: row[name] for name in names}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidWorkloadError(
            f"{path}, line {len(records) + 1}: expected JSON with {', '.join(names)} ({error!r})"
        ) from error
    return records


def write_records(records: Sequence[EngineRecord], path: Path) -> None:
    """As JSON lines."""
    lines = (json.dumps(asdict(record)) + "\n" for record in records)
    path.write_text("".join(lines), "utf-8")
