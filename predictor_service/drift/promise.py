"""What an artifact's own evaluation says of how well it predicts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

MIN_ROWS = 50
"""Fewer rows of one LLM promise nothing of their own."""


@dataclass(frozen=True, slots=True)
class Promise:
    """How well lengths are to be predicted; None where nothing is said.

    Args:
        rows: Of the evaluation, that it rests on.
        mae_tokens: Mean absolute error of the medians, in tokens.
        coverage_90: Share of true lengths inside the 90 % interval.
    """

    rows: int = 0
    mae_tokens: float | None = None
    coverage_90: float | None = None


@dataclass(frozen=True, slots=True)
class Promises:
    """What is promised of all LLMs together and of each.

    Args:
        whole: What holds for all LLMs together.
        by_model: Of each LLM that had `MIN_ROWS` rows in the evaluation.
    """

    whole: Promise = Promise()
    by_model: Mapping[str, Promise] = field(
        default_factory=lambda: MappingProxyType(dict[str, Promise]())
    )

    @classmethod
    def from_file(cls, path: Path) -> "Promises":
        """Read an artifact's evaluation.json; nothing is promised where it says nothing."""
        try:
            data: dict[str, Any] = json.loads(path.read_bytes())
            whole = _promise(data.get(data.get("predictor", ""), {}))
            parts = {name: _promise(part) for name, part in data.get("by_model", {}).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()
        return cls(whole, {name: part for name, part in parts.items() if part.rows >= MIN_ROWS})

    def for_model(self, model: str) -> Promise:
        """What is promised of one LLM.

        Of one without history an interval still claims to hold 90 % of the lengths, as it does of
        all; how long its answers are, and so how far off in tokens, nobody knows. Where no LLM is
        named, what is promised of all together holds.
        """
        own = self.by_model.get(model)
        if own is None and not model:
            return self.whole
        return own or Promise(self.whole.rows, coverage_90=self.whole.coverage_90)


def _promise(data: Mapping[str, Any]) -> Promise:
    mae, coverage = data.get("mae"), data.get("coverage_90")
    return Promise(
        int(data.get("rows", 0)),
        None if mae is None else float(mae),
        None if coverage is None else float(coverage),
    )
