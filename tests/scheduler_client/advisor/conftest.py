"""Advisors that are closed when their test ends."""

import pytest

from scheduler_client.advisor import Advisor
from tests.scheduler_client.advisor.helpers import ScriptedPort, settings


@pytest.fixture
async def port():
    return ScriptedPort()


@pytest.fixture
async def make_advisor():
    """Makes an advisor of settings; with a scripted port if one is given."""
    made = []

    def make(target="127.0.0.1:1", *, port=None, clock=None, **options):
        extra = {}
        if port is not None:
            extra["connect"] = lambda _: port
        if clock is not None:
            extra["clock"] = clock
        made.append(Advisor(settings(target, **options), **extra))
        return made[-1]

    yield make
    for advisor in made:
        await advisor.close()
