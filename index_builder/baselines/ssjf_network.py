"""The network of SSJF's proxy: an encoder's first hidden state and a small head."""

from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from index_builder.training.batches import padded
from lengthwise.index.encoder.encoder import locate_encoder
from lengthwise.index.encoder.sentence_encoder import choose_device, cpu_has_bfloat16
from lengthwise.index.errors import EncoderError

HIDDEN = 128
MAX_TOKENS = 128


class ProxyNetwork(nn.Module):
    """Encoder, then three layers on the hidden state of the first token ([CLS]).

    Which LLM answers comes in after the first layer, as one number per LLM. Word embeddings stay
    as they are.

    Args:
        base: The model whose encoder and tokenizer it starts from.
        llms: LLMs told apart.
        outputs: Numbers given per prompt.
    """

    def __init__(self, base: SentenceTransformer, *, llms: int, outputs: int) -> None:
        super().__init__()
        self.encoder: Any = base[0].auto_model
        self.head = _Head(int(self.encoder.config.hidden_size), llms, outputs)
        self._tokenizer = Tokenizer.from_str(base.tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._device = choose_device("auto")
        self.encoder.get_input_embeddings().requires_grad_(requires_grad=False)
        self.to(self._device)

    def tokenize(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, at most MAX_TOKENS."""
        encoded = self._tokenizer.encode_batch_fast(prompts, add_special_tokens=True)
        return [encoding.ids for encoding in encoded]

    def forward(self, token_ids: Sequence[Sequence[int]], llms: Tensor) -> Tensor:
        """Numbers for some prompts, shape (rows, outputs), float32, on the CPU.

        Args:
            token_ids: Of each prompt.
            llms: Shape (rows, LLMs): 1 for the LLM that answers.
        """
        ids, mask = (tensor.to(self._device) for tensor in padded(token_ids))
        half = self._device != "cpu" or cpu_has_bfloat16()
        with torch.autocast(self._device, torch.bfloat16, enabled=half):
            hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        given: Tensor = self.head(hidden[:, 0].float(), llms.to(self._device))
        return given.cpu()


class _Head(nn.Module):
    def __init__(self, width: int, llms: int, outputs: int) -> None:
        super().__init__()
        self._first = nn.Linear(width, HIDDEN)
        self._second = nn.Linear(HIDDEN + llms, HIDDEN)
        self._last = nn.Linear(HIDDEN, outputs)

    def forward(self, hidden: Tensor, llms: Tensor) -> Tensor:
        first = torch.cat([self._first(hidden).relu(), llms], dim=1)
        return self._last(self._second(first).relu())


def load_base(name: str) -> SentenceTransformer:
    """The model that a proxy starts from.

    Raises:
        EncoderError: It cannot be loaded.
    """
    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(
            locate_encoder(name), device="cpu", model_kwargs={"dtype": torch.float32}
        )
    except Exception as error:  # each library that reads a part of a model has errors of its own
        raise EncoderError(
            f"SSJF's proxy cannot start from {name!r}: expected the sentence-transformers model "
            f"that the index was built with; {error}"
        ) from error
