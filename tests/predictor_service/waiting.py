"""Waiting for what a test has caused, with an end to it."""

import asyncio
from collections.abc import Callable

from tests.predictor_service.fakes import FakeIndex


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; fail after twenty seconds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  the conditions are other people's state
            await asyncio.sleep(0.001)


async def entered(index: FakeIndex) -> None:
    """Return once a micro-batch is being encoded."""
    assert await asyncio.to_thread(index.entered.acquire, timeout=20), "nothing was encoded"
