"""What an encoder that stands before another one has of it."""

from lengthwise.index.encoder.encoder import Encoder


class EncoderWrapper:
    """Goes by the name of another encoder, whose vectors it gives.

    Args:
        encoder: The one that makes the vectors.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        return self._encoder.name

    @property
    def content_hash(self) -> str:
        """Hash of weights, tokenizer and pooling."""
        return self._encoder.content_hash

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._encoder.dimension

    @property
    def runtime(self) -> str:
        """How it runs here."""
        return self._encoder.runtime
