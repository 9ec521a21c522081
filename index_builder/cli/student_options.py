"""Options for the smaller encoder that a training may end with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from index_builder.cli.option_groups import with_annotated
from index_builder.distillation.student_choice import MAX_TAU_B_LOST, StudentOptions
from lengthwise.history.files import ReadOptions
from lengthwise.history.files.prompts import read_prompts
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.store.folder_store import resolve_artifact

_PANEL = "A smaller encoder"
"""Heading over these options in the help."""

LayersOption = Annotated[
    int | None,
    typer.Option(
        help="Layers that the encoder keeps, as in 3 or 2; as many as it has: it stays as it was "
        "trained.",
        rich_help_panel=_PANEL,
    ),
]
PoolingLayerOption = Annotated[
    bool,
    typer.Option(
        "--pooling-layer",
        help="The last of the layers kept computes one state for each prompt, not one for each "
        "token: for where there are tens of thousands of prompts to learn from.",
        rich_help_panel=_PANEL,
    ),
]
FeedForwardOption = Annotated[
    int | None,
    typer.Option(
        "--feed-forward",
        help="Width of the feed-forward part of each layer that computes a state of each token, "
        "as in 384 where the full encoder has 1536: what matters least is left out.",
        rich_help_panel=_PANEL,
    ),
]
StaticOption = Annotated[
    bool,
    typer.Option(
        "--static", help="No network at all: vectors looked up, added up.", rich_help_panel=_PANEL
    ),
]
SmallestOption = Annotated[
    bool,
    typer.Option(
        "--smallest",
        help=f"The smallest of these that costs at most {MAX_TAU_B_LOST:g} of Kendall tau-b on the "
        "validation rows; each that is tried takes time. What --unlabelled or --teacher alone "
        "means.",
        rich_help_panel=_PANEL,
    ),
]
TargetSpeedOption = Annotated[
    float | None,
    typer.Option(
        help="The largest encoder that encodes so many times as fast as the full one, here.",
        rich_help_panel=_PANEL,
    ),
]
UnlabelledOption = Annotated[
    list[str] | None,
    typer.Option(
        "--unlabelled",
        help="Files of prompts without lengths that the smaller encoder learns from as well, by "
        "what the full one says of them.",
        rich_help_panel=_PANEL,
    ),
]
TeacherOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--teacher",
        help="An index trained on this history: the smaller encoder learns from its encoder, and "
        "none is trained before. Of several, from the mean of what they say and the layers of the "
        "first.",
        rich_help_panel=_PANEL,
    ),
]


CascadeLossOption = Annotated[
    float | None,
    typer.Option(
        "--cascade-loss",
        help="Also train a first tier, which answers what it is sure of without the encoder: as "
        "much as keeps the loss in tau-b within this, such as 0.005.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentFlags:
    """The options above as they are typed, which may contradict each other."""

    cascade_loss: CascadeLossOption = None
    layers: LayersOption = None
    pooling_layer: PoolingLayerOption = False
    feed_forward: FeedForwardOption = None
    static: StaticOption = False
    smallest: SmallestOption = False
    target_speed: TargetSpeedOption = None
    unlabelled: UnlabelledOption = None
    teacher: TeacherOption = None


with_student_options = with_annotated("student", StudentFlags)
"""Gives a command these options; it receives them as `student: StudentFlags`."""


@dataclass(frozen=True, slots=True)
class StudentRequest:
    """A smaller encoder as the command line asks for it.

    Args:
        options: Which one; None: the trained encoder is taken as it is.
        unlabelled: Prompts without a length that it learns from.
        teachers: Folders of the artifacts that it learns from; none trains one.
        first_tier: A static one is to be put before the encoder that is indexed.
    """

    options: StudentOptions | None = None
    unlabelled: Iterable[str] = ()
    teachers: Sequence[Path] = ()
    first_tier: bool = False

    @property
    def is_asked(self) -> bool:
        """True if anything is to be made that learns from a trained encoder."""
        return self.options is not None or self.first_tier

    @classmethod
    def from_flags(cls, flags: StudentFlags, reading: ReadOptions) -> "StudentRequest":
        """Check what was given and find the files; nothing of them is read yet.

        Raises:
            InvalidInputError: Options that exclude each other, or need another.
        """
        ways = {
            "--layers": flags.layers is not None,
            "--static": flags.static,
            "--smallest": flags.smallest,
            "--target-speed": flags.target_speed is not None,
        }
        given = [name for name, asked in ways.items() if asked]
        if len(given) > 1:
            raise InvalidInputError(f"{' and '.join(given)}: expected one of them")
        first_tier = flags.cascade_loss is not None
        if flags.static and first_tier:
            raise InvalidInputError(
                "--static and --cascade-loss: expected one of them, since nothing faster than a "
                "static encoder could be put before it"
            )
        # Who brings prompts or a teacher for a smaller encoder wants one, the smallest that is as
        # good; beside a first tier, prompts alone are for that.
        brought = bool(flags.teacher) or (bool(flags.unlabelled) and not first_tier)
        kinds = {
            "--pooling-layer": flags.pooling_layer,
            "--feed-forward": flags.feed_forward is not None,
        }
        for name, asked in kinds.items():
            if asked and (flags.static or not (given or brought)):
                raise InvalidInputError(
                    f"{name} needs --layers, --smallest or --target-speed, since it is of a "
                    "smaller encoder with layers"
                )
        layers = 0 if flags.static else flags.layers
        return cls(
            StudentOptions(layers, flags.target_speed, flags.pooling_layer, flags.feed_forward)
            if given or brought
            else None,
            read_prompts(flags.unlabelled, reading) if flags.unlabelled else (),
            tuple(resolve_artifact(teacher) for teacher in flags.teacher or ()),
            first_tier,
        )


NO_STUDENT = StudentRequest()
"""The trained encoder is taken as it is."""
