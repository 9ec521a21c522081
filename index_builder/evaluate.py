"""Evaluation from end to end: of an index that is there, or by a split of one history.

The parts of a trained index are asked alone, too: what would be lost without the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from index_builder.baselines.fit_baselines import fit_baselines
from index_builder.build.builder import BuildOptions, build_index
from index_builder.build.progress import BuildProgress
from index_builder.evaluation.evaluation import Evaluation, evaluate_index
from index_builder.evaluation.metrics import PredictedLengths
from lengthwise.history.records import RecordSource
from lengthwise.history.split import SplitHistory
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord


def evaluate_file(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    progress: BuildProgress,
    *,
    baselines: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Ask an index about a history it was not built from.

    Args:
        index: The one that would be served.
        records: The rows to ask about, none of which the index was built from.
        progress: Is told how far it is.
        baselines: Names in the registry; each is fitted on the index's rows and asked too.
        seed: Decides what is random in the baselines.
    """
    return _evaluate(
        index, records, "a history apart from the index's", progress, baselines=baselines, seed=seed
    )


def evaluate_split(
    history: RecordSource,
    encoder: Encoder,
    share: float,
    seed: int,
    progress: BuildProgress,
    *,
    baselines: Sequence[str] = (),
) -> Evaluation:
    """Build from one part of a history and ask about the other.

    Args:
        history: Both parts of it; read anew for each.
        encoder: Makes the vectors of both parts.
        share: Of rows asked about, in (0, 1).
        seed: Which rows, and of whatever else is random.
        progress: Is told how far it is.
        baselines: Names in the registry; each learns from the same part and is asked too.
    """
    with TemporaryDirectory(prefix="lengthwise-") as folder:
        learnt = SplitHistory(history, share, seed, held_out=False)
        result = build_index(
            learnt, Path(folder), encoder, BuildOptions(seed=seed), progress=progress
        )
        index = LengthIndex.load(result.path, encoder=encoder)
        protocol = (
            f"built from {index.manifest.rows:,} rows, asked about the rest; "
            "rows of one prompt or group are kept together"
        )
        asked = SplitHistory(history, share, seed, held_out=True)
        return _evaluate(index, asked, protocol, progress, baselines=baselines, seed=seed)


def _evaluate(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    protocol: str,
    progress: BuildProgress,
    *,
    baselines: Sequence[str],
    seed: int,
) -> Evaluation:
    fitted = fit_baselines(index, baselines, seed=seed, on_stage=progress.stage)
    progress.stage("predict")
    others = (*parts_of(index), *fitted.baselines)
    evaluation = evaluate_index(
        index, records, protocol=protocol, predictors=others, on_progress=progress.rows
    )
    return replace(evaluation, missing_baselines=fitted.missing)


HEAD_ALONE, NEIGHBOURS_ALONE = "head_alone", "neighbours_alone"
"""Their names in an evaluation's JSON."""


class HeadAlone:
    """The trained head, whatever is near.

    Args:
        index: A trained one, whose head is asked.
    """

    name = HEAD_ALONE

    def __init__(self, index: LengthIndex) -> None:
        self._index = index

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Its medians."""
        medians = self._index.head_medians(vectors, queries_of(records))
        assert medians is not None, "made for indexes with a head"  # noqa: S101
        return PredictedLengths(medians)


class NeighboursAlone:
    """Retrieval in the trained space, without the head.

    Args:
        index: A trained one, whose rows are searched.
    """

    name = NEIGHBOURS_ALONE

    def __init__(self, index: LengthIndex) -> None:
        self._index = index

    def predict(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> PredictedLengths:
        """Medians of the neighbours."""
        return PredictedLengths(self._index.neighbour_medians(vectors, queries_of(records)))


def parts_of(index: LengthIndex) -> tuple[HeadAlone | NeighboursAlone, ...]:
    """The parts of a trained index; of another there is only one, which is the whole."""
    if index.manifest.training is None:
        return ()
    return (HeadAlone(index), NeighboursAlone(index))


def queries_of(records: Sequence[HistoryRecord]) -> list[Query]:
    """What the index is asked about them."""
    return [Query.from_record(record) for record in records]
