"""The network that is trained, a sentence-transformers model and a head on its vector; its loss."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lengthwise.index.encoder.encoder import cpu_has_bfloat16
from lengthwise.index.encoder.pooling_layer import PoolingLayer

HIDDEN = 128
"""Width of the head's one hidden layer."""

DROPOUT = 0.1
"""Share of that layer that each step leaves out, as in BERT's own layers."""


class HeadModule(nn.Module):
    """The trainable side of `lengthwise.index.estimate.head.LengthHead`, which says how.

    Args:
        dimension: Numbers in a vector of the encoder.
        features: How many plain features a prompt has.
        models: How many LLMs there are, the unknown one included.
        bins: How many bins the length is predicted in.
    """

    def __init__(self, dimension: int, features: int, models: int, bins: int) -> None:
        super().__init__()
        # Vectors have unit length: without this factor their first layer would start out idle.
        self.vector_scale = dimension**0.5
        self.vector = nn.Linear(dimension, HIDDEN)
        self.feature = nn.Linear(features, HIDDEN, bias=False)
        self.model = nn.Embedding(models, HIDDEN)
        self.bins = nn.Linear(HIDDEN, bins)
        nn.init.zeros_(self.model.weight)
        nn.init.zeros_(self.feature.weight)

    def forward(self, vectors: Tensor, features: Tensor, places: Tensor) -> Tensor:
        """Logits of the bins, shape (rows, bins)."""
        hidden = self.vector(vectors * self.vector_scale)
        hidden = hidden + self.feature(features) + self.model(places)
        hidden = functional.dropout(functional.gelu(hidden), DROPOUT, self.training)
        return self.bins(hidden)


class EncoderModule(nn.Module):
    """A transformer with pooling, as it is served.

    Args:
        transformer: A Hugging Face model that gives `last_hidden_state`.
        pooling: Makes prompts' vectors of its states; None takes their mean.
        train_words: Whether its word embeddings may change.
        dropout: Whether it drops as much as its configuration says while it is trained; False
            drops nothing.
    """

    def __init__(
        self,
        transformer: Any,
        pooling: PoolingLayer | None = None,
        *,
        train_words: bool,
        dropout: bool = True,
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.pooling = pooling
        if not dropout:
            for module in self.modules():
                if isinstance(module, nn.Dropout):
                    module.p = 0.0
        for name, parameter in self.named_parameters():
            untouched = "pooler." in name or (not train_words and "word_embeddings" in name)
            parameter.requires_grad_(not untouched)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors of unit length: shape (rows, dimension), float32.

        Args:
            ids: Token ids, shape (rows, tokens).
            mask: 1 where there is a token, same shape.
        """
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=fast_bfloat16(ids.device)):
            states = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
            pooled = None if self.pooling is None else self.pooling.pool(states, mask)
        if pooled is None:
            kept = mask[:, :, None]
            pooled = (states.float() * kept).sum(dim=1) / kept.sum(dim=1)
        return functional.normalize(pooled.float(), dim=1)


def fast_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 is computed in hardware; on CPUs it was 1.6 times as fast."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return cpu_has_bfloat16()


def length_loss(
    logits: Tensor, middles: Tensor, centre: Tensor, histogram: Tensor, censored: Tensor
) -> Tensor:
    """Cross-entropy of the bins, and the absolute error of their mean.

    The first makes the distribution true, the second the order of the prompts. Of a censored row
    the probability that it went on is all that is asked, and its mean errs only by being short
    (Kaplan and Meier's risk set, as in discrete-time survival models).

    Args:
        logits: Shape (rows, bins): what the head says.
        middles: Shape (bins,): length of each bin, standardised.
        centre: Shape (rows,): true length, standardised.
        histogram: Shape (rows, bins): see `LengthTargets`.
        censored: Shape (rows,), bool: the true length was longer.

    Returns:
        Shape (rows,).
    """
    log_p = functional.log_softmax(logits, dim=1)
    entropy = -(histogram * log_p).sum(dim=1)
    went_on = torch.where(histogram > 0, log_p, -torch.inf).logsumexp(dim=1)
    mean = (log_p.exp() * middles).sum(dim=1)
    error = mean - centre
    error = torch.where(censored, (-error).clamp(min=0), error.abs())
    return torch.where(censored, -went_on, entropy) + error
