"""What `build` and `train` on the command line do, with progress bars."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from index_builder.build.builder import BuildOptions, BuildResult, build_index
from index_builder.cli.encode_job import EncodeJob
from index_builder.cli.progress import TerminalProgress, TerminalTraining, terminal_progress
from index_builder.cli.student_options import NO_STUDENT, StudentRequest
from index_builder.distributed.encoded_history import EncodedHistory
from index_builder.distributed.place import Place, is_url
from index_builder.distributed.publishing import PublishedIndex, build_to
from index_builder.training.options import TrainOptions
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import Device, Precision, load_encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.record import HistoryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """A build whose prompts this process encodes, as the command line asks for it.

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

    def run(self, console: Console) -> PublishedIndex:
        """Build and publish, telling `console` how it goes."""
        with terminal_progress(self.source) as progress:
            result = self._train(progress) if self.training else self._build(progress)
        console.print(self.source.report.summary(), highlight=False)
        return PublishedIndex.from_result(result)

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
            teachers=self.student.teachers,
            device=self.device,
            precision=self.precision,
            skipped_rows=self._skipped,
            training_progress=TerminalTraining(progress.bars),
            progress=progress,
        )

    def _skipped(self) -> int:
        return self.source.report.total_skipped


def build_of_parts(parts: str, out: str, options: BuildOptions, console: Console) -> PublishedIndex:
    """Build from a folder of parts, telling `console` how it goes."""
    encoded = EncodedHistory(Place.at(parts))
    with terminal_progress() as progress:
        result = build_to(out, encoded, options, progress)
    console.print(encoded.report.summary(), highlight=False)
    if len(encoded.runtimes) > 1:
        console.print(
            f"Parts were encoded in different ways ({', '.join(sorted(encoded.runtimes))}): the "
            "last bits of their vectors differ. To avoid it give --precision and --device",
            highlight=False,
        )
    return result


def encode_and_build(
    job: EncodeJob, parts: str | None, out: str, options: BuildOptions, console: Console
) -> PublishedIndex:
    """Encode with another engine, then build here.

    Args:
        job: What is encoded, and by what.
        parts: Where the parts stay; None removes them once the index is built.
        out: Folder or URL of the store that is published to.
        options: How the index is built.
        console: Is told how it goes.

    Raises:
        InvalidInputError: The store is behind a URL, and no place for the parts is named.
    """
    if parts is not None:
        job.run(parts)
        return build_of_parts(parts, out, options, console)
    if is_url(out):
        raise InvalidInputError(
            "--out is a URL: name a folder or URL for the parts, too, which all workers reach "
            "(--encoded)"
        )
    Path(out).mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".encoded-", dir=out) as folder:
        job.run(folder)
        return build_of_parts(folder, out, options, console)
