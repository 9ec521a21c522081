"""What a block costs to compute again and to copy: Llama-3-8B on an H100 over PCIe 5."""

from typing import Any

from benchmarks.harness.table import Column, Row, Table

PARAMETERS = 8.03e9
LAYERS, KV_HEADS, CHANNELS = 32, 8, 128
BLOCK_TOKENS = 16

FLOPS_PER_S = 989e12 * 0.5
"""NVIDIA's data sheet, bfloat16 without sparsity; half of it is reached in a long prefill."""

LINK_BYTES_PER_S = 50e9
"""PCIe 5.0 with 16 lanes: 63 GB/s less what protocol and small copies take."""

SCALE_BYTES = 4
"""float16 smallest and step of a channel's keys, and of a token's values, of each head."""


def arithmetic(setting: Any) -> Table:
    """Nothing is measured: figures of data sheets."""
    del setting
    numbers = 2 * LAYERS * KV_HEADS * CHANNELS * BLOCK_TOKENS
    raw_bytes = 2 * numbers
    rounded_bytes = numbers + SCALE_BYTES * LAYERS * KV_HEADS * (CHANNELS + BLOCK_TOKENS)
    again_s = 2 * PARAMETERS * BLOCK_TOKENS / FLOPS_PER_S
    rows: list[Row] = [
        _row("computed again", 0, again_s, again_s),
        _row("copied as it is", raw_bytes, raw_bytes / LINK_BYTES_PER_S, again_s),
        _row("copied in 8 bits", rounded_bytes, rounded_bytes / LINK_BYTES_PER_S, again_s),
    ]
    columns = (
        Column("way", f"a block of {BLOCK_TOKENS} tokens"),
        Column("kib", "KiB", "{:,.0f}"),
        Column("us", "microseconds, one way", "{:.0f}"),
        Column("round_trip", "there and back, of computing again", "{:.3f}"),
    )
    title = "Arithmetic, not measured: Llama-3-8B on an H100 over PCIe 5"
    return Table("arithmetic", title, columns, rows)


def _row(way: str, size: int, taken_s: float, again_s: float) -> Row:
    trips = 2 if size else 1
    return {
        "way": way,
        "kib": size / 1024,
        "us": taken_s * 1e6,
        "round_trip": trips * taken_s / again_s,
    }
