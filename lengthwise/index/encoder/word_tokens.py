"""Token ids by looking words up that were tokenized before: what a BERT tokenizer gives, sooner.

A library's call for one prompt costs more than all that a static encoder does with its tokens.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from lengthwise.index.encoder.clipping import BERT_SPECIAL_TOKENS, clip_text, shorten

MAX_WORDS = 200_000
"""Different words kept, some 40 MB; English prompts of years have fewer. Others are tokenized at
each sight."""

_WORD = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]")
"""A word or one mark of punctuation, as BERT splits ASCII before it looks for pieces."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that BERT drops, so that what stands beside them becomes one word."""


class WordTokens:
    """Turns prompts into token ids. Safe for several threads.

    Args:
        tokenizer: That of the encoder; it neither pads nor cuts.
        window: Tokens kept of a prompt at most, special ones included.
    """

    def __init__(self, tokenizer: Tokenizer, window: int) -> None:
        self._tokenizer = tokenizer
        self._window = window
        special: list[int] = tokenizer.encode("").ids
        described: dict[str, Any] = json.loads(tokenizer.to_str())
        self._by_word = _splits_like_bert(described) and len(special) == BERT_SPECIAL_TOKENS
        self._special = special
        self._added = [str(token["content"]) for token in described["added_tokens"]]
        lowercase = self._by_word and described["normalizer"]["lowercase"]
        self._words = _KnownWords(tokenizer, lowercase=lowercase)

    def ids(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of each prompt with special tokens, long ones without their middle."""
        texts = [clip_text(prompt, self._window) for prompt in prompts]
        if not self._by_word:
            encoded = self._tokenizer.encode_batch_fast(texts)
            return [shorten(e.ids, self._window) for e in encoded]
        return [shorten(self._ids(text), self._window) for text in texts]

    def _ids(self, text: str) -> list[int]:
        if not self._is_plain(text):
            return self._tokenizer.encode(text).ids
        words, (first, last) = self._words, self._special
        ids = [first]
        for word in _WORD.findall(text):
            ids += words[word]
        ids.append(last)
        return ids

    def _is_plain(self, text: str) -> bool:
        """True if the tokenizer does with the text what it does with its words one by one."""
        return (
            text.isascii()
            and not any(added in text for added in self._added)
            and _CONTROL.search(text) is None
        )


class _KnownWords(dict[str, list[int]]):
    """Token ids by word; a new word is tokenized, and kept while there is room."""

    def __init__(self, tokenizer: Tokenizer, *, lowercase: bool) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self._lowercase = lowercase

    def __missing__(self, word: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(word, add_special_tokens=False).ids
        if len(self) < MAX_WORDS:
            self[word] = ids
        return ids


def _splits_like_bert(described: dict[str, Any]) -> bool:
    """True if ASCII is cut at spaces and punctuation and pieces are then found word by word."""
    return (
        (described["normalizer"] or {}).get("type") == "BertNormalizer"
        and (described["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer"
        and described["model"].get("type") == "WordPiece"
        and (described["post_processor"] or {}).get("type")
        in ("TemplateProcessing", "BertProcessing")
    )
