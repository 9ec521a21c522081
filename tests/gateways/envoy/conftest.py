"""Tests with the real Envoy run where its package is: `make test-gateways`; the others anywhere."""

import threading
from importlib.util import find_spec

import pytest

from tests.gateways.envoy.running import Stack, running_stack
from tests.scheduler_client.conftest import running

__all__ = ["running", "shared_stack", "stack"]

collect_ignore_glob = [] if find_spec("envoy") else ["test_real_*.py"]


@pytest.fixture(scope="package")
def shared_stack(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("envoy")) as everything:
        yield everything


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """Envoy and all around it, of which nothing is known to have come yet."""
    shared_stack.backend.received.clear()
    shared_stack.backend.next_part = threading.Semaphore(0)
    shared_stack.predictor.received.clear()
    shared_stack.predictor.stored.clear()
    return shared_stack
