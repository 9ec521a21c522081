"""What `build` and `train` on the command line do, with progress bars."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from index_builder.build.builder import BuildOptions, BuildResult, build_index
from index_builder.cli.progress import TerminalProgress, TerminalTraining, terminal_progress
from index_builder.cli.student_options import NO_STUDENT, StudentRequest
from index_builder.training.options import TrainOptions
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import Device, Precision, load_encoder
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """A build as the command line asks for it.

    Args:
        source: The history that is indexed.
        out_dir: Folder of the store that is published to.
        encoder: Name or folder of the encoder, or of what its training starts from.
        device: Where encoder and training run.
        precision: That prompts are encoded in.
        options: How the index is built.
        training: How the encoder is trained; None takes it as it is.
        learn_first: Other LLMs' histories, for training.
        student: The smaller encoder that a training ends with, if any.
    """

    source: History
    out_dir: Path
    encoder: str
    device: Device
    precision: Precision
    options: BuildOptions
    training: TrainOptions | None
    learn_first: Iterable[HistoryRecord]
    student: StudentRequest = NO_STUDENT

    def run(self, console: Console) -> BuildResult:
        """Build, telling `console` how it goes."""
        with terminal_progress(self.source) as progress:
            result = self._train(progress) if self.training else self._build(progress)
        console.print(self.source.report.summary(), highlight=False)
        return result

    def _build(self, progress: TerminalProgress) -> BuildResult:
        encoder = load_encoder(self.encoder, device=self.device, precision=self.precision)
        progress.note(f"Encoder {encoder.name}, running on {encoder.runtime}")
        return build_index(
            self.source,
            self.out_dir,
            encoder,
            self.options,
            skipped_rows=self._skipped,
            progress=progress,
        )

    def _train(self, progress: TerminalProgress) -> BuildResult:
        # Imports torch, which a build of parts does without.
        from index_builder.build.train_and_build import train_and_build  # noqa: PLC0415

        progress.note(f"Training starts from encoder {self.encoder}")
        return train_and_build(
            self.source,
            self.out_dir,
            self.encoder,
            self.options,
            self.training,
            learn_first=self.learn_first,
            student=self.student.options,
            unlabelled=self.student.unlabelled,
            teacher=self.student.teacher,
            device=self.device,
            precision=self.precision,
            skipped_rows=self._skipped,
            training_progress=TerminalTraining(progress.bars),
            progress=progress,
        )

    def _skipped(self) -> int:
        return self.source.report.total_skipped
