"""What training makes small."""

import torch
from torch import Tensor
from torch.nn import functional


def length_loss(
    logits: Tensor, middles: Tensor, centre: Tensor, histogram: Tensor, censored: Tensor
) -> Tensor:
    """Cross-entropy of the bins, and the absolute error of their mean.

    The first makes the distribution true, the second the order of the prompts. Of a censored row
    the probability that it went on is all that is asked, and its mean errs only by being short
    (Kaplan and Meier's risk set, as in discrete-time survival models).

    Args:
        logits: Shape (rows, bins).
        middles: Shape (bins,): length of each bin, standardised.
        centre: Shape (rows,): true length, standardised.
        histogram: Shape (rows, bins): see `LengthTargets`.
        censored: Shape (rows,), bool.
    """
    log_p = functional.log_softmax(logits, dim=1)
    entropy = -(histogram * log_p).sum(dim=1)
    went_on = torch.where(histogram > 0, log_p, -torch.inf).logsumexp(dim=1)
    mean = (log_p.exp() * middles).sum(dim=1)
    error = mean - centre
    error = torch.where(censored, (-error).clamp(min=0), error.abs())
    return (torch.where(censored, -went_on, entropy) + error).mean()
