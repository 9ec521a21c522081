"""vLLM's queues of its priority policy, brought into order after priorities have changed."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

QUEUES = ("waiting", "kv_holding_waiting")
"""Each keeps a heap."""

ORDER = attrgetter("priority", "arrival_time", "request_id")
"""What vLLM's requests compare themselves by."""

PRIORITY = attrgetter("priority")
"""The same where no two are equal, at a third of the time."""


def reorder(scheduler: Any, changed: Sequence[Any] = (), *, unique: bool) -> None:
    """Bring the queues of a scheduler into the order of their priorities.

    One that goes forward, as a request does whose length has become known, passes those before it
    in its heap: it is sought by its identity, so that only these few are looked at. In every other
    case all are sorted, and what is sorted is a heap. That takes a fraction of the time that
    `heapify` takes, which has requests compare themselves.

    Args:
        scheduler: vLLM's, or what has such queues.
        changed: Whose priorities are others now; empty if that may be any.
        unique: Whether no two priorities are equal.
    """
    key = PRIORITY if unique else ORDER
    queues = (getattr(scheduler, name, None) for name in QUEUES)
    heaps = [queue._heap for queue in queues if queue is not None]  # noqa: SLF001  vLLM has no public way
    if len(changed) == 1 and any(_goes_forward(heap, changed[0], key) for heap in heaps):
        return
    for heap in heaps:
        heap.sort(key=key)


def _goes_forward(heap: list[Any], request: Any, key: Callable[[Any], Any]) -> bool:
    """Move a request up its heap; False if it is not there, or is to go backward."""
    at = len(heap) - 1
    while at >= 0 and heap[at] is not request:  # who came of late is at the end
        at -= 1
    own = key(request)
    if at < 0 or any(key(below) < own for below in heap[2 * at + 1 : 2 * at + 3]):
        return False
    while at and own < key(above := heap[(at - 1) // 2]):
        heap[at] = above
        at = (at - 1) // 2
    heap[at] = request
    return True
