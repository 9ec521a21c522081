"""The last half of every artifact: index the vectors, fit on the rows, evaluate, write the rest."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from index_builder.evaluation.evaluation import Evaluation, evaluate_validation
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.fitting import Fit, fit_estimator
from lengthwise.index.estimate.held_out import HeldOutRows
from lengthwise.index.first_tier.threshold import MIN_ROWS, MIN_SHARE
from lengthwise.index.first_tier.tier_fitting import TierCandidate, TierFit, fit_first_tier
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.search.searcher import Searcher
from lengthwise.index.search.vectors import VectorIndex
from lengthwise.index.store.artifact_writer import ArtifactFacts, ArtifactWriter, FinishedTier
from lengthwise.index.store.manifest import (
    NOTHING_TRAINED,
    TRAINED,
    EncoderIdentity,
    FirstTierFacts,
    Manifest,
)


@dataclass(frozen=True, slots=True)
class FinishedArtifact:
    """An artifact that is whole.

    Args:
        manifest: What it says of itself.
        evaluation: How well it predicts rows of its own; None if they were too few to tell.
        no_first_tier: Why a first tier that was trained is left out, for people; "" where it is
            not, or none was.
    """

    manifest: Manifest
    evaluation: Evaluation | None
    no_first_tier: str = ""


def fit_and_finish(
    writer: ArtifactWriter,
    rows: HistoryRows,
    vectors: FloatMatrix,
    facts: ArtifactFacts,
    *,
    held_out: HeldOutRows | None = None,
    newest: HeldOutRows | None = None,
    first_tier: TierCandidate | None = None,
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
        first_tier: What may answer before the encoder, if the writer has taken one in.
        seed: Decides which rows are sampled for fitting.
        on_stage: Is told the name of each stage when it begins: "index", "calibrate".

    Raises:
        OSError: A file cannot be written.
    """
    on_stage("index")
    index = writer.write_vectors(VectorIndex.build(vectors))
    on_stage("calibrate")
    fit = fit_estimator(
        vectors, rows, Searcher(index, rows), held_out=held_out, newest=newest, seed=seed
    )
    tier = None if first_tier is None else fit_first_tier(first_tier, fit, rows)
    evaluation = _evaluation(fit, tier, rows, facts)
    content = {} if evaluation is None else evaluation.to_dict()
    finished = None
    if first_tier is not None and tier is not None:
        finished = FinishedTier(tier.fitted, first_tier.known, _facts(first_tier, tier))
    manifest = writer.finish(facts, fit.estimator, content, first_tier=finished)
    left_out = first_tier is not None and tier is None
    return FinishedArtifact(manifest, evaluation, NO_FIRST_TIER if left_out else "")


NO_FIRST_TIER = (
    f"No first tier: on the held-out rows (at least {MIN_ROWS} are needed) none that answers "
    f"{MIN_SHARE:.0%} of the prompts keeps the loss that --cascade-loss allows"
)
"""For people."""


def _facts(candidate: TierCandidate, tier: TierFit) -> FirstTierFacts:
    return FirstTierFacts(
        encoder=EncoderIdentity.from_training("static", candidate.student.encoder),
        allowed_loss=candidate.allowed_loss,
        loss=tier.threshold.loss,
        loss_error=tier.threshold.loss_error,
        share=tier.threshold.share,
        held_out_rows=tier.held_out_rows,
    )


def _evaluation(
    fit: Fit, tier: TierFit | None, rows: HistoryRows, facts: ArtifactFacts
) -> Evaluation | None:
    """How well rows of its own are predicted as they will be served; None if they are too few."""
    validation = fit.validation if tier is None else tier.validation
    if validation is None:
        return None
    predictor = NOTHING_TRAINED if facts.training is None else TRAINED
    first = None if tier is None else tier.first
    found = evaluate_validation(validation, rows, predictor=predictor, first=first)
    return replace(found, index_version=facts.version)
