"""Options that several commands have, among them one for each field of reading and training."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from typing import Annotated, Any, Literal

import typer

from index_builder.build.builder import BuildOptions
from index_builder.training.options import TrainOptions
from lengthwise.history.files import OnError, ReadOptions
from lengthwise.history.files.row_schemas.logs.registry import format_names
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS

PLAIN = (int, float, bool)
"""Types that the command line reads; all else comes as text, which the dataclass checks."""


def with_dataclass(
    argument: str, options: type[Any], help_texts: Mapping[str, str], panel: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for each field; it receives them as one argument.

    Args:
        argument: Name of the argument that the command receives them as.
        options: The dataclass; every field has a default.
        help_texts: By field; those without one are no options and keep their default.
        panel: Heading over them in the help.
    """

    def annotation(field: Field[Any]) -> Any:
        return Annotated[
            field.type if field.type in PLAIN else str,
            typer.Option(help=help_texts[field.name], rich_help_panel=panel),
        ]

    added = [_parameter(f, annotation(f)) for f in fields(options) if f.name in help_texts]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [p for p in inspect.signature(command).parameters.values() if p.name != argument]
        return _gathering(command, argument, options, added, [*own, *added])

    return decorate


def with_annotated(
    argument: str, options: type[Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for each field, in the place of the argument that it receives.

    Args:
        argument: That argument, which receives the dataclass made of what was typed.
        options: The dataclass; every field has a default, and its option as its annotation.
    """
    added = [_parameter(field, field.type) for field in fields(options)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = list(inspect.signature(command).parameters.values())
        place = [p.name for p in own].index(argument)
        shown = [*own[:place], *added, *own[place + 1 :]]
        return _gathering(command, argument, options, added, shown)

    return decorate


def _parameter(field: Field[Any], annotation: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=field.default, annotation=annotation)


def _gathering(
    command: Callable[..., Any],
    argument: str,
    options: type[Any],
    gathered: Sequence[inspect.Parameter],
    shown: Sequence[inspect.Parameter],
) -> Callable[..., Any]:
    """The command with the parameters `shown`, of which one argument is made of those gathered."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        chosen = options(**{p.name: arguments.pop(p.name) for p in gathered})
        return command(**{argument: chosen}, **arguments)

    wrapped.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in shown}
    return wrapped


HistoryOption = Annotated[
    list[str],
    typer.Option(
        "--history",
        help="Files, folders or globs of past prompts and lengths: JSON lines, CSV or Parquet.",
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option(
        envvar="LENGTHWISE_ENCODER",
        help="A sentence-transformers model: its name or folder; "
        "for a training also the folder of an index trained before.",
    ),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(envvar="LENGTHWISE_DEVICE", help="Where the encoder runs."),
]
PrecisionOption = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(envvar="LENGTHWISE_PRECISION", help="Precision of the encoder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


READING_HELP = {
    "prompt_column": "Text of the prompt.",
    "output_tokens_column": "Tokens generated.",
    "model_column": "The LLM that answered.",
    "id_column": "The row's id.",
    "max_tokens_column": "The caller's limit on generated tokens.",
    "temperature_column": "The temperature of the sampling; 0 is greedy decoding.",
    "finish_reason_column": "Why the answer ended; 'length' means it was cut off.",
    "group_column": "Rows of one group are never split between learning and testing.",
    "samples_column": "Further draws for the same prompt.",
    "conversation_column": "Messages earlier than the prompt.",
    "messages_column": "A conversation in OpenAI's chat form.",
    "conversations_column": "A conversation in ShareGPT's form.",
    "answer_column": "Text of the answer, counted with --tokenizer where no length is given.",
    "lengths_by_model_column": "An object LLM -> tokens: one row for each LLM.",
    "group_regex": "Takes a row's group from its id: the first capture group, as in '(.*)-[0-9]+'.",
    "tokenizer": "Counts answers: a Hugging Face name, a folder or a tokenizer.json.",
    "on_error": "At a bad row: 'stop', or 'skip' it and count it.",
    "format": f"The tool that wrote the log: {', '.join(format_names())}.",
    "answers": "File with the answers, where --history holds only the prompts.",
    "join_on": "What both files have in common: a column such as custom_id, or row-number.",
    "where": "Only rows with this, as in \"status = success and model != 'probe'\".",
}
"""Help of each field of `ReadOptions`."""

with_read_options = with_dataclass("reading", ReadOptions, READING_HELP, "Reading the history")
"""Gives a command every reading option; it receives them as `reading: ReadOptions`."""


TRAINING_HELP = {
    "epochs": "Passes over the history.",
    "first_epochs": "Passes over --learn-first before that.",
    "batch_size": "Rows in a step.",
    "encoder_lr": "Peak learning rate of the encoder.",
    "head_lr": "Peak learning rate of the head.",
    "max_tokens_learnt": "What of a prompt is learnt from: so many tokens, head and tail.",
    "bins": "Bins of the length.",
    "masking": "Share of tokens hidden in each step.",
    "dropout": "The encoder drops out as its configuration says; without, nothing.",
    "averaging": "Weight of the past in the moving average of the weights, which is what is kept.",
    "train_words": "Also train the full encoder's word embeddings; a smaller one's always learn.",
    "validation_share": "Of rows, kept apart to stop early, to weigh neighbours and to calibrate.",
    "patience": "Passes without a better order after which training ends.",
    "max_rows": "Rows learnt from at most: a random sample of larger histories.",
}
"""Help of each field of `TrainOptions` but the seed, which is the command's."""

with_train_options = with_dataclass("training", TrainOptions, TRAINING_HELP, "Training the encoder")
"""Gives a command every training option but the seed; it receives them as `training`."""


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
