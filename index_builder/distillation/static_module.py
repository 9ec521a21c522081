"""The trainable side of `lengthwise.index.encoder.static_encoder`, which says how it encodes."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from index_builder.training.network import EncoderModule
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.static_encoder import pair_places

DIMENSION = 128
"""Numbers in a vector: a third of MiniLM's, which the search through the rows gains from too."""

PAIR_BITS = 16
"""65,536 places for pairs: 16 MB in half precision; 40,000 prompts have some 200,000 different."""

ENCODED_TOGETHER = 2048
"""Single tokens in one pass of the teacher."""


class StaticModule(nn.Module):
    """Vectors of tokens, each with a weight, and of hashed pairs: added up, at unit length.

    Args:
        words: Shape (tokens, dimension): where the tokens' vectors start; pairs start at nothing.
        pair_bits: There are 2**pair_bits places for pairs, in [1, 32].
    """

    def __init__(self, words: Tensor, pair_bits: int) -> None:
        super().__init__()
        self.pair_bits = pair_bits
        self.tokens = nn.Embedding.from_pretrained(words, freeze=False)
        self.log_weight = nn.Embedding(len(words), 1)
        self.pairs = nn.Embedding(2**pair_bits, words.shape[1])
        nn.init.zeros_(self.log_weight.weight)
        nn.init.zeros_(self.pairs.weight)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors of unit length: shape (rows, dimension); see `EncoderModule`."""
        weights = self.log_weight(ids).exp() * mask[:, :, None]
        total = (self.tokens(ids) * weights).sum(dim=1)
        paired = self.pairs(pair_places(ids[:, :-1], ids[:, 1:], self.pair_bits))
        total = total + (paired * mask[:, 1:, None]).sum(dim=1)
        return functional.normalize(total, dim=1)

    def table(self) -> FloatMatrix:
        """As a `StaticEncoder` has it: shape (tokens + 2**pair_bits, dimension)."""
        tokens = self.tokens.weight * self.log_weight.weight.exp()
        return torch.cat([tokens, self.pairs.weight]).detach().cpu().numpy()


@torch.no_grad()
def single_token_vectors(
    encoder: EncoderModule, tokens: int, special: tuple[int, int]
) -> FloatMatrix:
    """What an encoder says of every token of its vocabulary alone, shape (tokens, dimension).

    Args:
        encoder: In the state that it is in.
        tokens: How many the vocabulary holds; their ids begin at 0.
        special: Ids of what stands before and after a text.
    """
    device = next(encoder.parameters()).device
    found: list[FloatMatrix] = []
    for start in range(0, tokens, ENCODED_TOGETHER):
        ids = torch.arange(start, min(start + ENCODED_TOGETHER, tokens), device=device)
        rows = torch.stack(
            [torch.full_like(ids, special[0]), ids, torch.full_like(ids, special[1])], dim=1
        )
        found.append(encoder(rows, torch.ones_like(rows)).cpu().numpy())
    return np.concatenate(found)


def principal_axes(vectors: FloatMatrix, dimension: int) -> tuple[FloatMatrix, FloatMatrix]:
    """Mean of vectors, and the axes along which they vary most: shape (dimension, of a vector)."""
    mean = vectors.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(vectors, rowvar=False))
    return mean, np.ascontiguousarray(axes[:, ::-1][:, :dimension].T, np.float32)
