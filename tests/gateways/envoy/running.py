"""Envoy with all around it: the processor, a predictor, and a backend in place of vLLM."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from subprocess import Popen
from typing import Any

from scheduler_client.gateways.priorities import INT32_MAX
from testbed.envoy import (
    ADMIN,
    CONFIG,
    ENGINE,
    LISTENER,
    PROCESSOR,
    admin_page,
    await_processor,
    is_processor_healthy,
    running_envoy,
    running_processor,
)
from testbed.server_process import free_port
from tests.gateways.envoy.backend import ANSWERS, Backend, Received
from tests.scheduler_client.fake_service import FakeService, Running

PATIENCE = {
    "message_timeout: 0.2s": "message_timeout: 5s",
    "connect_timeout: 0.1s": "connect_timeout: 5s",
    "- timeout: 1s": "- timeout: 4s",
}
"""A machine under load is slow at times, and no test is about how slow."""


def patient(config: str) -> str:
    """A configuration with longer timeouts."""
    for hasty, longer in PATIENCE.items():
        assert config.count(hasty) == 1
        config = config.replace(hasty, longer)
    return config


SHIPPED = patient(CONFIG.read_text())
WEIGHT = 50
"""Of the rule: at 0.02 s a token a second of each, as whole seconds are what arrives."""

SETTINGS = {
    "LENGTHWISE_RULE": "aged",
    "LENGTHWISE_RULE_OPTIONS": f"weight={WEIGHT}",
    "LENGTHWISE_DEADLINE_S": "2",
    "LENGTHWISE_REPORT_INTERVAL_S": "0.05",
}


@dataclass(frozen=True)
class Placed:
    """A request that reached the backend with a priority.

    A token is a second of it, and whole seconds are sent. The arrival that it counts from lies
    between the sending and the answer, however slow the machine is.
    """

    priority: int
    sent_s: float
    answered_s: float

    @property
    def least_tokens(self) -> float:
        return self.priority - self.answered_s

    @property
    def most_tokens(self) -> float:
        return self.priority + 1 - self.sent_s

    def stands_for(self, tokens: float) -> bool:
        return self.least_tokens <= tokens <= self.most_tokens


@dataclass
class Stack:
    """All of it, running."""

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

    def place(
        self,
        body: bytes | dict[str, Any],
        path: str = "/v1/chat/completions",
        *,
        answer: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Placed:
        """Send a request that is served; the place that it reached the backend with."""
        sent_s = time.time()
        status, _ = self.ask(body, path, answer=answer, headers=headers)
        priority = self.reached().priority
        assert status == HTTPStatus.OK
        assert priority is not None
        assert 0 < priority <= INT32_MAX
        return Placed(priority, sent_s, time.time())

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

    def read_gated(self, body: dict[str, Any], path: str, between: Callable[[], None]) -> bytes:
        """The whole of a stream, each part of which is sent when the one before has been read.

        Args:
            body: Of the request.
            path: That it goes to.
            between: Called when the first part has been read.
        """
        connection = self.send(body, path, answer="gated")
        response = connection.getresponse()
        first, *others = ANSWERS["gated"].parts
        content = response.read(len(first))
        between()
        for part in others:
            self.backend.next_part.release()
            content += response.read(len(part))
        connection.close()
        return content

    def kill_processor(self) -> None:
        self.processor.kill()
        self.processor.wait()

    def reached(self) -> Received:
        """The latest request that came to the backend."""
        return self.backend.received[-1]

    def stats(self) -> dict[str, int]:
        """Envoy's own counters."""
        lines = admin_page(self.admin_port, "/stats?type=Counters").splitlines()
        return {name: int(value) for name, value in (line.rsplit(": ", 1) for line in lines)}

    def is_processor_healthy(self) -> bool:
        return is_processor_healthy(self.admin_port, self.processor_port)

    def await_processor(self) -> None:
        await_processor(self.admin_port, self.processor_port)


@contextmanager
def running_stack(folder: Path, config: str = SHIPPED) -> Iterator[Stack]:
    """Everything, while the context lasts."""
    with ExitStack() as exits:
        predictor = Running(FakeService())
        exits.callback(predictor.stop)
        backend = Backend()
        exits.callback(backend.start().shutdown)
        processor_port, port, admin_port = free_port(), free_port(), free_port()
        processor, _ = exits.enter_context(
            running_processor(folder, processor_port, predictor.target, SETTINGS)
        )
        ports = {
            LISTENER: port,
            ADMIN: admin_port,
            ENGINE: backend.port,
            PROCESSOR: processor_port,
        }
        exits.enter_context(running_envoy(folder, config, ports))
        stack = Stack(port, admin_port, processor_port, backend, predictor, folder, processor)
        stack.await_processor()
        yield stack
