"""How an encoder is trained."""

from dataclasses import dataclass

from lengthwise.index.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Choices of a training; the defaults are those that `benchmarks.training` found best.

    Args:
        epochs: Passes over the history, unless patience ends it before.
        first_epochs: Passes over the histories of other LLMs before that.
        batch_size: Rows that one step learns from.
        encoder_lr: Peak learning rate of the encoder.
        head_lr: Peak learning rate of the head.
        max_tokens_learnt: What of a prompt is learnt from, head and tail.
        bins: Bins of the length, on the log scale, of equal numbers of rows.
        masking: Share of tokens hidden in each step, another each time: the less there is to learn
            from, the more this keeps the encoder from learning it by heart.
        dropout: Whether the encoder drops out as its configuration says, or nothing: hidden tokens
            keep it from learning by heart as well. It makes no step faster.
        averaging: Weight of the past in the moving average of the weights that is kept.
        train_words: Also train the word embeddings: half of all weights, and rarely worth it; a
            student's always learn.
        validation_share: Of rows, kept apart to stop early, to weigh neighbours and to calibrate.
        patience: Epochs without a better Kendall tau-b after which training ends.
        max_rows: Rows learnt from at most, a random sample of larger histories.
        seed: Of everything that chance decides.

    Raises:
        InvalidInputError: A value is out of range.
    """

    epochs: int = 6
    first_epochs: int = 1
    batch_size: int = 32
    encoder_lr: float = 6e-5
    head_lr: float = 1e-3
    max_tokens_learnt: int = 128
    bins: int = 40
    masking: float = 0.1
    dropout: bool = True
    averaging: float = 0.998
    train_words: bool = False
    validation_share: float = 0.1
    patience: int = 2
    max_rows: int = 200_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 1000),
            ("first_epochs", 0, 1000),
            ("batch_size", 2, 4096),
            ("max_tokens_learnt", 8, 8192),
            ("bins", 4, 1000),
            ("masking", 0, 0.9),
            ("averaging", 0, 0.9999),
            ("validation_share", 0.01, 0.5),
            ("patience", 1, 1000),
            ("max_rows", 100, 10**9),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidInputError(f"{name} is {value}: expected {low} to {high:,}")
