"""The encoder alone: what the service and the build are held against."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.spread import percentile
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Encoder, load_encoder, locate_encoder

WARM_UP_PROMPTS = 64
CHUNKS = (32, 128, 512, 0)
"""Prompts in a call of the encoder; 0 means all of them at once."""

Encode = Callable[[Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """A pass over some prompts.

    Args:
        prompts: How many.
        wall_s: How long it took.
        cpu_s: CPU time of this process, all threads.
    """

    prompts: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Prompts per second."""
        return self.prompts / self.wall_s

    @property
    def cpu_s_per_1000(self) -> float:
        """CPU seconds per 1,000 prompts."""
        return 1_000 * self.cpu_s / self.prompts


def timed(encode: Encode, prompts: Sequence[str], chunk: int = 0) -> Timed:
    """Encode prompts in the order given, so many to a call (0: all)."""
    step = chunk or len(prompts)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    for start in range(0, len(prompts), step):
        encode(prompts[start : start + step])
    wall_s = time.perf_counter() - started_s
    return Timed(len(prompts), wall_s, time.process_time() - started_cpu_s)


def single_p50_ms(encode: Encode, prompts: Sequence[str]) -> float:
    """Median time of one prompt alone, in milliseconds."""
    times_ms: list[float] = []
    for prompt in prompts:
        started_s = time.perf_counter()
        encode([prompt])
        times_ms.append((time.perf_counter() - started_s) * 1_000)
    return percentile(times_ms, 0.5)


def ready_encoder(warm_up: Sequence[str]) -> Encoder:
    """The encoder that ships, loaded and warm."""
    encoder = load_encoder()
    encoder.encode(warm_up[:WARM_UP_PROMPTS])
    encoder.encode(warm_up[:1])
    return encoder


def best_chunk(encode: Encode, prompts: Sequence[str], repeats: int) -> dict[int, list[Timed]]:
    """Passes with each size of chunk, in turns."""
    passes: dict[int, list[Timed]] = {chunk: [] for chunk in CHUNKS}
    for _ in range(repeats):
        for chunk, found in passes.items():
            found.append(timed(encode, prompts, chunk))
    return passes


def sentence_transformers_encode(warm_up: Sequence[str]) -> Encode:
    """sentence-transformers' own: bfloat16, batches of 32, sorted by length within a call."""
    import torch  # noqa: PLC0415  seconds to import
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    model = SentenceTransformer(
        locate_encoder(DEFAULT_ENCODER), device="cpu", model_kwargs={"dtype": torch.bfloat16}
    )

    def encode(prompts: Sequence[str]) -> FloatMatrix:
        vectors: Any = model.encode(
            list(prompts), batch_size=32, normalize_embeddings=True, convert_to_tensor=True
        )
        return vectors.float().numpy()

    encode(warm_up[:WARM_UP_PROMPTS])
    return encode
