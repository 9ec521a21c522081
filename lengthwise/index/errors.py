"""The whole error tree of the core. Every message says what was expected, what came, what to do.

LengthIndexError
├── InvalidInputError       a row, prompt or option that cannot be used
├── EncoderError            the encoder cannot be loaded or used
├── ArtifactError           an artifact folder that cannot be used
│   ├── ArtifactIncompleteError   a file is missing
│   ├── ArtifactAlteredError      a file is not what the manifest says
│   ├── SchemaMismatchError       written by another version of Lengthwise
│   └── EncoderMismatchError      built with another encoder than the one given
├── StoreError              a store of versions that cannot be used
│   ├── StoreBusyError      another builder is publishing to it
│   └── StaleVersionError   another version became current meanwhile
└── MissingExtraError       an optional dependency is not installed
"""

from lengthwise.errors import LengthwiseError


class LengthIndexError(LengthwiseError):
    """Base of everything that Lengthwise raises on purpose."""


class InvalidInputError(LengthIndexError, ValueError):
    """A row, prompt or option that cannot be used."""


class EncoderError(LengthIndexError):
    """The encoder cannot be loaded or used."""


class ArtifactError(LengthIndexError):
    """An artifact folder that cannot be used."""


class ArtifactIncompleteError(ArtifactError):
    """A file of the artifact is missing."""


class ArtifactAlteredError(ArtifactError):
    """A file of the artifact is not what the manifest says."""


class SchemaMismatchError(ArtifactError):
    """The artifact was written by another version of Lengthwise."""


class EncoderMismatchError(ArtifactError):
    """The artifact was built with another encoder than the one given."""


class StoreError(LengthIndexError):
    """A store of versions that cannot be used."""


class StoreBusyError(StoreError):
    """Another builder is publishing to the store."""


class StaleVersionError(StoreError):
    """Another version became current while this one was being made; nothing was published."""


class MissingExtraError(LengthIndexError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def for_module(cls, module: str, extra: str) -> "MissingExtraError":
        """Say which install line brings the module."""
        return cls(f"{module} is not installed. Install it with: pip install 'lengthwise[{extra}]'")
