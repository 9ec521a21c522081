"""The sentence-transformers model that training starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from lengthwise.index.encoder.clipping import BERT_SPECIAL_TOKENS, clip_text, shorten
from lengthwise.index.encoder.encoder import locate_encoder
from lengthwise.index.encoder.pooling_layer import PoolingLayer, pooling_layer_of, read_model
from lengthwise.index.encoder.sentence_encoder import has_known_pooling, hash_model, tokenizer_of
from lengthwise.index.errors import EncoderError


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that can be trained: a transformer and pooling, and nothing that learns after it.

    Args:
        model: The whole; its transformer is changed by training.
        tokenizer: That of the model, which here neither pads nor cuts.
        content_hash: Of its weights before training.
    """

    model: SentenceTransformer
    tokenizer: Tokenizer
    content_hash: str

    @classmethod
    def load(cls, name: str) -> "BaseModel":
        """Load by name or folder, in float32, on the CPU.

        Raises:
            EncoderError: It cannot be loaded, or not be trained.
        """
        transformers_logging.disable_progress_bar()
        try:
            model = read_model(locate_encoder(name))
        except Exception as error:  # each library that reads a part of a model has its own errors
            raise EncoderError(f"encoder {name!r} cannot be loaded: {error}") from error
        tokenizer = tokenizer_of(model)
        special = len(tokenizer.encode("").ids)
        if not has_known_pooling(model) or special != BERT_SPECIAL_TOKENS:
            raise EncoderError(
                f"encoder {name!r} cannot be trained: expected a BERT-like sentence-transformers "
                "model with mean pooling. Build without training, or start from another model"
            )
        return cls(model, tokenizer, hash_model(model, tokenizer))

    @property
    def transformer(self) -> Any:
        """The Hugging Face model inside."""
        return self.model[0].auto_model

    @property
    def pooling_layer(self) -> PoolingLayer | None:
        """What makes prompts' vectors of its states; None takes their mean."""
        return pooling_layer_of(self.model)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.transformer.config.hidden_size)

    @property
    def mask_id(self) -> int:
        """The token that stands for a hidden one; if there is none, that for unknown words."""
        tokenizer = self.model.tokenizer
        found = (tokenizer.mask_token_id, tokenizer.unk_token_id, 0)
        return next(int(token) for token in found if token is not None)

    def tokenize(self, prompts: Sequence[str], limit: int) -> list[list[int]]:
        """Token ids with special tokens, long ones without their middle."""
        limit = min(limit, int(self.model.max_seq_length or limit))
        texts = [clip_text(prompt, limit) for prompt in prompts]
        encoded = self.tokenizer.encode_batch_fast(texts, add_special_tokens=True)
        return [shorten(e.ids, limit) for e in encoded]

    def save(self, folder: Path) -> None:
        """Write as a sentence-transformers folder.

        Raises:
            OSError: It cannot be written.
        """
        self.model.to("cpu").save(str(folder), create_model_card=False)
