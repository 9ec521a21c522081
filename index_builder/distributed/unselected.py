"""Lengths of rows that are not selected, beside the parts: their prompts may come again."""

import numpy as np

from index_builder.distributed.place import Place
from lengthwise.index.repeats.repeat_table import RepeatTable


def unselected_name(file: int) -> str:
    """Name of a file's lengths below the folder of its encoding."""
    return f"repeats/{file:06d}.bin"


def read_unselected(place: Place, file: int) -> RepeatTable | None:
    """What the rows of a file say that are not selected; None where all are.

    Raises:
        ArtifactAlteredError: It was altered.
    """
    name = unselected_name(file)
    if not place.has(name):
        return None
    if place.folder is not None:
        return RepeatTable.open(place.folder / name)
    content = np.frombuffer(place.read(name), np.uint8)
    return RepeatTable.from_bytes(content, f"{place.text}/{name}")
