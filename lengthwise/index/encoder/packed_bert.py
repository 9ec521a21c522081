"""A BERT forward pass on a CPU that wastes nothing on padding.

Micro-batches hold prompts of every length. The usual forward pass pads them all to the longest;
here the tokens of all prompts lie in one long row, and only attention, which must not look across
prompts, goes through them in groups of equal length. On CPUs with oneDNN the weights are laid out
once for its kernels, which also fuse bias and activation. Measured by `benchmarks.encoder`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor], Tensor]


def _plain_linear(weight: Tensor, bias: Tensor, *, gelu: bool = False) -> Linear:
    def apply(x: Tensor) -> Tensor:
        y = functional.linear(x, weight, bias)
        return functional.gelu(y) if gelu else y

    return apply


def _onednn_linear(weight: Tensor, bias: Tensor, *, gelu: bool = False) -> Linear:
    """The same with weights laid out for oneDNN, and bias and activation in its kernel."""
    ops: Any = torch.ops.mkldnn
    packed = ops._reorder_linear_weight(weight.contiguous())  # noqa: SLF001  no public way
    activation, algorithm = ("gelu", "none") if gelu else ("none", "")

    def apply(x: Tensor) -> Tensor:
        return ops._linear_pointwise(  # noqa: SLF001  no public way
            x.contiguous(), packed, bias, activation, [], algorithm
        )

    return apply


def _linear_maker() -> Callable[..., Linear]:
    ops: Any = torch.ops.mkldnn
    known = hasattr(ops, "_reorder_linear_weight") and hasattr(ops, "_linear_pointwise")
    return _onednn_linear if known and torch.backends.mkldnn.is_available() else _plain_linear


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Linear
    attention_out: Linear
    attention_norm: _Norm
    up: Linear
    down: Linear
    output_norm: _Norm


@dataclass(frozen=True, slots=True)
class _Span:
    """Prompts of one length, side by side: their first and last-but-one token, count, length."""

    start: int
    stop: int
    count: int
    length: int


def _spans(sorted_lengths: Sequence[int]) -> list[_Span]:
    spans: list[_Span] = []
    start = 0
    for length, group in groupby(sorted_lengths):
        count = len(list(group))
        spans.append(_Span(start, start + count * length, count, length))
        start += count * length
    return spans


def _rounded_up(tokens: int) -> int:
    """The next of a few sizes, at most an eighth larger beyond 128.

    oneDNN compiles a kernel for each number of rows it meets and keeps some hundred of them. With
    every micro-batch of another size it would compile all day: that took a third of the time.
    """
    step = 16 if tokens <= 128 else 2 ** (tokens.bit_length() - 4)
    return -(-tokens // step) * step


@dataclass(frozen=True, slots=True)
class BertShape:
    """What a forward pass needs to know beside the weights.

    Args:
        layers: Attention with what follows it, so many times.
        heads: Parts that attention compares apart in each layer.
        hidden: Length of a token's state.
        eps: Added to the variance where states are normalised.
    """

    layers: int
    heads: int
    hidden: int
    eps: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self | None:
        """As Hugging Face's configuration of a model says.

        Returns:
            None for one that computes otherwise: absolute positions and exact GELU are expected.
        """
        plain = (
            config.get("model_type") == "bert"
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type") in (None, "absolute")
            and not config.get("is_decoder")
        )
        if not plain:
            return None
        return cls(
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["hidden_size"],
            config["layer_norm_eps"],
        )


class PackedBert:
    """Mean-pooled, normalised BERT embeddings of token ids, without padding.

    Args:
        shape: As the model's configuration says.
        state: Its weights, by the names that Hugging Face's `BertModel` gives them.
        dtype: Precision of the computation; pooling is done in float32.
    """

    def __init__(self, shape: BertShape, state: Mapping[str, Tensor], dtype: torch.dtype) -> None:
        weights: dict[str, Tensor] = {
            name: tensor.detach().to(dtype) for name, tensor in state.items()
        }
        self._heads = shape.heads
        self._hidden = shape.hidden
        eps = shape.eps
        linear = _linear_maker()

        def norm(prefix: str) -> _Norm:
            return _Norm(weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], eps)

        def dense(prefix: str, *, gelu: bool = False) -> Linear:
            return linear(weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], gelu=gelu)

        def qkv(prefix: str) -> Linear:
            names = [f"{prefix}.{part}" for part in ("query", "key", "value")]
            return linear(
                torch.cat([weights[f"{n}.weight"] for n in names]),
                torch.cat([weights[f"{n}.bias"] for n in names]),
            )

        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._embedding_norm = norm("embeddings.LayerNorm")
        self._layers = [
            _Layer(
                qkv=qkv(f"encoder.layer.{i}.attention.self"),
                attention_out=dense(f"encoder.layer.{i}.attention.output.dense"),
                attention_norm=norm(f"encoder.layer.{i}.attention.output.LayerNorm"),
                up=dense(f"encoder.layer.{i}.intermediate.dense", gelu=True),
                down=dense(f"encoder.layer.{i}.output.dense"),
                output_norm=norm(f"encoder.layer.{i}.output.LayerNorm"),
            )
            for i in range(shape.layers)
        ]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._hidden

    @torch.inference_mode()
    def embed(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """Embed prompts given as token ids, special tokens included.

        Returns:
            Shape (len(token_ids), hidden), float32, rows of unit length.
        """
        order = sorted(range(len(token_ids)), key=lambda i: len(token_ids[i]))
        lengths = [len(token_ids[i]) for i in order]
        padding = _rounded_up(sum(lengths)) - sum(lengths)
        flat = torch.tensor([t for i in order for t in token_ids[i]] + [0] * padding)
        positions = torch.cat([*(torch.arange(n) for n in lengths), torch.zeros(padding).long()])
        x = self._embedding_norm(self._words[flat] + self._positions[positions])
        spans = _spans(lengths)
        for layer in self._layers:
            attended = self._attend(layer.qkv(x), spans, padding)
            x = layer.attention_norm(layer.attention_out(attended) + x)
            x = layer.output_norm(layer.down(layer.up(x)) + x)
        pooled = torch.cat(
            [
                x[span.start : span.stop].view(span.count, span.length, -1).float().mean(dim=1)
                for span in spans
            ]
        )
        result = torch.empty_like(pooled)
        result[torch.tensor(order)] = functional.normalize(pooled, dim=1)
        return result

    def _attend(self, qkv: Tensor, spans: Sequence[_Span], padding: int) -> Tensor:
        """Self-attention within each prompt: (tokens, 3 * hidden) to (tokens, hidden)."""
        parts: list[Tensor] = []
        for span in spans:
            heads = qkv[span.start : span.stop].view(span.count, span.length, 3, self._heads, -1)
            q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
            attended = functional.scaled_dot_product_attention(q, k, v)
            parts.append(attended.transpose(1, 2).reshape(span.stop - span.start, self._hidden))
        return torch.cat([*parts, qkv.new_zeros(padding, self._hidden)])
