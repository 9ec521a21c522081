"""A BERT forward pass on a CPU that wastes nothing on padding.

Micro-batches hold prompts of every length. The usual forward pass pads them all to the longest;
here they share rows, see `token_rows`, and lie in one long row for everything but attention. On
CPUs with oneDNN the weights are laid out once for its kernels, which also fuse bias and activation.
Measured by `benchmarks.encoder`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from lengthwise.index.encoder.packed_layer import AfterAttention, LayerWeights, Linear, apart_mask
from lengthwise.index.encoder.packed_pooling import PackedPooling, means
from lengthwise.index.encoder.token_rows import SIZES, RowGroup, TokenRows


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: Linear
    after: AfterAttention

    @classmethod
    def from_weights(cls, of: LayerWeights) -> Self:
        names = (f"attention.self.{part}" for part in ("query", "key", "value"))
        return cls(of.linear(*names), AfterAttention(of))


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
        return cls(group, apart_mask(owners, owners, dtype))


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


def _converted(state: Mapping[str, Tensor], dtype: torch.dtype) -> Mapping[str, Tensor]:
    return {name: tensor.detach().to(dtype) for name, tensor in state.items()}


class PackedBert:
    """Normalised BERT embeddings of token ids, without padding.

    Args:
        shape: As the model's configuration says.
        state: Its weights, by the names that Hugging Face's `BertModel` gives them.
        dtype: Precision of the computation; means are taken in float32.
        pooling: Weights of a `PoolingLayer` that makes prompts' vectors; None takes the mean of
            their tokens' states.
    """

    def __init__(
        self,
        shape: BertShape,
        state: Mapping[str, Tensor],
        dtype: torch.dtype,
        pooling: Mapping[str, Tensor] | None = None,
    ) -> None:
        weights = _converted(state, dtype)
        self._heads = shape.heads
        self._hidden = shape.hidden
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._embedding_norm = LayerWeights(weights, "embeddings.", shape.eps).norm("LayerNorm")
        self._layers = [
            _Layer.from_weights(LayerWeights(weights, f"encoder.layer.{i}.", shape.eps))
            for i in range(shape.layers)
        ]
        self._pooling: PackedPooling | None = None
        if pooling is not None:
            last = LayerWeights(_converted(pooling, dtype), "layer.", shape.eps)
            self._pooling = PackedPooling(last, shape.heads)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._hidden

    @torch.inference_mode()
    def prepare(self) -> None:
        """Have kernels compiled for every size that a pass may have, as this thread computes.

        Else the first of each size waits for it, and memory grows for as long as new ones come. Of
        a layer that pools: up to `packed_pooling.PREPARED_PROMPTS` prompts.
        """
        for size in SIZES:
            x = torch.zeros(size, self._hidden, dtype=self._words.dtype)
            for layer in self._layers[:1]:  # the others are of the same shape
                layer.qkv(x)
                layer.after(x, x)
            if self._pooling is not None:
                self._pooling.prepare(x)

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
            x = layer.after(attended, x)
        pooled = means(x, rows) if self._pooling is None else self._pooling(x, rows)
        return functional.normalize(pooled, dim=1)

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
