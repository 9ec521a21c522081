"""How a rebuild is done."""

from dataclasses import dataclass

from lengthwise.index.errors import InvalidInputError
from lengthwise.model_contexts import ModelContexts


@dataclass(frozen=True, slots=True)
class RebuildOptions:
    """Choices of a rebuild.

    Args:
        min_new_rows: With fewer usable new rows nothing is done yet; they stay to be taken.
        keep_rows: Rows kept in all, the newest.
        max_rows_per_model: Rows kept of one LLM, the newest; 0 for any number.
        max_duplicates: Rows kept of one prompt answered by one LLM, the newest; 0 for any number.
        holdout_rows: The newest rows that both versions are compared on, at most; never more than a
            quarter of the new ones.
        tolerate_mae: How much larger the mean absolute error may be, as a share.
        tolerate_tau: How much lower Kendall's tau-b may be.
        tolerate_coverage: How much farther the 90 % interval may fall short of covering 90 %.
        keep_versions: Versions left after publishing, the newest.
        max_caller_share: Share of the rows that may come from one caller, of those that are known.
        tolerate_others: How much worse rows that others than a caller reported may be predicted for
            taking in that caller's, as a share of their mean length.
        model_context: Contexts of LLMs, NAME=TOKENS: longer lengths are cut to them.
        from_sequence: Take rows of the history after this one; -1 goes on where the live version
            ended, as rounds do that follow one which published (`Rebuild.after`).
        seed: Decides samples, resampling and what is random in a training.

    Raises:
        InvalidInputError: A value is out of range.
    """

    min_new_rows: int = 200
    keep_rows: int = 200_000
    max_rows_per_model: int = 0
    max_duplicates: int = 8
    holdout_rows: int = 1_000
    tolerate_mae: float = 0.02
    tolerate_tau: float = 0.01
    tolerate_coverage: float = 0.02
    keep_versions: int = 5
    max_caller_share: float = 1.0
    tolerate_others: float = 1.0
    model_context: str = ""
    from_sequence: int = -1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("min_new_rows", 40, 10**9),
            ("keep_rows", 100, 10**9),
            ("max_rows_per_model", 0, 10**9),
            ("max_duplicates", 0, 10**9),
            ("holdout_rows", 10, 10**6),
            ("tolerate_mae", 0, 1_000),
            ("tolerate_tau", 0, 2),
            ("tolerate_coverage", 0, 1),
            ("keep_versions", 1, 10**6),
            ("max_caller_share", 0.001, 1),
            ("tolerate_others", 0, 1_000_000),
            ("from_sequence", -1, 2**62),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                option = "--" + name.replace("_", "-")
                raise InvalidInputError(f"{option} is {value}: expected {low} to {high:,}")
        try:
            ModelContexts.parse(self.model_context)
        except ValueError as error:
            raise InvalidInputError(f"--model-context: {error}") from error
