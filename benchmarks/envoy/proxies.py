"""Two Envoys side by side, one with the processor and one without, before the same backend."""

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.envoy import (
    ADMIN,
    CONFIG,
    ENGINE,
    LISTENER,
    PROCESSOR,
    await_processor,
    running_envoy,
    running_processor,
)
from testbed.server_process import free_port, running_server

SETTINGS = {
    "LENGTHWISE_DEADLINE_S": "0.15",  # under the shipped message_timeout: all are to be predicted
}

_FIRST_FILTER = "- name: lengthwise.priority"
_ROUTER = "- name: envoy.filters.http.router"


@dataclass(frozen=True, slots=True)
class Proxies:
    """Both, running.

    Args:
        alone_port: Of Envoy without its filters.
        with_port: Of Envoy as it is shipped.
        processor_pid: For its CPU time.
        processor_log: It ends with what the processor did.
    """

    alone_port: int
    with_port: int
    processor_pid: int
    processor_log: Path


@contextmanager
def running_proxies(folder: Path, target: str) -> Generator[Proxies]:
    """Run everything behind the callers while the context lasts.

    Args:
        folder: For logs and configurations.
        target: Of the predictor.

    Raises:
        TestbedError: Something does not start.
    """
    with ExitStack() as exits:
        port_file = folder / "backend"
        command = [sys.executable, "-m", "benchmarks.envoy.backend", str(port_file)]
        backend = running_server(
            command, port_file.exists, folder / "backend.log", environment={}, timeout_s=60
        )
        exits.enter_context(backend)
        engine, port = int(port_file.read_text()), free_port()
        processor, log = exits.enter_context(running_processor(folder, port, target, SETTINGS))
        shipped = CONFIG.read_text("utf-8")
        ports = [
            {LISTENER: free_port(), ADMIN: free_port(), ENGINE: engine, PROCESSOR: port}
            for _ in range(2)
        ]
        for config, own in zip((_without_filters(shipped), shipped), ports, strict=True):
            exits.enter_context(running_envoy(folder, config, own))
        await_processor(ports[1][ADMIN], port)
        yield Proxies(ports[0][LISTENER], ports[1][LISTENER], processor.pid, log)


def _without_filters(config: str) -> str:
    before, rest = config.split(_FIRST_FILTER, 1)
    return before + _ROUTER + rest.split(_ROUTER, 1)[1]
