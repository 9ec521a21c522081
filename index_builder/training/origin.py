"""Which model a trained index goes back to, told without loading any."""

from pathlib import Path

from lengthwise.index.store.folder_store import FolderStore, resolve_artifact
from lengthwise.index.store.layout import ArtifactLayout, read_manifest


def original_model(name: str) -> str:
    """Name or folder of the model that a training began with, where it started from an index.

    Args:
        name: A model, which is given back, or the folder of an index; of one that started from
            another index, that one's.

    Raises:
        ArtifactError: An index cannot be read.
    """
    while is_index(name):
        manifest = read_manifest(ArtifactLayout(resolve_artifact(Path(name))))
        name = manifest.encoder.name if manifest.training is None else manifest.training.base
    return name


def is_index(name: str) -> bool:
    """True if this is the folder of an artifact, or of a store with one."""
    folder = Path(name)
    return ArtifactLayout(folder).exists() or FolderStore(folder).current() is not None
