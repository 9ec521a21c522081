"""Options for the index that `build` and `train` end with."""

from dataclasses import dataclass
from typing import Annotated

import typer

from index_builder.build.builder import BuildOptions
from index_builder.cli.option_groups import (
    DeviceOption,
    EncoderOption,
    PrecisionOption,
    with_annotated,
)
from lengthwise.history.files import OnError
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS

LevelsOption = Annotated[str, typer.Option(help="Levels given in every answer, from 0.01 to 0.99.")]
KeepTextOption = Annotated[
    bool, typer.Option(help="Store prompts, to show neighbours' text when asked.")
]
SeedOption = Annotated[int, typer.Option(help="Of what chance decides in fitting and training.")]
DEFAULT_LEVELS = ",".join(map(str, DEFAULT_QUANTILE_LEVELS))
"""As they are typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFlags:
    """An index as the command line asks for it; each field is an option, with its help."""

    encoder: EncoderOption = DEFAULT_ENCODER
    device: DeviceOption = "auto"
    precision: PrecisionOption = "auto"
    quantile_levels: LevelsOption = DEFAULT_LEVELS
    keep_text: KeepTextOption = True
    seed: SeedOption = 0

    def build_options(self, on_error: OnError, cascade_loss: float | None) -> BuildOptions:
        """What of it the builder goes by.

        Args:
            on_error: "stop" at a bad row, or "skip" it and count it.
            cascade_loss: How much lower Kendall's tau-b may be for a first tier; None for none.

        Raises:
            InvalidInputError: On unusable levels, or a loss out of range.
        """
        levels = _parse_levels(self.quantile_levels)
        return BuildOptions(levels, self.keep_text, self.seed, on_error, cascade_loss)


with_index_options = with_annotated("index", IndexFlags)
"""Gives a command these options; it receives them as `index: IndexFlags`."""


def _parse_levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInputError(
            f"--quantile-levels is {text!r}: expected numbers with commas between, as in 0.05,0.5"
        ) from error
