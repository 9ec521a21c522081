"""What several suites share: the packaged encoder, loaded once."""

import os
from typing import TYPE_CHECKING

import pytest

# Read when it is first imported, whichever test that is: a name that is on no hub is asked for, and
# without this a machine without network tries for a minute.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Read when torch is imported. There is a process of tests for each core: with threads for all cores
# in each they wait for one another. A service that a test starts sets its own number.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from hypothesis import settings
except ImportError:
    pass  # not in the environments of tests/vllm and tests/ray
else:
    # A machine in use is slow now and then, which says nothing of what is tested.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")

if TYPE_CHECKING:
    from lengthwise.index.encoder.encoder import Encoder


@pytest.fixture(scope="session")
def encoder() -> "Encoder":
    """all-MiniLM-L6-v2 from its package, as it runs by default on this machine's CPU."""
    from lengthwise.index.encoder.encoder import (
        load_encoder,  # not in the environment of tests/vllm
    )

    return load_encoder(device="cpu")
