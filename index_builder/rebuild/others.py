"""Whether taking in one caller's rows makes predictions of everybody else's worse.

The newest rows say what the traffic is like now, but where one caller reported them they say what
that caller wants: a version that has learnt its absurd lengths predicts more of them perfectly. So
rows of the live version that others reported are asked as well, each as if it were not there.
Lengths do change, and old rows are then predicted worse for a good reason: only what is gross
counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import IntVector
from lengthwise.index.estimate.estimate import LengthEstimate
from lengthwise.index.index import LengthIndex
from lengthwise.index.length_scale import FloatArray, to_log
from lengthwise.index.record import RowKey
from lengthwise.index.search.mapped import copied
from lengthwise.index.search.rows import HistoryRows

MAX_JUDGES = 1_000
"""Rows of the live version that are asked: their mean is known to a few per cent."""

MIN_JUDGES = 40
"""Fewer rows of others are no witnesses."""

MAX_CALLERS = 64
"""Callers that are looked at, those with the most new rows."""

HIGH_LEVEL = 0.9
"""The quantile whose loss is looked at: absurd lengths that are few move it before the median."""


@dataclass(frozen=True, slots=True)
class OthersComparison:
    """How rows that a caller did not report fare.

    Args:
        caller: Who reported some of the new rows; "" for those of which it is not known.
        new_rows: How many of the new rows are the caller's.
        distance: How far its lengths are from the others', as a ratio of geometric means, above 1.
        rows: Rows of the live version by others that were asked about.
        mean_tokens: Mean length of their answers, in tokens.
        live_mae_tokens: Mean absolute error of their medians, by the live version.
        mae_tokens: The same by the candidate.
        live_high_loss_tokens: Mean pinball loss of their 90 % quantiles (Koenker and Bassett 1978),
            by the live version.
        high_loss_tokens: The same by the candidate.
    """

    caller: str
    new_rows: int
    distance: float
    rows: int
    mean_tokens: float
    live_mae_tokens: float
    mae_tokens: float
    live_high_loss_tokens: float
    high_loss_tokens: float

    @property
    def loss(self) -> float:
        """How much worse they are predicted, by the worse of the two figures, in mean lengths."""
        mae = self.mae_tokens - self.live_mae_tokens
        high = self.high_loss_tokens - self.live_high_loss_tokens
        return max(mae, high) / max(self.mean_tokens, 1.0)

    def fault(self, tolerated: float) -> str:
        """Why the candidate is not to be published; "" if they do not suffer beyond tolerance."""
        if self.loss <= tolerated:
            return ""
        return (
            f"{self.rows:,} rows of others than {self.caller or 'an unknown caller'!r}, whose "
            f"{self.new_rows:,} new rows are {self.distance:.1f} times as long or short: mean "
            f"absolute error {self.mae_tokens:.1f} tokens, live {self.live_mae_tokens:.1f}; loss "
            f"of the 90 % quantile {self.high_loss_tokens:.1f}, live "
            f"{self.live_high_loss_tokens:.1f}; that is {self.loss:.0%} of their mean length, "
            f"tolerated {tolerated:.0%}. Look at that caller's rows; --leave-out-caller takes them "
            "out"
        )


def faults(comparisons: Sequence[OthersComparison], tolerated: float) -> list[str]:
    """What others suffer, of the caller whose lengths are farthest from theirs."""
    worst = max(
        (one for one in comparisons if one.fault(tolerated)),
        key=lambda one: one.distance,
        default=None,
    )
    return [] if worst is None else [worst.fault(tolerated)]


def compare_others(
    live: LengthIndex,
    content: VectorRows,
    candidate: LengthIndex,
    past: VectorRows,
    new: HistoryRows,
    *,
    seed: int = 0,
) -> list[OthersComparison]:
    """Ask both versions about rows that are in both, for each caller about those of others.

    Args:
        live: The version that is served now.
        content: Rows and vectors of the live version.
        candidate: What may take its place.
        past: Rows and vectors of the candidate.
        new: Rows that it took in.
        seed: Decides which rows are asked about.

    Returns:
        One for each caller of new rows beside whom enough rows are others'.
    """
    judges = _judges(content.rows, past.rows, seed)
    truth = content.rows.output_tokens[judges.live].astype(float)
    live_vectors = copied(content.vectors, judges.live)
    before = _losses(live.estimate_rows(judges.live, live_vectors), truth)
    past_vectors = copied(past.vectors, judges.past)
    after = _losses(candidate.estimate_rows(judges.past, past_vectors), truth)
    callers = np.array(content.rows.callers, object)[judges.live]
    found: list[OthersComparison] = []
    new_callers, new_logs = np.array(new.callers, object), to_log(new.output_tokens)
    for caller, count in Counter(new.callers).most_common(MAX_CALLERS):
        others = callers != caller
        if np.count_nonzero(others) < MIN_JUDGES:
            continue
        apart = new_logs[new_callers == caller].mean() - to_log(truth[others]).mean()
        live_mae, live_high = before[:, others].mean(axis=1).tolist()
        mae, high = after[:, others].mean(axis=1).tolist()
        found.append(
            OthersComparison(
                caller=caller,
                new_rows=count,
                distance=float(np.exp(abs(apart))),
                rows=int(np.count_nonzero(others)),
                mean_tokens=float(truth[others].mean()),
                live_mae_tokens=live_mae,
                mae_tokens=mae,
                live_high_loss_tokens=live_high,
                high_loss_tokens=high,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Judges:
    """Places of the same rows in the live version and in the candidate."""

    live: IntVector
    past: IntVector


def _judges(live: HistoryRows, past: HistoryRows, seed: int) -> _Judges:
    """Rows of known length that are in both, in random order."""
    ended = np.flatnonzero(~live.censored)
    drawn = np.random.default_rng(seed).permutation(ended)[:MAX_JUDGES]
    keys = _keys(live, drawn)
    is_in = pc.is_in  # pyright: ignore[reportAttributeAccessIssue]  absent from the stubs
    ids = pa.array([row_id for _, row_id in keys], pa.string())
    named = np.flatnonzero(is_in(past.table.column("id"), value_set=ids).to_numpy())
    place_of = dict(zip(_keys(past, named), named.tolist(), strict=True))
    pairs = [(int(i), place_of[key]) for i, key in zip(drawn, keys, strict=True) if key in place_of]
    # Of a history without ids the numbers of its rows are ids, which another may have too.
    same = [(i, j) for i, j in pairs if live.output_tokens[i] == past.output_tokens[j]]
    places = np.array(same, np.int64).reshape(-1, 2)
    return _Judges(places[:, 0], places[:, 1])


def _keys(rows: HistoryRows, places: IntVector) -> list[RowKey]:
    """Of some rows: of all a history's rows they would take more memory than the rows."""
    ids: list[str] = rows.table.column("id").take(pa.array(places)).to_pylist()
    return [(rows.callers[place], row_id) for place, row_id in zip(places, ids, strict=True)]


def _losses(estimates: Sequence[LengthEstimate], truth: FloatArray) -> FloatArray:
    """Absolute error of each median, and pinball loss of each high quantile: shape (2, rows)."""
    medians = np.array([one.median_tokens for one in estimates])
    high = np.array([one.quantile(HIGH_LEVEL) for one in estimates])
    short = truth - high
    pinball = np.maximum(HIGH_LEVEL * short, (HIGH_LEVEL - 1) * short)
    return np.stack([np.abs(truth - medians), pinball])
