"""Training and building in one go: the encoder learns from the history that is then indexed."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from index_builder.build.builder import BuildOptions, BuildResult, TrainedEncoder, build_index
from index_builder.build.progress import BuildProgress
from index_builder.distillation.first_tier import train_first_tier
from index_builder.distillation.student_choice import StudentOptions
from index_builder.distillation.train_and_distil import Distillation, train_and_distil
from index_builder.training.options import TrainOptions
from index_builder.training.progress import SilentTraining, TrainingProgress
from lengthwise.history.records import RecordSource
from lengthwise.index.encoder.encoder import Device, Precision, choose_device, load_encoder
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import ENCODER_FOLDER

CHECKPOINTS = ".training"
"""Folder in the store where a killed training left off."""


def train_and_build(
    history: RecordSource,
    out: Path,
    base: str,
    options: BuildOptions | None = None,
    train_options: TrainOptions | None = None,
    *,
    learn_first: Iterable[HistoryRecord] = (),
    student: StudentOptions | None = None,
    unlabelled: Iterable[str] = (),
    teachers: Sequence[Path] = (),
    device: Device = "auto",
    precision: Precision = "auto",
    skipped_rows: Callable[[], int] = lambda: 0,
    training_progress: TrainingProgress | None = None,
    progress: BuildProgress | None = None,
) -> BuildResult:
    """Train an encoder on a history, then build an index of it in the trained space.

    Args:
        history: The records; read once to train, once for a student, once to build.
        out: Folder of the store, made if it is not there.
        base: Name or folder of the model that training starts from.
        options: How the index is built.
        train_options: How the encoder is trained.
        learn_first: Other LLMs' histories, learnt from before.
        student: The smaller encoder that is to be indexed instead of the trained one; None: none.
        unlabelled: Prompts without a length that it learns from as well.
        teachers: Artifacts trained on this history, from which it learns; none trains one first.
        device: Where training and encoding run.
        precision: That prompts are encoded in.
        skipped_rows: Asked after reading how many rows the reader left out.
        training_progress: Is told how far the training is.
        progress: Is told how far the build is.

    Raises:
        InvalidInputError: The history has too few rows.
        EncoderError: The base model cannot be trained.
        StoreError: The store cannot be written, the disk is full; nothing is published.
    """
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".trained-", dir=out) as name:
        folder = Path(name)
        facts = train_and_distil(
            history,
            base,
            folder,
            Distillation(
                student=student,
                unlabelled=unlabelled,
                teachers=teachers,
                options=train_options or TrainOptions(),
                device=choose_device(device),
                checkpoints=out / CHECKPOINTS,
                progress=training_progress or SilentTraining(),
            ),
            learn_first=learn_first,
        )
        if options is not None and options.cascade_loss is not None:
            train_first_tier(
                folder,
                facts,
                history,
                train_options or TrainOptions(),
                unlabelled=unlabelled,
                device=choose_device(device),
                checkpoints=out / CHECKPOINTS,
                progress=training_progress or SilentTraining(),
            )
        encoder = load_encoder(str(folder / ENCODER_FOLDER), device=device, precision=precision)
        return build_index(
            history,
            out,
            encoder,
            options,
            trained=TrainedEncoder(folder, facts),
            skipped_rows=skipped_rows,
            progress=progress,
        )
