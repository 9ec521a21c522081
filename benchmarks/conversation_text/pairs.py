"""An index of chats in one form, asked about chats in each form."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.conversation_text.chats import Chat, split
from benchmarks.conversation_text.ways_in import WayIn
from benchmarks.harness.workloads import RecordList
from index_builder.build.builder import SilentProgress, build_index
from index_builder.evaluate import evaluate_file
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.estimate.estimate import LengthEstimate, Query
from lengthwise.index.index import LengthIndex

REPEAT_NEARNESS = 0.999
"""Cosine from which a past prompt counts as the very same: rounding in bfloat16 takes less away."""


@dataclass(frozen=True, slots=True)
class PairResult:
    """How an index of one form answers questions of another, on one split.

    Args:
        seed: Decided which conversations were held out.
        indexed: The way in by which the indexed chats came.
        asked: The way in by which the questions came.
        tau_b: Kendall's tau-b on chats of other conversations than those indexed.
        mae_tokens: Mean absolute error of the median, on the same.
        repeats_found: Share of the indexed chats, asked again, that had a neighbour with the same
            length at a cosine of at least `REPEAT_NEARNESS`.
        repeats_mae_tokens: Mean absolute error of the median on the indexed chats.
    """

    seed: int
    indexed: str
    asked: str
    tau_b: float
    mae_tokens: float
    repeats_found: float
    repeats_mae_tokens: float


def ask_all_ways(
    chats: Sequence[Chat],
    seed: int,
    *,
    indexed_way: WayIn,
    ways_in: Sequence[WayIn],
    encoder: Encoder,
) -> Iterator[PairResult]:
    """Build an index of chats that came one way, and ask it in every way.

    Args:
        chats: All of them, to be split into indexed and held-out ones.
        seed: Decides which conversations are held out.
        indexed_way: How the indexed chats' text is made.
        ways_in: How the questions' text is made, one after the other.
        encoder: Makes the vectors of both sides; best one that remembers them.
    """
    indexed, held_out = split(chats, seed)
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        learnt = RecordList([chat.record(indexed_way) for chat in indexed])
        index = LengthIndex.load(build_index(learnt, Path(folder), encoder).path, encoder=encoder)
        for way_in in ways_in:
            tau_b, mae_tokens = _asked(index, held_out, way_in)
            found, repeats_mae_tokens = _asked_again(index, indexed, way_in)
            yield PairResult(
                seed, indexed_way.name, way_in.name, tau_b, mae_tokens, found, repeats_mae_tokens
            )


def _asked(index: LengthIndex, held_out: Sequence[Chat], way_in: WayIn) -> tuple[float, float]:
    """Tau-b and MAE on chats of other conversations."""
    asked = [chat.record(way_in) for chat in held_out]
    evaluation = evaluate_file(index, asked, SilentProgress())
    metrics = evaluation.metrics[evaluation.predictor]
    return metrics.kendall_tau_b or 0.0, metrics.mae


def _asked_again(index: LengthIndex, indexed: Sequence[Chat], way_in: WayIn) -> tuple[float, float]:
    """The share of indexed chats that are found when asked again, and their MAE."""
    estimates = index.predict([Query(way_in.text(chat.messages), chat.model) for chat in indexed])
    pairs = list(zip(estimates, indexed, strict=True))
    errors = [abs(estimate.median_tokens - chat.output_tokens) for estimate, chat in pairs]
    found = sum(is_found(estimate, chat) for estimate, chat in pairs)
    return found / len(pairs), sum(errors) / len(errors)


def is_found(estimate: LengthEstimate, chat: Chat) -> bool:
    """Whether a repeat was recognised: the same text lies in the index, with the same length."""
    return any(
        neighbour.similarity >= REPEAT_NEARNESS and neighbour.output_tokens == chat.output_tokens
        for neighbour in estimate.neighbours
    )
