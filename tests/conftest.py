"""What several suites share: the packaged encoder, loaded once."""

import pytest

from length_index.encoder import Encoder, load_encoder


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """all-MiniLM-L6-v2 from its package, as it runs by default on this machine's CPU."""
    return load_encoder(device="cpu")
