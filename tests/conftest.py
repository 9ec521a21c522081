"""What several suites share: the packaged encoder, loaded once."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from length_index.encoder import Encoder


@pytest.fixture(scope="session")
def encoder() -> "Encoder":
    """all-MiniLM-L6-v2 from its package, as it runs by default on this machine's CPU."""
    from length_index.encoder import load_encoder  # not in the environment of tests/vllm

    return load_encoder(device="cpu")
