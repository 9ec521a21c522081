"""The services of docker-compose.yml as plain processes of this machine.

Each runs the command line that the file gives it. What stands for a place of its own in a container
becomes one of this machine's, and nothing else is changed:

| in the file | here |
|---|---|
| a volume: /index, /seed | a folder |
| postgresql://lengthwise@postgres/lengthwise | a private server |
| 0.0.0.0 | 127.0.0.1 |
| a port of a container | a free port, another for each replica |
| name:port, all replicas of a service | their addresses with commas between |
| python and vllm, on the PATH of the image | those of an environment, on the PATH |
"""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from testbed.engine import ROOT
from testbed.server_process import free_port, running_server, tail
from tests.deploy.composed import Service

HEALTHY_WITHIN_S = 120.0
JOB_TIMEOUT_S = 120.0
STOPPED_WITHIN_S = 45.0


class Translation:
    """Replaces places.

    Args:
        places: As the file writes them, to what they are here.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        longest_first = sorted(places, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._places[match[0]], text)

    def also(self, places: Mapping[str, str]) -> "Translation":
        return Translation({**self._places, **places})


@dataclass(frozen=True, slots=True)
class Process:
    """One replica of a service, running.

    Args:
        service: Which.
        ports: Of the container, to those of this machine.
        log_file: What it prints.
        program: Leads a process group.
    """

    service: Service
    ports: Mapping[str, str]
    log_file: Path
    program: "subprocess.Popen[bytes]"

    def address(self, port: str) -> str:
        return f"127.0.0.1:{self.ports[port]}"

    def get(self, port: str, path: str) -> str:
        """The text at a path."""
        url = f"http://{self.address(port)}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.read().decode()


class Composed:
    """What was brought up. Leave the stack to bring it down.

    Args:
        services: Those to bring up, by name.
        folder: For logs.
        stack: Ends the processes.
        given: Names of services that run already, as `postgres`.
        translation: Of all places but the replicas' own.
        ports: Ports of containers, by service.
        programs: Folders to look for programs in, by service; default: this interpreter's.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        folder: Path,
        stack: ExitStack,
        *,
        given: Sequence[str],
        translation: Translation,
        ports: Mapping[str, Sequence[str]],
        programs: Mapping[str, Path] | None = None,
    ) -> None:
        self._services = services
        self._folder = folder
        self._stack = stack
        self._given = set(given)
        self._translation = translation
        self._ports = ports
        self._programs = programs or {}
        self._done: set[str] = set()
        self.running: dict[str, list[Process]] = {}

    def up(self, name: str) -> None:
        """Start a service once what it needs is as it wants it."""
        service = self._services[name]
        self._await_needs(service)
        self.running[name] = [self._start(service, i) for i in range(service.replicas)]
        for port in self._ports.get(name, ()):
            targets = ",".join(process.address(port) for process in self.running[name])
            known_as = {f"{known}:{port}": targets for known in service.names}
            self._translation = self._translation.also(known_as)

    def await_healthy(self, name: str) -> None:
        """Wait until the health check of every replica passes."""
        for process in self.running[name]:
            self._await_healthy(process)

    def job(self, name: str) -> None:
        """Run a service that ends, and see that it ends well."""
        service = self._services[name]
        log_file = self._folder / f"{name}.log"
        command = [self._translation(word) for word in service.command]
        with log_file.open("w") as log:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=os.environ | self._environment(service, self._translation),
                stdout=log,
                stderr=log,
                timeout=JOB_TIMEOUT_S,
                check=False,
            )
        assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{tail(log_file)}"
        self._done.add(name)

    def end(self, name: str) -> list[int]:
        """Ask a service to end as docker does, and give the exit codes."""
        for process in self.running[name]:
            process.program.terminate()
        return [process.program.wait(STOPPED_WITHIN_S) for process in self.running[name]]

    def ask_all_to_end(self) -> None:
        """So that they end together and not one after the other; the stack waits for them."""
        for processes in self.running.values():
            for process in processes:
                process.program.terminate()

    def _await(self, name: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            if name not in self._done:
                self._await_needs(self._services[name])
                self.job(name)
            return
        assert condition == "service_healthy"
        if name not in self.running:
            self.up(name)
        self.await_healthy(name)

    def _await_needs(self, service: Service) -> None:
        for other, condition in service.needs.items():
            if other in self._services and other not in self._given:
                self._await(other, condition)

    def _await_healthy(self, process: Process) -> None:
        translation = self._translation.also(process.ports)
        command = [translation(word) for word in process.service.health]
        assert command, f"{process.service.name} has no health check to wait for"
        deadline_s = time.monotonic() + max(process.service.healthy_within_s, HEALTHY_WITHIN_S)
        environment = os.environ | self._environment(process.service, translation)
        while True:
            found = subprocess.run(command, env=environment, capture_output=True, check=False)
            if found.returncode == 0:
                return
            assert time.monotonic() < deadline_s, (
                f"{process.service.name} is not healthy: {found.stderr.decode()}; its log ends "
                f"with:\n{tail(process.log_file)}"
            )
            time.sleep(0.2)

    def _start(self, service: Service, number: int) -> Process:
        ports = {port: str(free_port()) for port in self._ports.get(service.name, ())}
        translation = self._translation.also(ports)
        log_file = self._folder / f"{service.name}-{number}.log"
        program = self._stack.enter_context(
            running_server(
                [translation(word) for word in service.command],
                lambda: True,
                log_file,
                environment=self._environment(service, translation),
                timeout_s=HEALTHY_WITHIN_S,
            )
        )
        return Process(service, ports, log_file, program)

    def _environment(self, service: Service, translation: Translation) -> dict[str, str]:
        variables = {name: translation(value) for name, value in service.environment.items()}
        programs = self._programs.get(service.name, Path(sys.executable).parent)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        # The images hold the packages in folders of their own; here they are the project's.
        return {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}
