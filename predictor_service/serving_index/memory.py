"""Memory that was freed, back to the system."""

import asyncio
import ctypes
import threading
from typing import Any

from predictor_service.batching.threads import THREAD_PREFIX

DELAY_S = 1.0
"""Until whoever still computes with what was swapped out is through with it."""


def give_back() -> None:
    """Have the allocator return what it keeps for later, where it is one that does (glibc).

    An index is loaded in a thread of its own, and what that thread freed would be kept for another
    of its kind: the process would seem to grow with every swap.
    """
    library: Any = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def give_back_soon() -> None:
    """Do so in a while, beside everything else; to be called on the event loop."""
    thread = threading.Thread(target=give_back, name=THREAD_PREFIX + "trim", daemon=True)
    asyncio.get_running_loop().call_later(DELAY_S, thread.start)
