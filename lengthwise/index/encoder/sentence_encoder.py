"""Encodes prompts with a sentence-transformers model, on the GPU where there is one."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
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
    shorten,
)
from lengthwise.index.encoder.encoder import Device, Precision, choose_device, choose_dtype
from lengthwise.index.encoder.packed_bert import PackedBert
from lengthwise.index.errors import InvalidInputError

log = logging.getLogger(__name__)

BATCH_TOKENS = 2560
"""Tokens in one forward pass on a CPU: beyond this the caches are full and nothing is gained."""

GPU_BATCH_PROMPTS = 512
"""Prompts in one forward pass on a GPU, which short ones would leave idle in smaller batches."""

PROBES = ("What is the capital of France?", "Write a long story about a fox, in ten chapters. " * 8)
"""A short and a long prompt that both passes encode, so that lengths differ in the batch."""

MIN_PROBE_COSINE = 0.9999
"""The packed pass must agree with the model's own in float32. In bfloat16 two right passes may lie
farther apart, 0.002 after fine-tuning, which spreads what differs in length."""


def hash_model(model: SentenceTransformer, tokenizer: Tokenizer) -> str:
    """SHA-256 over weights, tokenizer, window and modules: what the vectors depend on."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(
            tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
        )
    digest.update(tokenizer.to_str().encode())
    modules = [(type(module).__name__, getattr(module, "pooling_mode", "")) for module in model]
    digest.update(repr((model.max_seq_length, modules)).encode())
    return digest.hexdigest()


def is_mean_pooled(model: SentenceTransformer) -> bool:
    """True if a vector is the mean of the tokens' states, normalised or not."""
    names = [type(module).__name__ for module in model]
    pooled = len(model) > 1 and getattr(model[1], "pooling_mode", None) == "mean"
    return names in (["Transformer", "Pooling", "Normalize"], ["Transformer", "Pooling"]) and pooled


class SentenceEncoder:
    """An encoder around a sentence-transformers model. Use `load_encoder` to get one."""

    def __init__(
        self, name: str, model: SentenceTransformer, *, device: str, dtype: torch.dtype
    ) -> None:
        tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._name = name
        self._tokenizer = tokenizer
        self._content_hash = hash_model(model, tokenizer)
        self._window = int(model.max_seq_length or 512)
        self._special_tokens = len(tokenizer.encode("").ids)
        self._device = device
        self._dtype = dtype
        self._model: SentenceTransformer | None = None
        self._packed = self._try_packed(model.eval())
        if self._packed is None:  # else its weights live on in the packed copy
            self._model = model.to(device=device, dtype=dtype)

    @classmethod
    def from_source(
        cls, name: str, source: str, *, device: Device, precision: Precision
    ) -> "SentenceEncoder":
        """Load the model from a folder or the hub; see `load_encoder`."""
        place = choose_device(device)
        transformers_logging.disable_progress_bar()  # a bar for a second of loading is noise
        # float32 first: the hash must not depend on the precision it then runs in.
        model = SentenceTransformer(source, device="cpu", model_kwargs={"dtype": torch.float32})
        _part_from_card(model)
        return cls(name, model, device=place, dtype=choose_dtype(precision, place))

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
        path = "sentence-transformers" if self._packed is None else "packed"
        return f"{self._device} {str(self._dtype).removeprefix('torch.')} {path}"

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`.

        Raises:
            InvalidInputError: `prompts` is one string rather than a sequence of them.
        """
        if isinstance(prompts, str):
            raise InvalidInputError("expected a list of prompts, got one string: pass [prompt]")
        if not prompts:
            return np.zeros((0, self._dimension), np.float32)
        clipped = [clip_text(prompt, self._window) for prompt in prompts]
        if self._packed is None:
            return self._encode_by_model(clipped)
        return self._encode_packed(self._packed, self._tokenize(clipped))

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, long ones without their middle."""
        rows = [e.ids for e in self._tokenizer.encode_batch_fast(texts, add_special_tokens=True)]
        return [shorten(ids, self._window) for ids in rows]

    def _encode_packed(self, packed: PackedBert, rows: list[list[int]]) -> FloatMatrix:
        result = np.empty((len(rows), self._dimension), np.float32)
        for batch in _token_batches(rows):
            result[batch] = packed.embed([rows[i] for i in batch]).numpy()
        return result

    def _encode_by_model(self, texts: Sequence[str]) -> FloatMatrix:
        model = self._model
        assert model is not None, "the model is kept wherever there is no packed copy"  # noqa: S101
        vectors: Any = model.encode(
            [self._shorten_text(text) for text in texts],
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

    def _try_packed(self, model: SentenceTransformer) -> PackedBert | None:
        """The packed forward pass, if it fits this model and agrees with the model's own."""
        reference = self._probe_by_model(model)
        bert = getattr(model[0], "auto_model", None)
        if self._special_tokens != BERT_SPECIAL_TOKENS:
            return None
        if self._device != "cpu" or not is_mean_pooled(model) or not PackedBert.supports(bert):
            return None
        probed = PackedBert(bert, torch.float32).embed(self._tokenize(PROBES)).numpy()
        cosine = (probed * reference).sum(axis=1).min()
        if cosine < MIN_PROBE_COSINE:
            log.warning(
                "packed forward pass disagrees with the model (cosine %.4f): using the model's own",
                cosine,
            )
            return None
        return PackedBert(bert, self._dtype)

    def _probe_by_model(self, model: SentenceTransformer) -> FloatMatrix:
        vectors = np.asarray(
            model.encode(
                list(PROBES),
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_tensor=True,
            )
            .float()
            .cpu()
        )
        self._dimension = int(vectors.shape[1])
        return vectors


def _part_from_card(model: SentenceTransformer) -> None:
    """Break the circle of a model and its card, so that it goes as soon as nobody needs it.

    A service that swaps indexes would hold a hundred megabytes for each encoder that it has loaded
    until Python's collector looks for circles among old objects, which it does rarely.
    """
    card = getattr(model, "model_card_data", None)
    if getattr(card, "model", None) is model:
        card.model = None  # pyright: ignore[reportOptionalMemberAccess]  checked above


def _token_batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices of rows in batches of about equal length and at most BATCH_TOKENS tokens."""
    batch: list[int] = []
    tokens = 0
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and tokens + len(rows[i]) > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(i)
        tokens += len(rows[i])
    if batch:
        yield batch
