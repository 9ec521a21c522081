"""Fits peers on the very rows that an index holds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from index_builder.baselines.baseline import Peer
from index_builder.baselines.registry import PEERS, PeerSetting
from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord
from lengthwise.index.search.rows import HistoryRows
from lengthwise.index.store.layout import Manifest

PEER_ROWS = 100_000
"""Of a larger index the peers learn from a sample of so many rows, to fit into memory."""


@dataclass(frozen=True, slots=True)
class FittedPeers:
    """Peers ready to predict.

    Args:
        peers: In the order asked for.
        missing: Why there are none although some were asked for; "" otherwise.
    """

    peers: tuple[Peer, ...] = ()
    missing: str = ""


def fit_peers(
    index: LengthIndex,
    names: Sequence[str],
    *,
    seed: int = 0,
    on_stage: Callable[[str], None] = lambda _: None,
) -> FittedPeers:
    """Fit peers on an index's own rows and vectors.

    Args:
        index: What they will be held against.
        names: Of the registry.
        seed: Of whatever is random in them.
        on_stage: Told what begins.
    """
    if not names:
        return FittedPeers()
    if not index.manifest.keeps_text:
        return FittedPeers(
            missing=f"{', '.join(names)} left out: they learn from prompts, and this index was "
            "built without them (--no-keep-text)"
        )
    setting = PeerSetting(_base_encoder(index.manifest), seed)
    peers = tuple(PEERS[name](setting) for name in names)
    sample = _sample(len(index.rows), seed)
    records, vectors = records_of(index.rows.take(sample.tolist())), _vectors(index, sample)
    for peer in peers:
        on_stage(f"Fitting {peer.name}")
        peer.fit(records, vectors)
    return FittedPeers(peers)


def _base_encoder(manifest: Manifest) -> str:
    """The encoder of an index as it was before it was trained on lengths, if it was."""
    return manifest.encoder.name if manifest.training is None else manifest.training.base


def records_of(rows: HistoryRows) -> list[HistoryRecord]:
    """Rows of an index as the records that they were, without limits and further draws."""
    return [
        HistoryRecord(
            row["prompt"],
            row["output_tokens"],
            row["model"],
            row["id"],
            finish_reason="length" if row["censored"] else "stop",
            group=row["group"],
            temperature=row["temperature"],
        )
        for row in rows.table.to_pylist()
    ]


def _sample(rows: int, seed: int) -> IntVector:
    """All rows, or a sample of them, in their order."""
    if rows <= PEER_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, PEER_ROWS, replace=False))


def _vectors(index: LengthIndex, sample: IntVector) -> FloatMatrix:
    """Stored vectors of some rows, given in ascending order."""
    return np.concatenate(list(_chosen(index.stored_vectors(), sample)))


def _chosen(pieces: Iterator[FloatMatrix], sample: IntVector) -> Iterator[FloatMatrix]:
    start = 0
    for piece in pieces:
        inside = sample[(sample >= start) & (sample < start + len(piece))]
        yield np.asarray(piece[inside - start], np.float32)
        start += len(piece)
