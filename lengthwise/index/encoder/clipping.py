"""What of prompts an encoder reads: of a long one its head and its tail."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from lengthwise.index.errors import InvalidInputError

BERT_SPECIAL_TOKENS = 2
"""One before the text, one after it."""

HEAD_SHARE = 0.5
"""Of the window; the tail has the rest. The head says what kind of request it is, the tail holds
the last user message; what lies between (a pasted document, earlier turns) says least about how
long the answer will be."""

CHARS_PER_TOKEN = 16
"""No tokenizer in use spends a token on more characters than this on average over a window."""


def require_several(prompts: Sequence[str]) -> None:
    """Refuse one string, which is a sequence of strings as well.

    Raises:
        InvalidInputError: `prompts` is one.
    """
    if isinstance(prompts, str):
        raise InvalidInputError("expected a list of prompts, got one string: pass [prompt]")


def uncut(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer, which neither pads nor cuts from now on: that is done here."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def head_and_tail(tokens: Sequence[int], limit: int) -> list[int]:
    """Keep at most `limit` tokens: half from the head, half from the tail."""
    if len(tokens) <= limit:
        return list(tokens)
    head = int(limit * HEAD_SHARE)
    return [*tokens[:head], *tokens[len(tokens) - (limit - head) :]]


def clip_text(text: str, limit_tokens: int) -> str:
    """Cut the middle out of a huge text before it is tokenized, so that cost stays bounded.

    Generous on both sides: of text in words, what `head_and_tail` would keep is never lost.
    """
    keep_chars = limit_tokens * CHARS_PER_TOKEN
    if len(text) <= 2 * keep_chars:
        return text
    return f"{text[:keep_chars]} {text[-keep_chars:]}"


def shorten(ids: list[int], window: int) -> list[int]:
    """Cut the middle out of token ids that begin and end with a special token."""
    if len(ids) <= window:
        return ids
    return [ids[0], *head_and_tail(ids[1:-1], window - 2), ids[-1]]
