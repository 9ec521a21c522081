"""Encodes prompts with a sentence-transformers model, on the GPU where there is one."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.clipping import (
    BERT_SPECIAL_TOKENS,
    clip_text,
    head_and_tail,
    require_several,
    uncut,
)
from lengthwise.index.encoder.content_hash import ContentHash
from lengthwise.index.encoder.encoder import Device, Precision, choose_device, choose_dtype
from lengthwise.index.encoder.packed_bert import BertShape, PackedBert
from lengthwise.index.encoder.packed_encoder import PackedEncoder, tokenized
from lengthwise.index.encoder.pooling_layer import pooling_layer_of, read_model

log = logging.getLogger(__name__)

GPU_BATCH_PROMPTS = 512
"""Prompts in one forward pass on a GPU, which short ones would leave idle in smaller batches."""

PROBES = ("What is the capital of France?", "Write a long story about a fox, in ten chapters. " * 8)
"""A short and a long prompt that both passes encode, so that lengths differ in the batch."""

MIN_PROBE_COSINE = 0.9999
"""The packed pass must agree with the model's own in float32. In bfloat16 two right passes may lie
farther apart, 0.002 after fine-tuning, which spreads what differs in length."""


def hash_model(model: SentenceTransformer, tokenizer: Tokenizer) -> str:
    """SHA-256 over weights, tokenizer, window and modules: what the vectors depend on."""
    modules = [(type(module).__name__, getattr(module, "pooling_mode", "")) for module in model]
    weights: dict[str, torch.Tensor] = model.state_dict()
    return ContentHash(weights.items()).of(tokenizer, model.max_seq_length, modules)


def tokenizer_of(model: SentenceTransformer) -> Tokenizer:
    """A copy of the model's, which neither pads nor cuts."""
    return uncut(Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str()))


def has_known_pooling(model: SentenceTransformer) -> bool:
    """True if vectors are means of tokens' states, normalised or not, or a layer of ours pools."""
    if pooling_layer_of(model) is not None:
        return True
    names = [type(module).__name__ for module in model]
    pooled = len(model) > 1 and getattr(model[1], "pooling_mode", None) == "mean"
    return names in (["Transformer", "Pooling", "Normalize"], ["Transformer", "Pooling"]) and pooled


def load_sentence_encoder(
    name: str, source: str, *, device: Device, precision: Precision
) -> "PackedEncoder | SentenceEncoder":
    """Load a model from a folder or the hub; see `load_encoder`.

    Returns:
        Our own forward pass where it computes what the model's does, else that.
    """
    place = choose_device(device)
    dtype = choose_dtype(precision, place)
    transformers_logging.disable_progress_bar()  # a bar for a second of loading is noise
    # float32 first: the hash must not depend on the precision it then runs in.
    model = read_model(source)
    _part_from_card(model)
    tokenizer = tokenizer_of(model)
    content_hash = hash_model(model, tokenizer)
    window = int(model.max_seq_length or 512)
    packed = _packed(model.eval(), tokenizer, window, dtype) if place == "cpu" else None
    if packed is not None:  # the model's weights live on in it
        return PackedEncoder(name, content_hash, tokenizer, packed, window=window, dtype=dtype)
    return SentenceEncoder(name, model, content_hash, tokenizer, window, device=place, dtype=dtype)


class SentenceEncoder:
    """An encoder around a sentence-transformers model. Use `load_encoder` to get one."""

    def __init__(
        self,
        name: str,
        model: SentenceTransformer,
        content_hash: str,
        tokenizer: Tokenizer,
        window: int,
        *,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._content_hash = content_hash
        self._window = window
        self._special_tokens = len(tokenizer.encode("").ids)
        self._device = device
        self._dtype = dtype
        self._dimension = int(_by_model(model, PROBES[:1]).shape[1])
        self._model = model.to(device=device, dtype=dtype)

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        return self._name

    @property
    def content_hash(self) -> str:
        """Hash of weights, tokenizer and pooling, the same in every precision."""
        return self._content_hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def runtime(self) -> str:
        """How it runs here: device, precision, path."""
        return f"{self._device} {str(self._dtype).removeprefix('torch.')} sentence-transformers"

    def prepare(self) -> None:
        """See `Encoder.prepare`: nothing is compiled."""

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`.

        Raises:
            InvalidInputError: `prompts` is one string rather than a sequence of them.
        """
        require_several(prompts)
        if not prompts:
            return np.zeros((0, self._dimension), np.float32)
        vectors: Any = self._model.encode(
            [self._shorten_text(clip_text(prompt, self._window)) for prompt in prompts],
            batch_size=GPU_BATCH_PROMPTS if self._device != "cpu" else 32,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=False,
            convert_to_tensor=True,
        )
        return vectors.float().cpu().numpy()

    def _shorten_text(self, text: str) -> str:
        """Cut the middle out of a text that the model would cut the end off."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        # Put together again, the halves may come out a token longer where they meet.
        room = self._window - self._special_tokens - 4
        if len(encoding.ids) <= room:
            return text
        kept = head_and_tail(range(len(encoding.ids)), room)
        head_end = encoding.offsets[kept[room // 2 - 1]][1]
        tail_start = encoding.offsets[kept[room // 2]][0]
        return f"{text[:head_end]} {text[tail_start:]}"


def _packed(
    model: SentenceTransformer, tokenizer: Tokenizer, window: int, dtype: torch.dtype
) -> PackedBert | None:
    """The packed forward pass, if it fits this model and agrees with the model's own."""
    bert: Any = getattr(model[0], "auto_model", None)
    shape = None
    if type(bert).__name__ == "BertModel":
        shape = BertShape.from_config(bert.config.to_dict())
    special = len(tokenizer.encode("").ids)
    if shape is None or special != BERT_SPECIAL_TOKENS or not has_known_pooling(model):
        return None
    state: dict[str, torch.Tensor] = bert.state_dict()
    layer = pooling_layer_of(model)
    pooling = None if layer is None else layer.state_dict()
    exact = PackedBert(shape, state, torch.float32, pooling)
    probed = exact.embed(tokenized(tokenizer, PROBES, window)).numpy()
    cosine = (probed * _by_model(model, PROBES)).sum(axis=1).min()
    if cosine < MIN_PROBE_COSINE:
        log.warning(
            "packed forward pass disagrees with the model (cosine %.4f): using the model's own",
            cosine,
        )
        return None
    return PackedBert(shape, state, dtype, pooling)


def _by_model(model: SentenceTransformer, prompts: Sequence[str]) -> FloatMatrix:
    return np.asarray(
        model.encode(
            list(prompts),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_tensor=True,
        )
        .float()
        .cpu()
    )


def _part_from_card(model: SentenceTransformer) -> None:
    """Break the circle of a model and its card, so that it goes as soon as nobody needs it.

    A service that swaps indexes would hold a hundred megabytes for each encoder that it has loaded
    until Python's collector looks for circles among old objects, which it does rarely.
    """
    card = getattr(model, "model_card_data", None)
    if getattr(card, "model", None) is model:
        card.model = None  # pyright: ignore[reportOptionalMemberAccess]  checked above
