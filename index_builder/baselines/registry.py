"""The predictors that an evaluation can print beside the served one: their contract and names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from index_builder.baselines.median import MedianBaseline
from index_builder.evaluation.predictor import LengthPredictor
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


class Baseline(LengthPredictor, Protocol):
    """Learns lengths from a history and predicts those of other prompts."""

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:
        """Learn. Answers that were cut off count with the length they were cut at, as published.

        Args:
            records: The history, at least one row.
            vectors: Shape (rows, dimension): their prompts as the index holds them, unit length.
        """
        ...


@dataclass(frozen=True, slots=True)
class BaselineSetting:
    """What a baseline may be made with.

    Args:
        encoder: Name or folder of the sentence-transformers model that SSJF's proxy starts from.
        seed: Decides first weights, samples and the order of rows.
    """

    encoder: str
    seed: int = 0


def _lexical(setting: BaselineSetting) -> Baseline:
    from index_builder.baselines.lexical import LexicalBaseline  # noqa: PLC0415  imports scikit-learn

    return LexicalBaseline(seed=setting.seed)


def _alise(setting: BaselineSetting) -> Baseline:
    from index_builder.baselines.alise import AliseBaseline  # noqa: PLC0415  imports scikit-learn

    return AliseBaseline(seed=setting.seed)


def _ssjf(objective: str) -> Callable[[BaselineSetting], Baseline]:
    def make(setting: BaselineSetting) -> Baseline:
        from index_builder.baselines.ssjf import SsjfBaseline  # noqa: PLC0415  imports torch

        return SsjfBaseline(objective, encoder=setting.encoder, seed=setting.seed)

    return make


BASELINES: Mapping[str, Callable[[BaselineSetting], Baseline]] = {
    "median": lambda _: MedianBaseline(),
    "lexical": _lexical,
    "alise": _alise,
    "ssjf-l1": _ssjf("l1"),
    "ssjf-mse": _ssjf("mse"),
    "ssjf-5class": _ssjf("5class"),
    "ssjf-ordinal": _ssjf("ordinal"),
}
"""Each imports what it needs when it is made: scikit-learn and PyTorch take seconds."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "cheap": ("median", "lexical", "alise"),
    "all": tuple(BASELINES),
    "none": (),
}
"""Cheap ones are fitted in seconds; the others train an encoder, for minutes each."""


def baseline_names(wanted: str) -> tuple[str, ...]:
    """Names of baselines, in the order of the registry.

    Args:
        wanted: A group, or names with commas between; groups may stand among them.

    Raises:
        InvalidInputError: There is no such baseline.
    """
    parts = [part.strip() for part in wanted.split(",") if part.strip()]
    chosen = {name for part in parts for name in GROUPS.get(part, (part,))}
    unknown = sorted(chosen - set(BASELINES))
    if unknown or not parts:
        raise InvalidInputError(
            f"baselines is {wanted!r}: expected {', '.join(GROUPS)}, or names with commas between "
            f"out of {', '.join(BASELINES)}"
        )
    return tuple(name for name in BASELINES if name in chosen)
