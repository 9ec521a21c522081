"""Askers and reporters that are closed when their test ends."""

import time

import pytest

from scheduler_client.advisor.asker import Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.reporter import Reporter
from tests.scheduler_client.advisor.helpers import ScriptedClient, settings


@pytest.fixture
async def client():
    return ScriptedClient()


@pytest.fixture
async def make():
    """Makes an Asker or a Reporter of settings; with a scripted client if one is given."""
    made = []

    def make(kind, target="127.0.0.1:1", *, client=None, clock=time.monotonic, **options):
        chosen = settings(target, **options)
        connection = Connection(chosen, None if client is None else lambda _: client)
        log = RateLimitedLog(clock)
        more = {"clock": clock} if kind is Asker else {}
        made.append((kind(chosen, connection, log, **more), connection))
        return made[-1][0]

    yield make
    for one, connection in made:
        await one.close()
        await connection.close()


@pytest.fixture
def make_asker(make):
    return lambda *args, **options: make(Asker, *args, **options)


@pytest.fixture
def make_reporter(make):
    """A reporter that has started."""

    def started(*args, **options):
        reporter = make(Reporter, *args, **options)
        reporter.start()
        return reporter

    return started
