"""A served FakeService, and an address where nothing answers."""

import socket

import pytest

from tests.scheduler_client.fake_service import serving


@pytest.fixture
def running():
    with serving() as served:
        yield served


@pytest.fixture
def service(running):
    return running.service


@pytest.fixture
def dead_target():
    """The address of a port that is taken but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
