"""What an evaluation keeps of each row that it asked about: numbers, no prompts."""

from dataclasses import dataclass

from lengthwise.index.estimate.length_scale import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedRows:
    """True and predicted lengths, row by row, in the order in which the rows were asked about.

    Args:
        truth: Shape (rows,): true lengths, in tokens.
        models: The LLM that answered each row; "" where it is not named.
        quantile_levels: Levels at which the index answers, ascending.
        quantile_tokens: Shape (rows, levels): the served predictor's quantiles, in tokens.
        confidence: Shape (rows,): of the served predictor, in [0, 1].
        points: By predictor's name, shape (rows,): predicted length, in tokens; NaN where that
            predictor has no answer, as the LLM's other draws for rows without any.
    """

    truth: FloatArray
    models: tuple[str, ...]
    quantile_levels: tuple[float, ...]
    quantile_tokens: FloatArray
    confidence: FloatArray
    points: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.truth)
