"""The last layer of a student: attention that asks once for each prompt, not once for each token.

In a BERT whose vectors are means of its last states, the last layer computes a state of each token,
and all are summed up right after. Here the mean of the states before it asks (pooling by multihead
attention, Lee et al., "Set Transformer", arXiv 1810.00825, section 3.2, where a learnt seed asks),
and one state for each prompt goes through the rest of the layer.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Normalize, Transformer
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertLayer

from lengthwise.index.encoder.packed_pooling import POOLING_CLASS, POOLING_FOLDER

FACTS = ("hidden_size", "num_attention_heads", "intermediate_size", "layer_norm_eps")
"""What is said of a layer beside its weights; all else is as a plain BERT has it."""


class PoolingLayer(Module):
    """A module of sentence-transformers that makes a prompt's vector of its tokens' states.

    Args:
        layer: Of a BERT; its weights are used, and trained.
        config: Of that BERT: heads, sizes and what normalisation adds. Its other layers may have a
            narrower feed-forward part.
    """

    def __init__(self, layer: Any, config: BertConfig) -> None:
        super().__init__()
        self.layer = layer
        facts = {fact: getattr(config, fact) for fact in FACTS}
        width = layer.intermediate.dense.out_features
        self._facts: Mapping[str, Any] = {**facts, "intermediate_size": width}

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """A state of each prompt, shape (rows, hidden).

        Args:
            states: Of the tokens, shape (rows, tokens, hidden).
            mask: 1 where there is a token, shape (rows, tokens).
        """
        rows, _, hidden = states.shape
        heads = int(self._facts["num_attention_heads"])
        kept = mask[:, :, None]
        mean = ((states.float() * kept).sum(dim=1) / kept.sum(dim=1)).to(states.dtype)

        def of_heads(x: Tensor) -> Tensor:
            return x.view(rows, -1, heads, hidden // heads).transpose(1, 2)

        attention = self.layer.attention
        attended = functional.scaled_dot_product_attention(
            of_heads(attention.self.query(mean)),
            of_heads(attention.self.key(states)),
            of_heads(attention.self.value(states)),
            attn_mask=mask.bool()[:, None, None, :],
        )
        state = attention.output(attended.reshape(rows, hidden), mean)
        return self.layer.output(self.layer.intermediate(state), state)

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add prompts' vectors to what sentence-transformers passes from module to module."""
        pooled = self.pool(features["token_embeddings"], features["attention_mask"])
        return {**features, "sentence_embedding": pooled}

    def get_config_dict(self) -> dict[str, Any]:
        return dict(self._facts)

    def save(self, output_path: str, *_: Any, safe_serialization: bool = True, **__: Any) -> None:
        self.save_config(output_path)
        self.save_torch_weights(output_path, safe_serialization=safe_serialization)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        config = BertConfig(**json.loads((folder / "config.json").read_text("utf-8")))
        found = cls(BertLayer(config), config)
        cls.load_torch_weights(str(folder), model=found)
        return found


def read_model(source: str) -> SentenceTransformer:
    """A model in float32 on the CPU, by its folder or its name on the hub.

    sentence-transformers itself reads no folder that names classes of others, unless it may run
    whatever the folder says (since 6.0); ours is put together here.
    """
    exact: dict[str, Any] = {"dtype": torch.float32}
    if not has_pooling_layer(Path(source)):
        return SentenceTransformer(source, device="cpu", model_kwargs=exact)
    transformer = Transformer.load(source, model_kwargs=exact)
    return put_together(transformer, PoolingLayer.from_folder(Path(source, POOLING_FOLDER)))


def put_together(transformer: Transformer, pooling: nn.Module) -> SentenceTransformer:
    """A model on the CPU.

    Args:
        transformer: Gives a state of each token.
        pooling: A module of sentence-transformers that makes prompts' vectors of them.
    """
    modules: list[nn.Module] = [transformer, pooling, Normalize()]
    return SentenceTransformer(modules=modules, device="cpu")


def has_pooling_layer(folder: Path) -> bool:
    """Whether a folder holds a model that `PoolingLayer` is a part of."""
    listed = folder / "modules.json"
    if not listed.is_file():
        return False
    return any(m["type"] == POOLING_CLASS for m in json.loads(listed.read_text("utf-8")))


def pooling_layer_of(model: SentenceTransformer) -> PoolingLayer | None:
    """The layer that makes its vectors; None if it has none of ours."""
    found: Any = model[1] if len(model) > 1 else None
    return found if isinstance(found, PoolingLayer) else None
