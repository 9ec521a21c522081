"""Batches of like length, so that little is padded, in an order that chance decides."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from lengthwise.index.arrays import IntVector

BUCKET_BATCHES = 32
"""Batches sorted by length together: enough to waste little, few enough to stay random."""


def shuffled_batches(
    lengths: Sequence[int], size: int, rng: np.random.Generator
) -> list[IntVector]:
    """All rows once, in batches of about equal length.

    Args:
        lengths: Tokens of each row.
        size: Rows in a batch.
        rng: Decides who meets whom, and the order.

    Returns:
        Row numbers, one array per batch.
    """
    order, tokens = rng.permutation(len(lengths)), np.asarray(lengths)
    batches: list[IntVector] = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        bucket = order[start : start + size * BUCKET_BATCHES]
        bucket = bucket[np.argsort(tokens[bucket], kind="stable")]
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def sorted_batches(lengths: Sequence[int], size: int) -> Iterator[IntVector]:
    """All rows once, shortest first: for predicting, where order does not matter."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def masked(ids: Tensor, mask: Tensor, *, share: float, mask_id: int) -> Tensor:
    """Token ids of which a share is hidden, never the special ones at either end.

    Args:
        ids: Shape (rows, tokens).
        mask: 1 where there is a token, same shape.
        share: In [0, 1).
        mask_id: What stands for a hidden token.
    """
    inside = mask.bool()
    inside[:, 0] = False
    inside[torch.arange(len(ids)), mask.sum(dim=1) - 1] = False
    return torch.where(inside & (torch.rand(ids.shape) < share), mask_id, ids)


def padded(token_ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of one batch side by side.

    Returns:
        Token ids and mask (1 where there is a token), both of shape (rows, longest), int64.
    """
    longest = max(map(len, token_ids))
    ids = np.zeros((len(token_ids), longest), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(token_ids):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
