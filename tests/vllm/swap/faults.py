"""Transfers that fail now and then."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from scheduler_client.vllm_plugin.swap.worker_side import SwapWorker


class TornCableError(RuntimeError):
    """A transfer that does not succeed."""


@contextmanager
def every_third_fails(worker: SwapWorker, *directions: str) -> Generator[list[str]]:
    """Let every third transfer fail, midway where it can be.

    Args:
        worker: Whose.
        directions: copy_out, copy_in or both; they are counted together.

    Yields:
        Grows by the direction of each that failed.
    """
    failed: list[str] = []
    seen = [0]

    def unreliable(direction):
        original = getattr(worker, direction)

        def transfer(order) -> None:
            seen[0] += 1
            if seen[0] % 3 == 0:
                failed.append(direction)
                raise TornCableError(order.request_id)
            original(order)

        return transfer

    with pytest.MonkeyPatch.context() as patch:
        for direction in directions:
            patch.setattr(worker, direction, unreliable(direction))
        yield failed
