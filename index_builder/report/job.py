"""A report from what the command line asks for to the files, importing no more than is wanted."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from index_builder.build.builder import BuildProgress
from index_builder.evaluation.evaluate import SplitHistory
from index_builder.evaluation.evaluation import Evaluation
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from index_builder.report.learning_curve import LearningCurve

MODULES = ("matplotlib", "jinja2")


class ReportJob:
    """Fails before an evaluation takes its minutes rather than after.

    Args:
        folder: Where the report goes, made if need be; None if none is wanted.
        learning_curve: Measure one as well.
        split: The history is split for the evaluation, so that there is something to learn from.

    Raises:
        InvalidInputError: The folder cannot be made, or no learning curve can be measured.
        MissingExtraError: A library that draws the pictures or fills the page is not installed.
    """

    def __init__(self, folder: Path | None, *, learning_curve: bool, split: bool) -> None:
        if learning_curve and (folder is None or not split):
            raise InvalidInputError(
                "--learning-curve is a picture of --report, of indexes built from parts of the "
                "history: give --report, and no --index"
            )
        self._folder = folder
        self._wants_curve = learning_curve
        self._curve: LearningCurve | None = None
        if folder is not None:
            _require_libraries()
            _make(folder)

    def measure(
        self,
        history: History,
        encoder: Encoder,
        share: float,
        seed: int,
        progress: BuildProgress,
    ) -> None:
        """Measure the learning curve, if one is wanted, on the split that was evaluated."""
        if not self._wants_curve:
            return
        from index_builder.report.learning import (  # noqa: PLC0415  needs the extra
            measure_learning_curve,
        )

        self._curve = measure_learning_curve(
            SplitHistory(history, share, seed, held_out=False),
            SplitHistory(history, share, seed, held_out=True),
            encoder,
            seed=seed,
            progress=progress,
        )

    def write(self, evaluation: Evaluation) -> Path | None:
        """Write what is wanted; gives the page, or None."""
        if self._folder is None:
            return None
        from index_builder.report.write import write_report  # noqa: PLC0415  needs the extra

        return write_report(self._folder, evaluation, self._curve)


def _require_libraries() -> None:
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingExtraError.for_module(module, "report") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"--report is {folder}: expected a folder that can be made ({error.strerror})"
        ) from error
