"""The last half of every artifact: index the vectors, fit on the rows, evaluate, write the rest."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from index_builder.evaluation.evaluation import Evaluation, evaluate_validation
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.fitting import fit_estimator
from lengthwise.index.estimate.held_out import HeldOutRows
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter
from lengthwise.index.store.manifest import NOTHING_TRAINED, TRAINED, Manifest


@dataclass(frozen=True, slots=True)
class FinishedArtifact:
    """An artifact that is whole.

    Args:
        manifest: What it says of itself.
        evaluation: How well it predicts rows of its own; None if they were too few to tell.
    """

    manifest: Manifest
    evaluation: Evaluation | None


def fit_and_finish(
    writer: ArtifactWriter,
    rows: HistoryRows,
    vectors: FloatMatrix,
    facts: ArtifactFacts,
    *,
    held_out: HeldOutRows | None = None,
    newest: HeldOutRows | None = None,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda _: None,
) -> FinishedArtifact:
    """Make an artifact whole whose rows, and what was trained, are written.

    Args:
        writer: Has written the rows, and has taken in what was trained.
        rows: As it gave them back.
        vectors: Shape (rows, dimension), of unit length; may be a memory map.
        facts: What the manifest says beyond what the files show.
        held_out: The rows that may stand in for new prompts; None means all.
        newest: Those that the calibration follows; None means all of `held_out`.
        seed: Decides which rows are sampled for fitting.
        on_stage: Is told the name of each stage when it begins: "index", "calibrate".

    Raises:
        OSError: A file cannot be written.
    """
    on_stage("index")
    index = VectorIndex.build(vectors)
    on_stage("calibrate")
    fit = fit_estimator(
        vectors, rows, Searcher(index, rows), held_out=held_out, newest=newest, seed=seed
    )
    evaluation = None
    if fit.validation is not None:
        predictor = NOTHING_TRAINED if facts.training is None else TRAINED
        found = evaluate_validation(fit.validation, rows, predictor=predictor)
        evaluation = replace(found, index_version=facts.version)
    content = {} if evaluation is None else evaluation.to_dict()
    return FinishedArtifact(writer.finish(facts, index, fit.estimator, content), evaluation)
