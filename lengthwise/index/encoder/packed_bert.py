"""A BERT forward pass on a CPU that wastes nothing on padding.

Micro-batches hold prompts of every length. The usual forward pass pads them all to the longest;
here they share rows, see `token_rows`, and lie in one long row for everything but attention. On
CPUs with oneDNN the weights are laid out once for its kernels, which also fuse bias and activation.
Measured by `benchmarks.encoder`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from lengthwise.index.encoder.token_rows import SIZES, RowGroup, TokenRows

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
class _Attention:
    """Rows of one width, and what is added to the scores of their tokens: -inf across prompts."""

    group: RowGroup
    mask: Tensor | None

    @classmethod
    def of_group(cls, group: RowGroup, dtype: torch.dtype) -> Self:
        if group.owners is None:
            return cls(group, None)
        owners = torch.from_numpy(group.owners)
        apart = owners[:, None, :, None] != owners[:, None, None, :]
        return cls(group, torch.zeros(apart.shape, dtype=dtype).masked_fill_(apart, -torch.inf))


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


def _means(x: Tensor, rows: TokenRows) -> Tensor:
    """Mean state of each prompt's tokens, float32: shape (prompts, hidden)."""
    if rows.shared is not None:
        places, starts = map(torch.from_numpy, (rows.shared.places, rows.shared.starts))
        return functional.embedding_bag(places, x.float(), starts, mode="mean")
    parts = [
        x[group.start : group.stop].view(-1, group.width, x.shape[1]).float().mean(dim=1)
        for group in rows.groups
    ]
    means = torch.empty(len(rows.order), x.shape[1])
    means[torch.tensor(rows.order)] = torch.cat(parts)
    return means


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
    def prepare(self) -> None:
        """Have kernels compiled for every size that a pass may have, as this thread computes.

        Else the first of each size waits for it, and memory grows for as long as new ones come.
        """
        layer = self._layers[0]  # the others are of the same shape
        for size in SIZES:
            x = torch.zeros(size, self._hidden, dtype=self._words.dtype)
            layer.qkv(x)
            layer.attention_out(x)
            layer.down(layer.up(x))

    @torch.inference_mode()
    def embed(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """Embed prompts given as token ids, special tokens included.

        Returns:
            Shape (len(token_ids), hidden), float32, rows of unit length.
        """
        rows = TokenRows.lay_out(token_ids, share=self._words.dtype != torch.float32)
        words = functional.embedding(torch.as_tensor(rows.token_ids), self._words)
        positions = functional.embedding(torch.as_tensor(rows.positions), self._positions)
        x = self._embedding_norm(words + positions)
        attentions = [_Attention.of_group(group, x.dtype) for group in rows.groups]
        for layer in self._layers:
            attended = self._attend(layer.qkv(x), attentions, rows.padding)
            x = layer.attention_norm(layer.attention_out(attended) + x)
            x = layer.output_norm(layer.down(layer.up(x)) + x)
        return functional.normalize(_means(x, rows), dim=1)

    def _attend(self, qkv: Tensor, attentions: Sequence[_Attention], padding: int) -> Tensor:
        """Self-attention within each prompt: (tokens, 3 * hidden) to (tokens, hidden)."""
        parts: list[Tensor] = []
        for attention in attentions:
            group = attention.group
            of_group = qkv[group.start : group.stop]
            heads = of_group.view(-1, group.width, 3, self._heads, self._hidden // self._heads)
            q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)
            attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=attention.mask)
            parts.append(attended.transpose(1, 2).reshape(len(of_group), self._hidden))
        return torch.cat([*parts, qkv.new_zeros(padding, self._hidden)])
