"""Trains an encoder and builds its index, or builds it again from one that was trained before."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.workloads import RecordList
from index_builder.build.builder import BuildResult, TrainedEncoder, build_index
from index_builder.build.train_and_build import train_and_build
from index_builder.training.options import TrainOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder
from lengthwise.index.record import HistoryRecord
from lengthwise.index.store.layout import ENCODER_FOLDER, ArtifactLayout, read_manifest
from lengthwise.index.store.store import IndexStore


def build_trained(
    learnt: RecordList,
    first: list[HistoryRecord],
    out: Path,
    options: TrainOptions,
    *,
    base: str = DEFAULT_ENCODER,
) -> tuple[BuildResult, float | None]:
    """Build into a store; what its current version was trained to is taken over.

    Args:
        learnt: Rows that are learnt from and indexed.
        first: Rows that are learnt from before.
        out: The store.
        options: Of a training.
        base: Name or folder of the encoder that it starts from.

    Returns:
        What was built, and the seconds that it took; None if nothing had to be trained.
    """
    store = IndexStore(out)
    current = store.current()
    if current is not None:
        return _build_again(learnt, ArtifactLayout(store.path_of(current)), out), None
    started_s = time.perf_counter()
    result = train_and_build(learnt, out, base, train_options=options, learn_first=first)
    return result, time.perf_counter() - started_s


def _build_again(learnt: RecordList, before: ArtifactLayout, out: Path) -> BuildResult:
    facts = read_manifest(before).training
    if facts is None:
        raise ValueError(f"{before.root} was not trained: expected a trained index, or none")
    with TemporaryDirectory(dir=out) as name:
        folder = Path(name)
        shutil.copytree(before.encoder, folder / ENCODER_FOLDER)
        shutil.copy(before.head, folder / before.head.name)
        encoder = load_encoder(str(folder / ENCODER_FOLDER))
        return build_index(learnt, out, encoder, trained=TrainedEncoder(folder, facts))
