"""Tests with the real Envoy need its package: `make test-gateways`."""

import pytest

from tests.gateways.envoy.running import Stack, envoy_binary, running_stack

collect_ignore_glob = [] if envoy_binary() else ["test_real_*.py"]


@pytest.fixture(scope="package")
def shared_stack(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("envoy")) as running:
        yield running


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """Envoy and all around it, of which nothing is known to have come yet."""
    shared_stack.backend.received.clear()
    shared_stack.predictor.received.clear()
    shared_stack.predictor.stored.clear()
    return shared_stack
