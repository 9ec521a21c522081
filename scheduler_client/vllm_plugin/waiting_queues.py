"""vLLM's queues of its priority policy, brought into order after priorities have changed."""

from operator import attrgetter
from typing import Any

QUEUES = ("waiting", "kv_holding_waiting")
"""Each keeps a heap."""

ORDER = attrgetter("priority", "arrival_time", "request_id")
"""What vLLM's requests compare themselves by."""

PRIORITY = attrgetter("priority")
"""The same where no two are equal, at a third of the time."""


def reorder(scheduler: Any, *, unique: bool) -> None:
    """Bring the queues of a scheduler into the order of their priorities.

    What is sorted is a heap. Sorting what is nearly in order takes a fraction of the time that
    `heapify` takes, which has requests compare themselves.

    Args:
        scheduler: vLLM's, or what has such queues.
        unique: Whether no two priorities are equal.
    """
    for name in QUEUES:
        queue = getattr(scheduler, name, None)
        if queue is not None:
            queue._heap.sort(key=PRIORITY if unique else ORDER)  # noqa: SLF001  vLLM has no public way
