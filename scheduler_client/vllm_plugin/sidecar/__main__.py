"""`python -m scheduler_client.vllm_plugin.sidecar FD FD NAME`, started by the engine core alone."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys

from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.metrics_page import keep_metrics
from scheduler_client.vllm_plugin.sidecar.board import Board
from scheduler_client.vllm_plugin.sidecar.sidecar import Sidecar

PR_SET_PDEATHSIG = 1
"""Linux's number for it, from <sys/prctl.h>: a signal when the parent ends."""


def main(descriptor: str, memory: str, owner: str) -> None:
    """Run until the engine core closes its end of the socket.

    Args:
        descriptor: Of the socket whose other end is the engine core's.
        memory: Descriptor of the memory of the board that both look at.
        owner: Whose the metrics are: the same for all sidecars of an engine.
    """
    # What comes for it must not push the engine core, which has just said it, from its CPU.
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    # A stopped process would not see the core end: its end wakes it.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)
    # The core ends first, by closing the socket: what the terminal or the server says is for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(
        level=logging.INFO,
        format="%(levelname)s %(asctime)s [Lengthwise's sidecar] %(message)s",
        datefmt="%m-%d %H:%M:%S",
    )
    settings = AdvisorSettings.from_environment(os.environ)
    assert settings is not None  # noqa: S101  the core has read them
    keep_metrics(owner)
    core = socket.socket(fileno=int(descriptor))
    core.setblocking(False)
    board = Board.at(int(memory))
    os.close(int(memory))
    asyncio.run(Sidecar(settings, core, board, PluginMetrics()).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
