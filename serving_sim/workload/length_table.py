"""Lengths, arrivals and predictions from files."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.requests import FloatArray, IntArray
from serving_sim.workload.trace_formats import TraceRows

DEFAULT_INPUT_TOKENS = 100
"""Of a prompt where a file does not say: a short question with its instructions."""

INPUT_NAMES = ("input_tokens", "prompt_tokens")
"""Columns with the tokens of the prompt, in the order in which they are looked for."""


@dataclass(frozen=True, slots=True)
class LengthTable:
    """Rows of a file, as columns.

    Args:
        output_tokens: Shape (rows,), at least 1.
        input_tokens: Shape (rows,), at least 1.
        timestamp_s: Shape (rows,), ascending, each row's own arrival; None if the file has none.
        predicted: Shape (rows,): lengths or classes; None if none were asked for.
        prompts: Of the rows; empty if there are none.
        notes: What whoever reads the results should know of the file, a line each.
    """

    output_tokens: IntArray
    input_tokens: IntArray
    timestamp_s: FloatArray | None = None
    predicted: FloatArray | None = None
    prompts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.output_tokens)

    def within(self, tokens: int | None) -> "LengthTable":
        """Without the rows whose prompt and answer together are longer; no LLM takes them.

        Raises:
            InvalidWorkloadError: If none is left.
        """
        if tokens is None:
            return self
        rows = np.flatnonzero(self.input_tokens + self.output_tokens <= tokens)
        if len(rows) == 0:
            raise InvalidWorkloadError(f"no row has at most {tokens} tokens, prompt and answer")
        return replace(
            self,
            output_tokens=self.output_tokens[rows],
            input_tokens=self.input_tokens[rows],
            timestamp_s=None if self.timestamp_s is None else self.timestamp_s[rows],
            predicted=None if self.predicted is None else self.predicted[rows],
            prompts=tuple(self.prompts[row] for row in rows) if self.prompts else (),
        )

    @classmethod
    def from_file(
        cls,
        path: Path,
        *,
        predicted_column: str | None = None,
        input_tokens: int | None = DEFAULT_INPUT_TOKENS,
    ) -> "LengthTable":
        """From CSV or JSON lines, gzip'd or not.

        Answers and prompts of no tokens count as one.

        Args:
            path: With output_tokens, and input_tokens or prompt_tokens, timestamp_s and prompt
                where there are any.
            predicted_column: Name of the column with recorded predictions; None reads none.
            input_tokens: Of rows that do not say; None takes no such row.

        Raises:
            InvalidWorkloadError: It cannot be read, or lacks a column.
        """
        outputs: list[int] = []
        inputs: list[int] = []
        times_s: list[float] = []
        predicted: list[float] = []
        prompts: list[str] = []
        trace = TraceRows()
        try:
            for row in trace.standard(_rows(path)):
                inputs.append(max(1, _input_tokens(row, input_tokens)))
                outputs.append(max(1, int(row["output_tokens"])))
                if predicted_column is not None:
                    predicted.append(float(row[predicted_column]))
                if "timestamp_s" in row:
                    times_s.append(float(row["timestamp_s"]))
                if "prompt" in row:
                    prompts.append(str(row["prompt"]))
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            row_number = len(outputs) + trace.left_out.total() + 1
            raise InvalidWorkloadError(
                f"{path}, row {row_number}: expected CSV or JSON lines with the column "
                f"{error if isinstance(error, KeyError) else 'output_tokens'} ({error!r})"
            ) from error
        if not outputs:
            raise InvalidWorkloadError(f"{path} has no rows: expected at least one")
        if times_s and len(times_s) != len(outputs):
            raise InvalidWorkloadError(
                f"{path}: some rows have a time and some have none ({len(times_s):,} times of "
                f"{len(outputs):,} rows): expected one of each row, or of none"
            )
        order = np.argsort(times_s, kind="stable") if times_s else np.arange(len(outputs))
        moved = bool((order != np.arange(len(order))).any())
        return cls(
            np.array(outputs, np.int64)[order],
            np.array(inputs, np.int64)[order],
            np.array(times_s)[order] if times_s else None,
            np.array(predicted)[order] if predicted_column is not None else None,
            _in_order(prompts, order),
            trace.notes(sorted_by_time=moved),
        )


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with _opened(path) as lines:
        if ".json" in path.name:
            yield from (json.loads(line) for line in lines if line.strip())
        else:
            yield from csv.DictReader(lines)


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open()


def _in_order(prompts: list[str], order: IntArray) -> tuple[str, ...]:
    """Prompts in an order; where not every row has one, as they came."""
    return tuple(prompts[row] for row in order) if len(prompts) == len(order) else tuple(prompts)


def _input_tokens(row: Mapping[str, Any], default: int | None) -> int:
    found = _first(row, INPUT_NAMES, default)
    if found is None:
        raise KeyError("input_tokens or prompt_tokens, or --input-tokens for all rows")
    return int(found)


def _first(row: Mapping[str, Any], names: tuple[str, ...], default: int | None) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), default)
