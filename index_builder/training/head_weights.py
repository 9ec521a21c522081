"""The head between training and serving: PyTorch's module and the arrays of a `LengthHead`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from index_builder.training.network import HeadModule
from index_builder.training.targets import Bins
from index_builder.training.training_set import LlmOffsets
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.estimate.head import LengthHead


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """What plain features are standardised with.

    Args:
        mean: Shape (features,): taken off each.
        scale: Shape (features,): what each is divided by then.
    """

    mean: FloatMatrix
    scale: FloatMatrix

    @classmethod
    def from_features(cls, features: FloatMatrix) -> "FeatureScale":
        """From those of a history; a feature that never varies is left at 0."""
        spread = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(spread > 1e-6, spread, 1e6).astype(np.float32))

    @classmethod
    def from_head(cls, head: LengthHead) -> "FeatureScale":
        """That of a head that was trained before."""
        return cls(head.feature_mean, head.feature_scale)

    def apply(self, features: FloatMatrix) -> FloatMatrix:
        """Standardised features."""
        return (features - self.mean) / self.scale


def length_head(
    module: HeadModule, offsets: LlmOffsets, bins: Bins, scale: FeatureScale
) -> LengthHead:
    """A head as it is served.

    Args:
        module: The trained weights; moved to the CPU.
        offsets: Of the LLMs that it knows.
        bins: That its logits are of.
        scale: Of the plain features that it was trained with.
    """
    module = module.float().cpu()

    def array(tensor: Any) -> FloatMatrix:
        return tensor.detach().numpy().astype(np.float32)

    return LengthHead(
        models=offsets.models,
        offsets=offsets.values,
        edges=bins.edges,
        feature_mean=scale.mean,
        feature_scale=scale.scale,
        vector_weight=array(module.vector.weight).T * np.float32(module.vector_scale),
        feature_weight=array(module.feature.weight).T,
        model_weight=array(module.model.weight),
        hidden_bias=array(module.vector.bias),
        bin_weight=array(module.bins.weight).T,
        bin_bias=array(module.bins.bias),
    )


def head_module(head: LengthHead, dimension: int) -> HeadModule:
    """A module to train on from a served head.

    Args:
        head: Its weights are taken over.
        dimension: Numbers in a vector of the encoder that it will read; where the head reads
            vectors of another size, that layer starts from chance.
    """
    features, bins = len(head.feature_mean), len(head.edges) - 1
    module = HeadModule(dimension, features, len(head.models) + 1, bins)
    with torch.no_grad():
        if dimension == len(head.vector_weight):
            module.vector.weight.copy_(_tensor(head.vector_weight.T) / module.vector_scale)
        module.vector.bias.copy_(_tensor(head.hidden_bias))
        module.feature.weight.copy_(_tensor(head.feature_weight.T))
        module.model.weight.copy_(_tensor(head.model_weight))
        module.bins.weight.copy_(_tensor(head.bin_weight.T))
        module.bins.bias.copy_(_tensor(head.bin_bias))
    return module


def _tensor(values: FloatMatrix) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
