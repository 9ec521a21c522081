"""The encoder in half precision: rates by batch, and a prompt alone."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.gpu.part import Measured, Setting
from benchmarks.gpu.prompts import mixed_prompts
from benchmarks.gpu.timing import p50_p99, times_ms
from benchmarks.harness.spread import Spread, percentile
from benchmarks.harness.table import Column, Row, Table
from lengthwise.index.encoder.encoder import choose_dtype, load_encoder, locate_encoder

BATCHES = (1, 8, 32, 128, 512, 2_048)
"""Prompts in a call."""

QUICK_BATCHES = (1, 8)
"""The same with --quick."""

PROMPTS_TIMED = 8_192
"""Prompts of each size of batch and round, in MAX_CALLS calls at the most."""

MAX_CALLS = 300
"""Of one size of batch in a round: enough for a 99th percentile."""

PROMPTS = 4_096
"""Different prompts."""

QUICK_PROMPTS = 64
"""The same with --quick."""


class ForwardPass:
    """The transformer, mean pooling and unit length: what no way of serving can do without.

    Args:
        setting: The model, and where it runs.
    """

    def __init__(self, setting: Setting) -> None:
        self._device = setting.device
        self._model = SentenceTransformer(
            locate_encoder(setting.model),
            device=setting.device,
            model_kwargs={"dtype": choose_dtype(setting.half, setting.device)},
        ).eval()

    def tokens(self, prompts: Sequence[str]) -> Any:
        """Padded token ids and their mask, on the device."""
        tokenizer: Any = self._model.tokenizer
        window = self._model.max_seq_length
        found = tokenizer(
            list(prompts), padding=True, truncation=True, max_length=window, return_tensors="pt"
        )
        return found.to(self._device)

    @torch.inference_mode()
    def embed(self, tokens: Any) -> torch.Tensor:
        """Unit vectors, which stay on the device."""
        transformer: Any = self._model[0]
        states = transformer.auto_model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


def measure(setting: Setting) -> Measured:
    """As the service encodes, and the forward pass alone, with tokens at hand."""
    prompts = mixed_prompts(QUICK_PROMPTS if setting.quick else PROMPTS)
    encoder = load_encoder(setting.model, device=setting.device, precision=setting.half)
    forward = ForwardPass(setting)
    rows: list[Row] = []
    for batch in QUICK_BATCHES if setting.quick else BATCHES:
        chunks = [prompts[i : i + batch] for i in range(0, len(prompts) - batch + 1, batch)]
        served = _timed(encoder.encode, chunks, batch, setting)
        alone = _timed(forward.embed, [forward.tokens(chunk) for chunk in chunks], batch, setting)
        rows += [
            {"batch": batch, "way": "as served", **served},
            {"batch": batch, "way": "forward pass alone", **alone},
        ]
    columns = [
        Column("batch", "prompts a call", "{:,}"),
        Column("way", "way"),
        Column("rate", "prompts/s", "{:,.0f}", with_range=True),
        Column("p50_ms", "p50, ms", "{:.2f}"),
        Column("p99_ms", "p99, ms", "{:.2f}"),
    ]
    notes = [
        f"Encoder: {encoder.runtime}. The forward pass alone has its tokens padded and on the "
        "device beforehand, and leaves the vectors there."
    ]
    return Measured([Table("gpu_encoder", "The encoder in half precision", columns, rows, notes)])


def _timed(
    encode: Callable[[Any], object], prepared: Sequence[Any], batch: int, setting: Setting
) -> Row:
    count = 8 if setting.quick else min(MAX_CALLS, max(8, PROMPTS_TIMED // batch))
    rounds = [
        times_ms(lambda i: encode(prepared[i % len(prepared)]), count, setting.device)
        for _ in range(setting.repeats)
    ]
    rates = [1_000 * batch / percentile(found, 0.5) for found in rounds]
    return {
        "rate": Spread.from_values(rates),
        **p50_p99([time_ms for found in rounds for time_ms in found]),
    }
