"""Encodes prompts without a network: a sum of vectors looked up for its tokens and their pairs.

As model2vec (Tulkens and van Dongen 2024) does for tokens; pairs of neighbours, hashed as in
fastText (Joulin et al. 2017, arXiv 1607.01759), keep some of the order of the words.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from tokenizers import Tokenizer

from lengthwise.index.arrays import FloatMatrix, IntVector
from lengthwise.index.encoder.clipping import require_several, uncut
from lengthwise.index.encoder.word_tokens import WordTokens
from lengthwise.index.errors import EncoderError

FORMAT = "lengthwise static encoder"  # so that no other tool's folder is taken for one
VERSION = 1
"""Of the folder's layout; raised when a release can no longer read what earlier ones wrote."""

# Names in the folder.
CONFIG_FILE = "static_encoder.json"  # format, version, window; by it the folder is recognised
TABLE_FILE = "table.npy"  # NumPy's format, so that it can be mapped into memory
TOKENIZER_FILE = "tokenizer.json"  # as the tokenizers library writes it

MULTIPLIERS = (0x9E3779B1, 0x85EBCA6B)
"""Of the first and the second token of a pair: odd, with bits well mixed (xxHash's primes)."""

HASH_BITS = 32
"""Of a pair's hash, whose uppermost bits say where the pair lies."""


def pair_places(first: Any, second: Any, pair_bits: int) -> Any:
    """Where pairs of neighbouring tokens lie among 2**pair_bits vectors; several may share one.

    Args:
        first: Token ids, an integer array of NumPy or PyTorch.
        second: The ids of the tokens after those, same shape.
        pair_bits: Says how many places there are, in [1, 32].
    """
    mixed = first * MULTIPLIERS[0] + second * MULTIPLIERS[1]
    return (mixed & (2**HASH_BITS - 1)) >> (HASH_BITS - pair_bits)


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """What the files of a static encoder do not show by themselves.

    Args:
        tokens: How many rows of the table are those of single tokens; those of pairs follow.
        pair_bits: 2**pair_bits rows are those of pairs.
        window: Tokens read of a prompt at most, special ones included.
    """

    tokens: int
    pair_bits: int
    window: int

    @property
    def rows(self) -> int:
        """Rows that the table must have."""
        return self.tokens + 2**self.pair_bits

    def entries(self, rows: Sequence[Sequence[int]]) -> tuple[IntVector, IntVector]:
        """The rows of the table that prompts add up.

        Args:
            rows: Token ids of each prompt.

        Returns:
            Rows of the table, those of one prompt side by side, and where each prompt's begin:
            shape (len(rows) + 1,), the last being the end of the last one's.
        """
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        flat = np.array([token for ids in rows for token in ids], np.int64)
        pairs = np.append(self.tokens + pair_places(flat[:-1], flat[1:], self.pair_bits), 0)
        both = np.stack([flat, pairs[: len(flat)]], axis=1).ravel()
        kept = np.ones(len(both), bool)
        full = counts > 0
        # A prompt's last token has none after it: its pair would be with the next prompt's first.
        kept[2 * np.cumsum(counts)[full] - 1] = False
        starts = np.concatenate([[0], np.cumsum(2 * counts - full)])
        return both[kept], starts


class StaticEncoder:
    """An encoder around a table of vectors; safe for several threads.

    Args:
        name: The name or folder it was loaded by.
        tokenizer: Cuts prompts into tokens; made to neither pad nor cut off.
        table: Shape (tokens + 2**pair_bits, dimension), float16 or float32: a vector for each
            token, its weight in the sum folded in, then one for each place of a pair.
        config: How the table is laid out.

    Raises:
        EncoderError: The table has another shape than `config` says.
    """

    def __init__(
        self, name: str, tokenizer: Tokenizer, table: NDArray[Any], config: StaticConfig
    ) -> None:
        if table.ndim != 2 or len(table) != config.rows:
            raise EncoderError(
                f"static encoder {name!r} has a table of shape {table.shape}: expected "
                f"{config.rows} rows, {config.tokens} tokens and 2**{config.pair_bits} pairs"
            )
        self._name = name
        self._tokenizer = uncut(tokenizer)
        self._tokens = WordTokens(tokenizer, config.window)
        self._stored = table.dtype
        self._content_hash = _hash(tokenizer, table, config)
        # A sparse product with float32 was the fastest sum: gathering float16 took four times as
        # long, float32 with np.add.reduceat two and a half.
        self._table: FloatMatrix = np.ascontiguousarray(table, np.float32)
        self._config = config

    @classmethod
    def load(cls, name: str, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            EncoderError: The folder holds something else.
        """
        try:
            config = _config(json.loads((folder / CONFIG_FILE).read_text("utf-8")))
            table = np.load(folder / TABLE_FILE, mmap_mode="r", allow_pickle=False)
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        except EncoderError:
            raise
        except Exception as error:  # that of the tokenizer has no type of its own
            raise EncoderError(
                f"static encoder {folder} cannot be loaded: expected {CONFIG_FILE}, {TABLE_FILE} "
                f"and {TOKENIZER_FILE} as a training writes them; {error}"
            ) from error
        return cls(name, tokenizer, table, config)

    def save(self, folder: Path) -> None:
        """Write as a folder that `load_encoder` takes.

        Raises:
            OSError: It cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "version": VERSION, **asdict(self._config)}
        (folder / CONFIG_FILE).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        np.save(folder / TABLE_FILE, self._table.astype(self._stored), allow_pickle=False)
        (folder / TOKENIZER_FILE).write_text(self._tokenizer.to_str(pretty=True), "utf-8")

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        return self._name

    @property
    def content_hash(self) -> str:
        """Hash of table, tokenizer and layout."""
        return self._content_hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._table.shape[1])

    @property
    def runtime(self) -> str:
        """How it runs here."""
        return "cpu float32 static"

    def prepare(self) -> None:
        """See `Encoder.prepare`: nothing is compiled."""

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length; see `Encoder.encode`.

        Raises:
            InvalidInputError: `prompts` is one string rather than a sequence of them.
        """
        require_several(prompts)
        entries, starts = self._config.entries(self._tokens.ids(prompts))
        counted = csr_array(
            (np.ones(len(entries), np.float32), entries, starts),
            shape=(len(prompts), len(self._table)),
        )
        return _normalised(np.asarray(counted @ self._table))


def is_static(folder: Path) -> bool:
    """True if a folder is that of a static encoder."""
    return (folder / CONFIG_FILE).is_file()


def _config(content: dict[str, Any]) -> StaticConfig:
    found = (content.pop("format", None), content.pop("version", None))
    if found != (FORMAT, VERSION):
        raise EncoderError(
            f"{CONFIG_FILE} says format {found[0]!r}, version {found[1]!r}: this Lengthwise reads "
            f"{FORMAT!r}, version {VERSION}. Train again"
        )
    return StaticConfig(**content)


def _hash(tokenizer: Tokenizer, table: NDArray[Any], config: StaticConfig) -> str:
    digest = hashlib.sha256(repr((FORMAT, VERSION, config, table.dtype.str)).encode())
    digest.update(tokenizer.to_str().encode())
    digest.update(np.ascontiguousarray(table).data)
    return digest.hexdigest()


def _normalised(sums: FloatMatrix) -> FloatMatrix:
    """Rows at unit length; one of nothing points along the first axis."""
    vectors = sums.copy()
    vectors[~vectors.any(axis=1), 0] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
