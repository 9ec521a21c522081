"""The encoder as a folder that travels: its weights in half precision."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, locate_encoder


def pack(folder: Path) -> float:
    """Write the encoder that ships to a folder, for `--model` on another machine.

    Returns:
        Its size in MiB.

    Raises:
        MissingExtraError: The package with the encoder is not installed here.
        OSError: The folder cannot be written.
    """
    model = SentenceTransformer(
        locate_encoder(DEFAULT_ENCODER), device="cpu", model_kwargs={"dtype": torch.float16}
    )
    model.save(str(folder), create_model_card=False)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
