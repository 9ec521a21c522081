"""The kernels of swapping: blocks of a KV cache to rows and back, and across to the host."""

import torch

from benchmarks.gpu.part import Measured, Setting
from benchmarks.gpu.timing import times_ms
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table
from scheduler_client.vllm_plugin.swap.codecs.codec import BlockCodec, RawCodec
from scheduler_client.vllm_plugin.swap.codecs.eight_bit import EightBitCodec
from scheduler_client.vllm_plugin.swap.codecs.layout import BlockLayout

LAYERS = 32
"""Of the model: with heads and channels as in Llama 3.1 8B, 128 KiB a token in half precision."""

HEADS = 8
"""Of keys, and of values."""

CHANNELS = 128
"""Of one head."""

BLOCK_TOKENS = 16
"""Tokens in a block, vLLM's default."""

REQUEST_BLOCKS = (16, 64, 256)
"""Of the request that is swapped: 256 to 4,096 tokens."""

QUICK_LAYERS = 2
"""The same with --quick, where the request has the first of these numbers of blocks."""

CALLS = 20
"""Of each kernel that are timed."""

QUICK_CALLS = 3
"""The same with --quick."""


def measure(setting: Setting) -> Measured:
    """Both codecs, by the size of the request."""
    layers = QUICK_LAYERS if setting.quick else LAYERS
    sizes = REQUEST_BLOCKS[:1] if setting.quick else REQUEST_BLOCKS
    caches = [_cache(max(sizes), setting) for _ in range(layers)]
    layout = _layout(setting.device)
    codecs: dict[str, BlockCodec] = {
        "exact": RawCodec(caches),
        "8 bits": EightBitCodec(caches, [layout] * layers),
    }
    rows = [
        {"tokens": blocks * BLOCK_TOKENS, "codec": name, **_timed(codec, blocks, setting)}
        for blocks in sizes
        for name, codec in codecs.items()
    ]
    columns = [
        Column("tokens", "tokens", "{:,}"),
        Column("codec", "kept"),
        Column("mib", "MiB kept", "{:,.1f}"),
        *(Column(f"{key}_ms", f"{title}, ms", "{:.2f}") for key, title in STEPS.items()),
    ]
    notes = [
        f"A cache of {layers} layers, {HEADS} heads of {CHANNELS} channels, blocks of "
        f"{BLOCK_TOKENS} tokens, in {setting.half}; the host's memory is pinned where there is a "
        "GPU."
    ]
    return Measured([Table("gpu_swap", "Swapping a request", columns, rows, notes)])


STEPS = {"encode": "to rows", "out": "to the host", "in": "from the host", "decode": "to blocks"}
"""What a swap out and a swap in consist of."""


def _timed(codec: BlockCodec, blocks: int, setting: Setting) -> Row:
    device = torch.device(setting.device)
    block_ids = torch.arange(blocks, device=device)
    tokens = blocks * BLOCK_TOKENS
    rows = codec.encode(block_ids, tokens)
    slab = torch.empty(rows.shape, dtype=torch.uint8, pin_memory=setting.device == "cuda")
    steps = {
        "encode": lambda _: codec.encode(block_ids, tokens),
        "out": lambda _: slab.copy_(rows, non_blocking=True),
        "in": lambda _: rows.copy_(slab, non_blocking=True),
        "decode": lambda _: codec.decode(rows, block_ids),
    }
    count = QUICK_CALLS if setting.quick else CALLS
    found: Row = {"mib": rows.numel() / 2**20}
    for name, step in steps.items():
        found[f"{name}_ms"] = Spread.from_values(times_ms(step, count, setting.device))
    return found


def _cache(blocks: int, setting: Setting) -> torch.Tensor:
    """A layer's, as vLLM's attention lays it out: (blocks, 1, heads, tokens, keys and values)."""
    shape = (blocks, 1, HEADS, BLOCK_TOKENS, 2 * CHANNELS)
    dtype = getattr(torch, setting.half)
    return torch.randn(shape, dtype=torch.float32).to(setting.device, dtype)


def _layout(device: str) -> BlockLayout:
    count = HEADS * BLOCK_TOKENS * 2 * CHANNELS
    places = torch.arange(count, device=device).view(HEADS, BLOCK_TOKENS, 2 * CHANNELS)
    by_token = places.transpose(0, 1)
    return BlockLayout(by_token[..., :CHANNELS].contiguous(), by_token[..., CHANNELS:].contiguous())
