"""Layers of a BERT, their weights laid out once for the kernels of the CPU."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


ONEDNN_OPS = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
"""Of torch, which has no public way to oneDNN's kernels: another release may not have them."""


def _linear_maker(dtype: torch.dtype) -> Callable[..., Linear]:
    """What makes linear layers: oneDNN's where this CPU has them in such a precision.

    Without AVX-512 (or AVX-NE-CONVERT) it refuses bfloat16, which torch itself computes slowly.
    """
    ops: Any = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available() or not all(hasattr(ops, op) for op in ONEDNN_OPS):
        return _plain_linear
    if dtype == torch.bfloat16 and not ops._is_mkldnn_bf16_supported():  # noqa: SLF001  as above
        return _plain_linear
    return _onednn_linear


@dataclass(frozen=True, slots=True)
class Norm:
    """Layer normalisation.

    Args:
        weight: Shape (hidden,): what normalised states are multiplied by.
        bias: Shape (hidden,): what is added to them then.
        eps: Added to the variance before its root is taken.
    """

    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


def apart_mask(asking: Tensor, owners: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention's scores: -inf between prompts, else 0.

    Args:
        asking: Shape (rows, queries): number of the prompt that each query is of.
        owners: Shape (rows, tokens): that of each token which may be looked at.
        dtype: Precision in which the scores are computed.

    Returns:
        Shape (rows, 1, queries, tokens), the same for each head.
    """
    apart = asking[:, None, :, None] != owners[:, None, None, :]
    return torch.zeros(apart.shape, dtype=dtype).masked_fill_(apart, -torch.inf)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights of one layer, by the names that Hugging Face's `BertLayer` gives them.

    Args:
        weights: Of the whole model, in the precision that is computed in.
        prefix: What comes before those of the layer.
        eps: Added to the variance where states are normalised.
    """

    weights: Mapping[str, Tensor]
    prefix: str
    eps: float

    def norm(self, name: str) -> Norm:
        """A normalisation of the layer."""
        return Norm(*self._of(name), self.eps)

    def linear(self, *names: str, gelu: bool = False) -> Linear:
        """A linear layer, or several of one input as one whose outputs lie side by side."""
        found = [self._of(name) for name in names]
        weight = torch.cat([weight for weight, _ in found])
        return _linear_maker(weight.dtype)(
            weight,
            torch.cat([bias for _, bias in found]),
            gelu=gelu,
        )

    def _of(self, name: str) -> tuple[Tensor, Tensor]:
        found = f"{self.prefix}{name}"
        return self.weights[f"{found}.weight"], self.weights[f"{found}.bias"]


class AfterAttention:
    """What a layer does with each state by itself, once attention is over.

    Args:
        of: The weights of the layer, those of its attention among them.
    """

    def __init__(self, of: LayerWeights) -> None:
        self._out = of.linear("attention.output.dense")
        self._attention_norm = of.norm("attention.output.LayerNorm")
        self._up = of.linear("intermediate.dense", gelu=True)
        self._down = of.linear("output.dense")
        self._norm = of.norm("output.LayerNorm")

    def __call__(self, attended: Tensor, before: Tensor) -> Tensor:
        """States after the layer, shape (states, hidden).

        Args:
            attended: What attention brought together for each, of that shape.
            before: The states that went into the layer, of that shape.
        """
        x = self._attention_norm(self._out(attended) + before)
        return self._norm(self._down(self._up(x)) + x)
