"""A long history that costs no encoding: real prompts and lengths, made more.

What is added is a real prompt with a number behind it, its vector a point between that of the
prompt and of a near one (`benchmarks.search.grown_vectors`), its length the real one times a random
factor. One row in five asks a real prompt once more, word for word. It is not real data, and tables
say so.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.search.grown_vectors import NEIGHBOURS, between, nearest_others
from index_builder.build.encoded_rows import CHUNK_ROWS, EncodedChunk
from lengthwise.index.arrays import FloatMatrix, IntMatrix
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.store.manifest import EncoderIdentity

LLMS = 20
"""Names among which the rows are shared out."""

REPEATED_SHARE = 0.2
"""Of the rows: a prompt asked before, word for word."""

LENGTH_SPREAD = 0.3
"""Standard deviation of the logarithm of what a length is multiplied by."""


@dataclass(frozen=True, slots=True)
class Material:
    """Real prompts, as a folder keeps them for the processes that make histories of them.

    Args:
        prompts: Each once.
        tokens: Length of the answer to each.
        vectors: Shape (prompts, dimension), of unit length.
        neighbours: Shape (prompts, NEIGHBOURS): the nearest others of each.
        encoder: The one that made the vectors.
    """

    prompts: list[str]
    tokens: list[int]
    vectors: FloatMatrix
    neighbours: IntMatrix
    encoder: EncoderIdentity

    @classmethod
    def prepare(
        cls,
        folder: Path,
        prompts: list[str],
        tokens: list[int],
        vectors: FloatMatrix,
        encoder: EncoderIdentity,
    ) -> "Material":
        """Find the neighbours, which takes long, and keep all that in a folder."""
        found = cls(prompts, tokens, vectors, nearest_others(vectors, NEIGHBOURS), encoder)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "vectors.npz", vectors=vectors, neighbours=found.neighbours)
        texts = {"prompts": prompts, "tokens": tokens, "encoder": asdict(encoder)}
        (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
        return found

    @classmethod
    def read(cls, folder: Path) -> "Material":
        """What `prepare` kept."""
        texts = json.loads((folder / "texts.json").read_text("utf-8"))
        arrays = np.load(folder / "vectors.npz")
        return cls(
            texts["prompts"],
            texts["tokens"],
            arrays["vectors"],
            arrays["neighbours"],
            EncoderIdentity(**texts["encoder"]),
        )


class LongHistory:
    """Rows with vectors, see `index_builder.build.encoded_rows.EncodedRows`.

    Args:
        material: What they are made of.
        rows: How many there are.
    """

    stage = "read"
    fingerprint = "made"
    skipped_rows = 0
    unselected: Sequence[RepeatTable] = ()

    def __init__(self, material: Material, rows: int) -> None:
        self._material = material
        self._rows = rows

    @property
    def encoder(self) -> EncoderIdentity:
        """Of the material's vectors."""
        return self._material.encoder

    def __iter__(self) -> Iterator[EncodedChunk]:
        for start in range(0, self._rows, CHUNK_ROWS):
            yield self._chunk(start, min(CHUNK_ROWS, self._rows - start))

    def _chunk(self, start: int, count: int) -> EncodedChunk:
        made = self._material
        rng = np.random.default_rng(start)
        first = rng.integers(len(made.vectors), size=count)
        vectors = between(made.vectors, made.neighbours, first, rng)
        repeated = rng.random(count) < REPEATED_SHARE
        vectors[repeated] = made.vectors[first[repeated]]
        factors = np.exp(LENGTH_SPREAD * rng.standard_normal(count))
        models = rng.integers(LLMS, size=count)
        records = [
            HistoryRecord(
                prompt=made.prompts[f] if again else f"{made.prompts[f]} ({start + i})",
                output_tokens=round(made.tokens[f] * factor),
                model=f"llm-{model:02d}",
                id=f"row-{start + i}",
            )
            for i, (f, again, factor, model) in enumerate(
                zip(
                    first.tolist(),
                    repeated.tolist(),
                    factors.tolist(),
                    models.tolist(),
                    strict=True,
                )
            )
        ]
        return EncodedChunk(records, vectors, count)
