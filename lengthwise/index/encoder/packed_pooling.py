"""The pass of `pooling_layer.PoolingLayer` on a CPU, over prompts that share rows."""

import torch
from torch import Tensor
from torch.nn import functional

from lengthwise.index.encoder.content_hash import ModuleFacts
from lengthwise.index.encoder.packed_layer import AfterAttention, LayerWeights, apart_mask
from lengthwise.index.encoder.token_rows import TokenRows, rounded_up

POOLING_MODULES: tuple[ModuleFacts, ...] = (
    ("Transformer", ""),
    ("PoolingLayer", ""),
    ("Normalize", ""),
)
"""Modules of a model whose last layer makes prompts' vectors."""

POOLING_CLASS = "lengthwise.index.encoder.pooling_layer.PoolingLayer"
"""That of the second, as the model's folder has it: the one that is not sentence-transformers'."""

POOLING_FOLDER = "1_PoolingLayer"
"""Where that layer lies in the folder of its model: its place among the modules, and its class."""

PREPARED_PROMPTS = 128
"""Prompts in a pass, up to which kernels are compiled beforehand: a service's largest micro-batch,
unless it is told otherwise. Those for every number of tokens would take a hundred megabytes."""


def means(x: Tensor, rows: TokenRows) -> Tensor:
    """Mean state of each prompt's tokens, float32: shape (prompts, hidden)."""
    if rows.shared is not None:
        places, starts = map(torch.from_numpy, (rows.shared.places, rows.shared.starts))
        return functional.embedding_bag(places, x.float(), starts, mode="mean")
    parts = [
        x[group.start : group.stop].view(-1, group.width, x.shape[1]).float().mean(dim=1)
        for group in rows.groups
    ]
    found = torch.empty(len(rows.order), x.shape[1])
    found[torch.tensor(rows.order)] = torch.cat(parts)
    return found


class PackedPooling:
    """A layer that computes one state for each prompt.

    Args:
        of: The weights of the layer, named as in any other layer.
        heads: Parts that attention compares apart.
    """

    def __init__(self, of: LayerWeights, heads: int) -> None:
        self._heads = heads
        self._query = of.linear("attention.self.query")
        self._key_value = of.linear("attention.self.key", "attention.self.value")
        self._after = AfterAttention(of)

    def prepare(self, x: Tensor) -> None:
        """Have kernels compiled for as many tokens as there are rows in `x`, and as many prompts.

        Beyond `PREPARED_PROMPTS` the first pass of each size compiles its own.
        """
        self._key_value(x)
        if len(x) <= PREPARED_PROMPTS:
            self._after(self._query(x), x)

    def __call__(self, x: Tensor, rows: TokenRows) -> Tensor:
        """A state of each prompt, float32: shape (prompts, hidden).

        Args:
            x: States of the tokens, shape (tokens, hidden).
            rows: How they are laid out.
        """
        mean = means(x, rows)
        asking = x.new_zeros(rounded_up(len(mean)), x.shape[1])
        asking[: len(mean)] = mean
        queries, keys_values = self._query(asking), self._key_value(x)
        # One place more: there goes what is asked in the name of no prompt, whose number is -1.
        attended = x.new_zeros(len(asking) + 1, x.shape[1])
        for group in rows.groups:
            prompts = torch.as_tensor(group.prompts)
            mask = None
            if group.owners is not None:
                mask = apart_mask(prompts, torch.from_numpy(group.owners), x.dtype)
            of_group = keys_values[group.start : group.stop].view(len(prompts), group.width, -1)
            attended[prompts] = self._attend(queries[prompts], of_group, mask)
        return self._after(attended[:-1], asking)[: len(mean)].float()

    def _attend(self, queries: Tensor, keys_values: Tensor, mask: Tensor | None) -> Tensor:
        """What each prompt of each row finds among its tokens: (rows, slots, hidden)."""
        rows, slots, hidden = queries.shape
        heads = (self._heads, hidden // self._heads)
        k, v = keys_values.unflatten(2, (2, *heads)).permute(2, 0, 3, 1, 4)
        q = queries.unflatten(2, heads).transpose(1, 2)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return attended.transpose(1, 2).reshape(rows, slots, hidden)
