"""Where a training stands, on disk, so that a killed one goes on."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

FILE = "checkpoint.pt"
"""As PyTorch saves it."""


class CheckpointFile:
    """One file, replaced whole.

    Args:
        folder: Its folder; made when first written.
        key: What is trained: a checkpoint of something else is not used.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / FILE
        self._key = key

    def save(self, state: dict[str, Any]) -> None:
        """Write; a crash leaves the one before.

        Raises:
            OSError: It cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        with part.open("wb") as file:
            torch.save({"key": self._key, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)

    def load(self) -> dict[str, Any] | None:
        """What was last written for this training; None if nothing usable was."""
        try:
            state = torch.load(self._path, weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            return None
        return state if state.get("key") == self._key else None
