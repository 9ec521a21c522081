"""How many threads compute, and how a blocking job runs beside the event loop."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

from lengthwise.index.encoder.openmp import bound_spinning

T = TypeVar("T")

THREAD_PREFIX = "lengthwise-"
"""Of the names of all threads that compute or block; see `exit_process`."""

SWITCH_INTERVAL_S = 0.0001
"""How long the event loop may keep the interpreter from the encoder's thread.

A forward pass is some hundred short calls into torch, each of which gives the interpreter up and
wants it back. At Python's default of 5 ms a busy event loop would stretch each of them.
"""


def available_cores() -> int:
    """Cores that this process may run on, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_process(processes: int) -> int:
    """Threads for computing in each of so many processes, at least 1."""
    return max(1, available_cores() // processes)


def limit_threads(threads: int) -> None:
    """Bound the threads of torch and FAISS.

    OpenMP keeps its bound per thread, so every thread that computes calls this.
    """
    import faiss  # noqa: PLC0415  heavy, and needed by the process that serves alone
    import torch  # noqa: PLC0415

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)


def share_cores() -> None:
    """Let computing, the event loop and whatever else runs here share the cores.

    To be called before torch is loaded, whose OpenMP reads its environment once.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    bound_spinning()


def exit_process(code: int) -> NoReturn:
    """End the process, at once if it still computes or something that it waits for hangs.

    Python tears itself down under the feet of daemon threads, and torch aborts when that happens,
    so a stop while an index was being loaded would look like a crash. For all other threads it
    waits, so a database that hangs would keep the process for ever.
    """
    if any(t.name.startswith(THREAD_PREFIX) for t in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


async def run_in_thread(work: Callable[[], T], *, name: str) -> T:
    """Run a blocking job in a daemon thread: unlike an executor's, it cannot hold up the exit."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # pyright: ignore[reportArgumentType]  set where no error is

    def run() -> None:
        try:
            result, error = work(), None
        except BaseException as caught:  # noqa: BLE001  handed to whoever awaits
            result, error = None, caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=THREAD_PREFIX + name, daemon=True).start()
    return await done
