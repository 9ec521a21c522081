"""Counting the tokens of an answer's text with a tokenizer that the user names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.options import ReadOptions, flag
from lengthwise.index.errors import InvalidInputError, MissingExtraError

TokenCounter = Callable[[str], int]
"""Text in, tokens out; special tokens are not counted."""


def load_tokenizer(name: str) -> TokenCounter:
    """Load a tokenizer.

    Args:
        name: A tokenizer.json file, a folder that holds one, or a name on the Hugging Face hub.

    Raises:
        InvalidInputError: If it cannot be loaded.
        MissingExtraError: If the tokenizers library is not installed.
    """
    try:
        import tokenizers  # noqa: PLC0415 (slow, and most histories carry lengths)
    except ImportError as error:
        raise MissingExtraError.for_module("tokenizers", "index") from error
    path = Path(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        if file.is_file():
            return _counter_of(tokenizers.Tokenizer.from_file(str(file)))
        if path.exists():
            return _load_with_transformers(name)
        return _load_from_hub(name, tokenizers)
    except Exception as error:  # the libraries raise a bare one
        raise InvalidInputError(
            f"tokenizer {name!r} cannot be loaded: expected a tokenizer.json, a folder with one, "
            f"or a name on the Hugging Face hub ({type(error).__name__}: {error})"
        ) from error


def _load_from_hub(name: str, tokenizers: Any) -> TokenCounter:
    try:
        return _counter_of(tokenizers.Tokenizer.from_pretrained(name))
    except Exception:  # noqa: BLE001 (a bare Exception again): older repositories have no tokenizer.json
        return _load_with_transformers(name)


def _counter_of(tokenizer: Any) -> TokenCounter:
    # Files of sentence encoders cut at 128 tokens and pad up to there: both would falsify counts.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _load_with_transformers(name: str) -> TokenCounter:
    from transformers import AutoTokenizer  # noqa: PLC0415 (slow)

    tokenizer: Any = AutoTokenizer.from_pretrained(name)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False, truncation=False))


class AnswerCounter:
    """Counts answers with the tokenizer of the options, loaded when the first one comes."""

    def __init__(self, options: ReadOptions) -> None:
        self._name = options.tokenizer
        self._count: TokenCounter | None = None

    def count(self, answer: str, column: str) -> int:
        """Count the tokens of an answer.

        Raises:
            RowError: If no tokenizer was named.
            InvalidInputError: If the one named cannot be loaded.
        """
        if not self._name:
            raise RowError(
                f"there is only the answer's text, in '{column}': name the tokenizer to count it "
                f"with ({flag('tokenizer')}), or the column of its length "
                f"({flag('output_tokens_column')})",
                kind="no tokenizer",
            )
        if self._count is None:
            self._count = load_tokenizer(self._name)
        return self._count(answer)
