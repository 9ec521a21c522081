"""What a training starts from: a model, or the encoder and head of an index trained before."""

from dataclasses import dataclass
from pathlib import Path

from index_builder.training.base_model import BaseModel
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.head import LengthHead
from lengthwise.index.store.folder_store import FolderStore, resolve_artifact
from lengthwise.index.store.layout import ArtifactLayout, read_manifest


@dataclass(frozen=True, slots=True)
class Start:
    """A model to be trained on, and the head that was trained with it.

    Args:
        model: An encoder in float32 on the CPU, whose weights the training changes in place.
        base: Name or folder of the model that it goes back to, untrained.
        head: Whose layers the new head starts from; None if the model was never trained here.
        index: Folder of the index that both come from, whole; "" if they come from none.
    """

    model: BaseModel
    base: str
    head: LengthHead | None = None
    index: str = ""

    @classmethod
    def from_name(cls, name: str) -> "Start":
        """From a sentence-transformers model by name or folder, or from an index by its folder.

        Raises:
            EncoderError: The model cannot be loaded, or not be trained.
            InvalidInputError: The index holds nothing that can be trained on.
            ArtifactError: The index cannot be read.
        """
        folder = Path(name)
        if not ArtifactLayout(folder).exists() and FolderStore(folder).current() is None:
            return cls(BaseModel.load(name), name)
        layout = ArtifactLayout(resolve_artifact(folder))
        facts = read_manifest(layout).training
        if facts is None or (facts.student is not None and not facts.student.layers):
            why = "was not trained" if facts is None else "holds a static encoder"
            raise InvalidInputError(
                f"{name} {why}: expected an index with a trained encoder to start from, or the "
                "name or folder of a model"
            )
        return cls(
            BaseModel.load(str(layout.encoder)),
            facts.base,
            LengthHead.load(layout.head),
            str(folder.resolve()),
        )
