"""What a file's rows are predicted to be, by the name of what predicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lengthwise.length_distribution import LengthDistribution
from scheduler_client.client import LengthPredictorClient
from serving_sim.errors import InvalidWorkloadError
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictions import class_means, learnt_distributions, oracle_with_noise
from serving_sim.workload.requests import Distributions, FloatArray

PREDICTOR_SYNTAX = "oracle, noise:TAU, column:NAME, classes:NAME, index:FOLDER or service:HOST:PORT"
"""For messages and help: what `Predictor.from_text` reads."""

NOISE_SEED = 0
"""Of the noise: the rows of a file are predicted alike in every simulation."""

SERVICE_TIMEOUT_S = 60.0
"""For a whole batch of prompts, which nobody waits for: not the milliseconds of a scheduler."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predictions of all rows of a file.

    Args:
        tokens: Shape (rows,): predicted output tokens, which may be fractions.
        distributions: By row; None if there are none.
    """

    tokens: FloatArray
    distributions: Distributions | None = None


@dataclass(frozen=True, slots=True)
class Predictor:
    """Where predictions come from.

    oracle: the truth. noise:TAU: the truth with noise of that Kendall tau-b. column:NAME: lengths
    that the file records. classes:NAME: classes that it records, each as the mean length that its
    rows have. index:FOLDER: an index of `index_builder`, asked for the file's prompts.
    service:HOST:PORT: a running service, asked the same. The noisy ones and those recorded get
    distributions as well: of the lengths that turn out where about the same is predicted.

    Args:
        kind: The name before the colon.
        value: The text after the colon: a number, name, folder or address, by kind.

    Raises:
        InvalidWorkloadError: If there is no such kind.
    """

    kind: str
    value: str = ""

    def __post_init__(self) -> None:
        bare = self.kind == "oracle"
        if self.kind not in _KINDS or bare == bool(self.value):
            raise InvalidWorkloadError(
                f"predictions are {f'{self.kind}:{self.value}'.rstrip(':')!r}: expected "
                f"{PREDICTOR_SYNTAX}"
            )

    @classmethod
    def from_text(cls, text: str) -> "Predictor":
        """From "kind:value"."""
        kind, _, value = text.partition(":")
        return cls(kind, value)

    @property
    def column(self) -> str | None:
        """What the file must record."""
        return self.value if self.kind in ("column", "classes") else None

    def predict(self, table: LengthTable) -> Predicted:
        """Of all rows of a file.

        Raises:
            InvalidWorkloadError: If the file lacks what is needed.
        """
        return _KINDS[self.kind](self.value, table)


def _oracle(_: str, table: LengthTable) -> Predicted:
    return Predicted(table.output_tokens.astype(np.float64))


def _noise(value: str, table: LengthTable) -> Predicted:
    try:
        tau = float(value)
    except ValueError as error:
        raise InvalidWorkloadError(f"noise is {value!r}: expected a tau, as in 0.6") from error
    rng = np.random.default_rng(NOISE_SEED)
    return _with_learnt(oracle_with_noise(table.output_tokens, tau, rng), table)


def _column(_: str, table: LengthTable) -> Predicted:
    return _with_learnt(_recorded(table), table)


def _classes(_: str, table: LengthTable) -> Predicted:
    classes = _recorded(table).astype(np.int64)
    return _with_learnt(class_means(classes, classes, table.output_tokens), table)


def _recorded(table: LengthTable) -> FloatArray:
    if table.predicted is None:
        raise InvalidWorkloadError("the file was read without its recorded predictions")
    return table.predicted


def _with_learnt(tokens: FloatArray, table: LengthTable) -> Predicted:
    return Predicted(tokens, learnt_distributions(tokens, table.output_tokens, tokens))


def _service(target: str, table: LengthTable) -> Predicted:
    with LengthPredictorClient(target) as client:
        answers = client.predict_many(
            _prompts(table), raise_on_failure=True, timeout_s=SERVICE_TIMEOUT_S
        )
    return _each([(answer.expected_tokens, answer.distribution()) for answer in answers])


def _index(folder: str, table: LengthTable) -> Predicted:
    from lengthwise.index.estimate.estimate import Query  # noqa: PLC0415  needs the extra [index]
    from lengthwise.index.index import LengthIndex  # noqa: PLC0415  as above

    index = LengthIndex.load(Path(folder))
    estimates = index.predict([Query(prompt) for prompt in _prompts(table)])
    return _each(
        [
            (
                one.expected_tokens,
                LengthDistribution.from_quantiles(one.quantile_levels, one.quantile_tokens),
            )
            for one in estimates
        ]
    )


def _each(predicted: Sequence[tuple[float, LengthDistribution]]) -> Predicted:
    tokens = np.array([tokens for tokens, _ in predicted])
    distributions = [distribution for _, distribution in predicted]
    return Predicted(tokens, Distributions(distributions, np.arange(len(distributions))))


def _prompts(table: LengthTable) -> tuple[str, ...]:
    if len(table.prompts) != len(table):
        raise InvalidWorkloadError(
            f"{len(table.prompts)} prompts for {len(table)} rows: an index or a service is asked "
            "about prompts: expected a file with a column prompt"
        )
    return table.prompts


_KINDS: dict[str, Callable[[str, LengthTable], Predicted]] = {
    "oracle": _oracle,
    "noise": _noise,
    "column": _column,
    "classes": _classes,
    "index": _index,
    "service": _service,
}
"""By the name before the colon: predicts a table's rows from what stands after it."""
