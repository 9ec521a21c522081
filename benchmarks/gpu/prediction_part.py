"""A whole prediction in this process: encode, search by PyTorch, estimate. FAISS is not needed."""

from benchmarks.gpu.encoder_part import PROMPTS, QUICK_PROMPTS
from benchmarks.gpu.part import Measured, Setting
from benchmarks.gpu.prompts import mixed_prompts
from benchmarks.gpu.search_part import made_up
from benchmarks.gpu.timing import p50_p99, times_ms
from benchmarks.harness.aims import Aim
from benchmarks.harness.spread import percentile
from benchmarks.harness.table import Column, Row, Table
from benchmarks.search.prediction_parts import measure_parts, served_index
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.estimate.estimate import Query
from lengthwise.index.index import LengthIndex
from lengthwise.index.search.torch_vectors import TorchVectorIndex

BATCHES = (1, 32, 512)
"""Prompts in a micro-batch."""

QUICK_BATCHES = (1, 8)
"""The same with --quick."""

CALLS = {1: 300, 32: 60, 512: 12}
"""Micro-batches timed, by their size."""

QUICK_CALLS = 8
"""The same with --quick."""

ROWS = 100_000
"""Past prompts, with vectors made up: how near they are does not change what a search takes."""

QUICK_ROWS = 2_000
"""The same with --quick."""

LENGTHS = (10, 60, 250, 700)
"""Tokens of their answers, in turn."""

WANTED_RATE = 20_000.0
"""Predictions per second that a GPU is to give."""

WANTED_P99_MS = 3.0
"""Of a prompt alone, in milliseconds."""


def measure(setting: Setting) -> Measured:
    """Rates and latencies, and where the time goes."""
    encoder = load_encoder(setting.model, device=setting.device, precision=setting.half)
    count = QUICK_ROWS if setting.quick else ROWS
    vectors = TorchVectorIndex.from_pieces(
        made_up(count, dimension=encoder.dimension), setting.device
    )
    index = served_index(vectors, LENGTHS, encoder)
    prompts = mixed_prompts(QUICK_PROMPTS if setting.quick else PROMPTS)
    batches = QUICK_BATCHES if setting.quick else BATCHES
    rows = [_row(index, prompts, batch, setting) for batch in batches]
    columns = [
        Column("batch", "prompts at once", "{:,}"),
        Column("rate", "predictions/s", "{:,.0f}"),
        Column("p50_ms", "p50, ms", "{:.2f}"),
        Column("p99_ms", "p99, ms", "{:.2f}"),
        Column("encode_ms", "encode, ms", "{:.2f}"),
        Column("search_ms", "search, ms", "{:.2f}"),
        Column("estimate_ms", "estimate, ms", "{:.2f}"),
    ]
    aims = [
        Aim(
            "predictions per second, in one process",
            max(row["rate"] for row in rows),
            at_least=WANTED_RATE,
            form="{:,.0f}",
        ),
        Aim("p99 of a prompt alone", rows[0]["p99_ms"], at_most=WANTED_P99_MS, form="{:.2f} ms"),
    ]
    notes = [f"{count:,} past prompts, searched exactly by PyTorch on the device."]
    table = Table("gpu_prediction", "A whole prediction, without the wire", columns, rows, notes)
    return Measured([table], aims)


def _row(index: LengthIndex, prompts: list[str], batch: int, setting: Setting) -> Row:
    queries = [Query(prompt) for prompt in prompts]
    starts = range(0, len(queries) - batch + 1, batch)
    chunks = [queries[start : start + batch] for start in starts]
    count = QUICK_CALLS if setting.quick else CALLS[batch]
    found = times_ms(lambda i: index.predict(chunks[i % len(chunks)]), count, setting.device)
    parts = measure_parts(index, prompts, batch, count)
    return {
        "batch": batch,
        "rate": 1_000 * batch / percentile(found, 0.5),
        **p50_p99(found),
        "encode_ms": parts.encode_ms,
        "search_ms": parts.search_ms,
        "estimate_ms": parts.estimate_ms,
    }
