"""Encodes prompts with a BERT on a CPU, read from its files alone where they are plain.

sentence-transformers and what it imports take a quarter of the memory and most of the time of a
service's start. Whether our forward pass computes what a model's own does is tried out where
sentence-transformers loads it. Without, only files are taken that say nothing which could make it
compute otherwise, of a model whose hash is known.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.clipping import (
    BERT_SPECIAL_TOKENS,
    clip_text,
    require_several,
    shorten,
    uncut,
)
from lengthwise.index.encoder.content_hash import ContentHash, ModuleFacts
from lengthwise.index.encoder.packed_bert import BertShape, PackedBert
from lengthwise.index.encoder.packed_pooling import POOLING_CLASS, POOLING_FOLDER, POOLING_MODULES

BATCH_TOKENS = 2560
"""Tokens in one forward pass on a CPU: beyond this the caches are full and nothing is gained."""

IN_SENTENCE_TRANSFORMERS, IN_POOLING = "0.model.", "1."
"""What comes before the name of a weight there, since version 6, and of one of a layer that pools:
the place of its module among them."""

MODULES: tuple[ModuleFacts, ...] = (("Transformer", ""), ("Pooling", "mean"), ("Normalize", ""))
"""Of a model that a mean of its tokens' states makes vectors of; the last may be missing."""

THEIRS = "sentence_transformers."
"""What comes before the names of their classes."""

WEIGHTS = "model.safetensors"
"""File of a module's weights."""

PLAIN_TEXT: Mapping[str, Any] = {
    "transformer_task": "feature-extraction",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
    "module_output_name": "token_embeddings",
}
"""What `sentence_bert_config.json` may say beside the window without changing what is computed."""


