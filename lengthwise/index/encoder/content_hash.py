"""Hash of an encoder: equal hashes give comparable vectors."""

import hashlib
from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

ModuleFacts = tuple[str, str]
"""Class of a module of sentence-transformers, and how it pools; "" if it does not."""


class ContentHash:
    """SHA-256 over what vectors depend on: weights first, then tokenizer, window and modules.

    Args:
        weights: In float32, by the names that they have in a sentence-transformers model.
    """

    def __init__(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        self._digest = hashlib.sha256()
        for name, tensor in sorted(weights, key=lambda pair: pair[0]):
            self._digest.update(name.encode())
            flat = tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8)
            self._digest.update(flat.numpy().tobytes())

    def of(self, tokenizer: Tokenizer, window: int | None, modules: Sequence[ModuleFacts]) -> str:
        """The hash, as hexadecimal digits.

        Args:
            tokenizer: Of the model, its padding and truncation turned off.
            window: Tokens that the model reads at most, as it says itself.
            modules: Its modules, in their order.
        """
        digest = self._digest.copy()
        digest.update(tokenizer.to_str().encode())
        digest.update(repr((window, list(modules))).encode())
        return digest.hexdigest()
