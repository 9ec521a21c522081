"""The service that is attacked, as an operator starts it, and what can be seen of it."""

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from testbed.process_tree import resident_mib
from testbed.server_process import free_port

START_TIMEOUT_S = 120.0
"""For the service to listen, in seconds."""

STOP_TIMEOUT_S = 60.0
"""For the service to end when told to, in seconds; then it is killed."""

SAMPLE_PERIOD_S = 0.2
"""Between two looks at its memory, in seconds."""

FAULTS = ("INTERNAL", "UNKNOWN")
"""Statuses of which each is a fault of the service."""


@dataclass(slots=True)
class Attacked:
    """A running service.

    Args:
        port: Where it listens for gRPC, on this machine.
        process: The service's own, to see whether it lives.
        metrics_port: Where it gives its metrics over HTTP.
        log: File that its output goes to.
        peak_mib: The most memory seen, resident.
    """

    port: int
    process: "subprocess.Popen[bytes]"
    metrics_port: int
    log: Path
    peak_mib: float = 0.0

    @property
    def alive(self) -> bool:
        """False once it has ended."""
        return self.process.poll() is None

    @property
    def rss_mib(self) -> float:
        """The memory that it holds now, resident; 0 once it has ended."""
        try:
            return resident_mib(self.process.pid)
        except OSError:
            return 0.0

    def codes(self) -> dict[str, int]:
        """Calls that ended, by gRPC status."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        found: dict[str, int] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "lengthwise_service_requests_total":
                    code = sample.labels["code"]
                    found[code] = found.get(code, 0) + int(sample.value)
        return found


@contextmanager
def attacked_service(index: Path, folder: Path, options: Sequence[str]) -> Generator[Attacked]:
    """Start the service; it is stopped at the end.

    Args:
        index: Artifact that the service is to serve.
        folder: For its port and its log.
        options: Further options of the service's command line.

    Raises:
        RuntimeError: It does not start.
    """
    port_file, log = folder / "port", folder / "service.log"
    port_file.unlink(missing_ok=True)
    metrics_port = free_port()
    command = [sys.executable, "-m", "predictor_service", "--index", str(index), "--port", "0"]
    command += ["--port-file", str(port_file), "--metrics-port", str(metrics_port)]
    command += ["--completions", str(folder / "history.db"), "--log-level", "warning", *options]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    stop = threading.Event()
    try:
        _await(port_file, process, log)
        service = Attacked(int(port_file.read_text()), process, metrics_port, log)
        watcher = threading.Thread(target=_watch, args=(service, stop), daemon=True)
        watcher.start()
        yield service
    finally:
        stop.set()
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _watch(service: Attacked, stop: threading.Event) -> None:
    while not stop.wait(SAMPLE_PERIOD_S):
        service.peak_mib = max(service.peak_mib, service.rss_mib)


def _await(port_file: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_s = time.monotonic() + START_TIMEOUT_S
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > ends_s:
            said = log.read_text("utf-8", "replace")[-2_000:]
            raise RuntimeError(f"the service does not start: {said}")
        time.sleep(0.1)