class PackedEncoder:
    """A mean-pooled BERT in one forward pass without padding.

    Args:
        name: The name or folder it was loaded by.
        content_hash: Of weights, tokenizer and pooling, the same in every precision.
        tokenizer: Of the model, its padding and truncation turned off.
        packed: From token ids to vectors.
        window: Tokens that are read at most, special ones included.
        dtype: Precision that it computes in.
    """

    def __init__(
        self,
        name: str,
        content_hash: str,
        tokenizer: Tokenizer,
        packed: PackedBert,
        *,
        window: int,
        dtype: torch.dtype,
    ) -> None:
        self._name = name
        self._content_hash = content_hash
        self._tokenizer = tokenizer
        self._window = window
        self._packed = packed
        self._dtype = dtype

    @classmethod
    def from_files(
        cls, name: str, folder: Path, *, content_hash: str, dtype: torch.dtype
    ) -> "PackedEncoder | None":
        """Read a model that a sentence-transformers folder holds, if it is known and plain.

        Args:
            name: By which it is known.
            folder: Holds the model; nothing is found where there is none.
            content_hash: What the model's must be: what cannot be told from the files alone would
                make another one.
            dtype: What the forward pass computes in.
        """
        try:
            found = _PlainFiles.read(folder)
            if found is None:
                return None
            weights = load_file(folder / WEIGHTS)
            pooling = load_file(folder / POOLING_FOLDER / WEIGHTS) if found.pools else None
            if not found.fits(weights):
                return None
        except Exception:  # noqa: BLE001  each library that reads a part has errors of its own, and
            return None  # sentence-transformers says what is wrong with the folder, if anything is
        # Older files number the positions as well, which is no weight.
        weights = {key: value for key, value in weights.items() if value.is_floating_point()}
        named = {IN_SENTENCE_TRANSFORMERS + key: value.float() for key, value in weights.items()}
        named |= {IN_POOLING + key: value.float() for key, value in (pooling or {}).items()}
        of_weights = ContentHash(named.items())
        for window in dict.fromkeys(found.windows):
            if of_weights.of(found.tokenizer, window, found.modules) == content_hash:
                packed = PackedBert(found.shape, weights, dtype, pooling)
                return cls(name, content_hash, found.tokenizer, packed, window=window, dtype=dtype)
        return None

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
        return self._packed.dimension

    @property
    def runtime(self) -> str:
        """How it runs here: device, precision, path."""
        return f"cpu {str(self._dtype).removeprefix('torch.')} packed"

    def prepare(self) -> None:
        """See `Encoder.prepare`."""
        self._packed.prepare()

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`.

        Raises:
            InvalidInputError: `prompts` is one string rather than a sequence of them.
        """
        require_several(prompts)
        rows = tokenized(self._tokenizer, prompts, self._window)
        result = np.empty((len(rows), self.dimension), np.float32)
        for batch in _token_batches(rows):
            result[batch] = self._packed.embed([rows[i] for i in batch]).numpy()
        return result


def tokenized(tokenizer: Tokenizer, prompts: Sequence[str], window: int) -> list[list[int]]:
    """Token ids with special tokens, long ones without their middle."""
    clipped = [clip_text(prompt, window) for prompt in prompts]
    rows = [e.ids for e in tokenizer.encode_batch_fast(clipped, add_special_tokens=True)]
    return [shorten(ids, window) for ids in rows]


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


@dataclass(frozen=True, slots=True)
class _PlainFiles:
    """What a folder says of a model that is nothing but a mean-pooled BERT.

    Args:
        shape: As the model's configuration says.
        tokenizer: Of the model, its padding and truncation turned off.
        windows: Tokens that it may read at most, by the files that can say so.
        modules: `POOLING_MODULES`, or those of `MODULES` that it has.
    """

    shape: BertShape
    tokenizer: Tokenizer
    windows: tuple[int, ...]
    modules: tuple[ModuleFacts, ...]

    @classmethod
    def read(cls, folder: Path) -> "_PlainFiles | None":
        """None where a file says that the model does more than that."""
        config = _json(folder / "config.json")
        shape = BertShape.from_config(config)
        of_text = _json(folder / "sentence_bert_config.json")
        modules: Any = _json(folder / "modules.json")
        listed = _listed([str(module["type"]) for module in modules])
        of_vectors = _optional(folder / "config_sentence_transformers.json")
        odd = (
            modules[0]["path"],
            "auto_map" in config,
            any(v and PLAIN_TEXT.get(k) != v for k, v in of_text.items() if k != "max_seq_length"),
            of_vectors.get("default_prompt_name"),
            of_vectors.get("truncate_dim"),
        )
        if shape is None or listed is None or any(odd):
            return None
        tokenizer = uncut(Tokenizer.from_file(str(folder / "tokenizer.json")))
        if len(tokenizer.encode("").ids) != BERT_SPECIAL_TOKENS or any(
            tokenizer.encode("some words").type_ids
        ):
            return None
        said = (
            of_text.get("max_seq_length"),
            _optional(folder / "tokenizer_config.json").get("model_max_length"),
            config["max_position_embeddings"],
        )
        windows = tuple(window for window in said if isinstance(window, int))
        return cls(shape, tokenizer, windows, listed)

    @property
    def pools(self) -> bool:
        """Whether its last layer makes prompts' vectors."""
        return self.modules == POOLING_MODULES

    def fits(self, weights: Mapping[str, Tensor]) -> bool:
        """Whether weights are of that shape, no layer more and none less."""
        layers = {int(n.split(".")[2]) for n in weights if n.startswith("encoder.layer.")}
        width = weights["embeddings.word_embeddings.weight"].shape[1]
        return layers == set(range(self.shape.layers)) and width == self.shape.hidden


def _listed(classes: Sequence[str]) -> tuple[ModuleFacts, ...] | None:
    """Modules by their classes; None if one is not known here."""
    if any(name != POOLING_CLASS and not name.startswith(THEIRS) for name in classes):
        return None
    names = [name.rpartition(".")[2] for name in classes]
    known = (MODULES, MODULES[:2], POOLING_MODULES)
    return next((modules for modules in known if names == [name for name, _ in modules]), None)


def _json(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text("utf-8"))


def _optional(path: Path) -> Mapping[str, Any]:
    return _json(path) if path.is_file() else {}
