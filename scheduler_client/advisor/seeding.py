"""Asks the predictor, in the background, how long each LLM's answers usually are."""

import asyncio
from collections.abc import Callable, Sequence

from lengthwise.index_info import ModelInfo
from scheduler_client.advisor.complaints import Complaints
from scheduler_client.advisor.connection import Connection

INFO_TIMEOUT_S = 5.0
FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 60.0


async def seed_typical_lengths(
    connection: Connection,
    seed: Callable[[Sequence[ModelInfo]], None],
    complaints: Complaints,
) -> None:
    """Ask until the predictor answers, and hand on what it says of its LLMs.

    This also opens the connection before the first prediction needs it.

    Args:
        connection: To the predictor.
        seed: Takes what it says.
        complaints: Where failures are logged.
    """
    backoff_s = FIRST_BACKOFF_S
    while True:
        try:
            port = await connection.port()
            info = await port.info(timeout_s=INFO_TIMEOUT_S)
            seed(info.models)
        except Exception as error:  # noqa: BLE001  without it the start values do, and time helps
            complaints.say("info", f"the predictor does not say what it knows yet: {error}")
        else:
            return
        await asyncio.sleep(backoff_s)
        backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
