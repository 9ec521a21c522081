"""Evaluation from end to end: against an index, or by a split of one history."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from index_builder.baselines.fit_baselines import fit_peers
from index_builder.baselines.parts import parts_of
from index_builder.build.builder import BuildOptions, BuildProgress, build_index
from index_builder.build.split import is_held_out
from index_builder.evaluation.evaluation import Evaluation, evaluate_index
from lengthwise.history.files import History
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord


class SplitHistory:
    """The part of a history on one side of a split.

    Args:
        history: All of it; read anew at each iteration.
        share: Of rows that are held out, in (0, 1).
        seed: Which rows.
        held_out: The side that is meant.
    """

    def __init__(self, history: History, share: float, seed: int, *, held_out: bool) -> None:
        if not 0 < share < 1:
            raise InvalidInputError(f"holdout is {share}: expected a share between 0 and 1")
        self._history = history
        self._share = share
        self._seed = seed
        self._held_out = held_out

    def __iter__(self) -> Iterator[HistoryRecord]:
        for record in self._history:
            if is_held_out(record, self._share, self._seed) == self._held_out:
                yield record

    @property
    def fingerprint(self) -> str:
        """That of the whole history."""
        return self._history.fingerprint


def evaluate_file(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    progress: BuildProgress,
    *,
    peers: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Ask an index about a history it was not built from.

    Args:
        index: What would be served.
        records: The history.
        progress: Is told how far it is.
        peers: Names of other predictors, to be fitted on the index's rows and asked too.
        seed: Of whatever is random in the peers.
    """
    return _evaluate(
        index, records, "a history apart from the index's", progress, peers=peers, seed=seed
    )


def evaluate_split(
    history: History,
    encoder: Encoder,
    share: float,
    seed: int,
    progress: BuildProgress,
    *,
    peers: Sequence[str] = (),
) -> Evaluation:
    """Build from one part of a history and ask about the other.

    Args:
        history: All of it.
        encoder: Makes the vectors.
        share: Of rows asked about, in (0, 1).
        seed: Which rows, and of whatever else is random.
        progress: Is told how far it is.
        peers: Names of other predictors, to learn from the same part and be asked too.
    """
    with TemporaryDirectory(prefix="lengthwise-") as folder:
        learnt = SplitHistory(history, share, seed, held_out=False)
        options = BuildOptions(seed=seed, on_error=history.options.on_error)
        result = build_index(learnt, Path(folder), encoder, options, progress=progress)
        index = LengthIndex.load(result.path, encoder=encoder)
        protocol = (
            f"built from {index.manifest.rows:,} rows, asked about the rest; "
            "rows of one prompt or group are kept together"
        )
        asked = SplitHistory(history, share, seed, held_out=True)
        return _evaluate(index, asked, protocol, progress, peers=peers, seed=seed)


def _evaluate(
    index: LengthIndex,
    records: Iterable[HistoryRecord],
    protocol: str,
    progress: BuildProgress,
    *,
    peers: Sequence[str],
    seed: int,
) -> Evaluation:
    fitted = fit_peers(index, peers, seed=seed, on_stage=progress.stage)
    progress.stage("predict")
    others = (*parts_of(index), *fitted.peers)
    evaluation = evaluate_index(
        index, records, protocol=protocol, peers=others, on_progress=progress.rows
    )
    return replace(evaluation, missing_peers=fitted.missing)
