"""The text of a prompt as the predictor is to see it."""

from collections.abc import Sequence

from scheduler_client.vllm_plugin.seams import Tokenizer

MAX_DECODED_TOKENS = 2048
"""More than any encoder's window; of a longer prompt the head and the tail, as the encoder does."""


def head_and_tail(token_ids: Sequence[int]) -> list[int]:
    """The tokens of a prompt that its text is made of."""
    if len(token_ids) <= MAX_DECODED_TOKENS:
        return list(token_ids)
    half = MAX_DECODED_TOKENS // 2
    return [*token_ids[:half], *token_ids[-half:]]


def prompt_text(tokenizer: Tokenizer | None, token_ids: Sequence[int]) -> str:
    """The text that token ids stand for; empty if there is none.

    A chat arrives as its template rendered it, with marks such as "<|im_start|>" between the
    messages. They are the tokenizer's special tokens: to an encoder they are noise, so they go.

    Args:
        tokenizer: The engine's; None if it has none.
        token_ids: Of the prompt, or its head and tail.
    """
    if tokenizer is None or not token_ids:
        return ""
    return tokenizer.decode(list(token_ids), skip_special_tokens=True).strip()
