"""The text of a prompt as the predictor is to see it."""

import re
from collections.abc import Sequence

from scheduler_client.vllm_plugin.seams import Tokenizer

MAX_DECODED_TOKENS = 2048
"""More than any encoder's window; of a longer prompt the head and the tail, as the encoder does."""

MAX_CHARS = 1 << 16
"""The same of a text."""


class PromptText:
    """Makes text of what vLLM knows of a prompt.

    A chat arrives as its template rendered it, with marks such as "<|im_start|>" between the
    messages. They are the tokenizer's special tokens: to an encoder they are noise, so they go.

    Args:
        tokenizer: The engine's; None if it has none, then token ids have no text.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self.tokenizer = tokenizer
        marks = sorted(tokenizer.all_special_tokens, key=len, reverse=True) if tokenizer else []
        self._marks = re.compile("|".join(map(re.escape, marks))) if marks else None

    def of(self, text: str | None, token_ids: Sequence[int] | None) -> str | None:
        """The text, or that of the token ids where there is none.

        Returns:
            None if there is nothing to read.
        """
        if text:
            text = _clipped(text)
            text = self._marks.sub("", text) if self._marks else text
        elif token_ids and self.tokenizer is not None:
            text = self.tokenizer.decode(_head_and_tail(token_ids), skip_special_tokens=True)
        return (text or "").strip() or None


def _head_and_tail(token_ids: Sequence[int]) -> list[int]:
    if len(token_ids) <= MAX_DECODED_TOKENS:
        return list(token_ids)
    half = MAX_DECODED_TOKENS // 2
    return [*token_ids[:half], *token_ids[-half:]]


def _clipped(text: str) -> str:
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[: MAX_CHARS // 2]} {text[-MAX_CHARS // 2 :]}"
