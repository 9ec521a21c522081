"""A real `vllm serve` while a context lasts."""

import os
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.engine_options import EngineOptions
from testbed.errors import TestbedError
from testbed.server_process import free_port, running_server, tail

ROOT = Path(__file__).parents[1]
VLLM = ROOT / ".venv-vllm" / "bin" / "vllm"
"""Where `make .venv-vllm/.installed` puts it."""

CACHE = ROOT / "build" / "testbed"
"""Where the tiny model is kept: `tiny_model(CACHE)`."""

START_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Engine:
    """A running vLLM.

    Args:
        port: Of its HTTP server, on the loopback interface.
        model: The name to ask for.
        pid: Of the leader of its process group.
        log_file: What it prints.
    """

    port: int
    model: str
    pid: int
    log_file: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def log_tail(self) -> str:
        """The end of what it printed."""
        return tail(self.log_file)

    def get(self, path: str, timeout_s: float = 10.0) -> str:
        """The text at a path, as /metrics."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=timeout_s) as answer:
            return str(answer.read(), "utf-8")


@contextmanager
def running_engine(
    model: Path | str,
    folder: Path,
    options: EngineOptions | None = None,
    *,
    port: int | None = None,
    program: Path = VLLM,
) -> Generator[Engine]:
    """Serve a model while the context lasts.

    Args:
        model: A folder, as of `tiny_model`, or a name.
        folder: For the log.
        options: How it is started; None takes the standard ones.
        port: To listen on, on the loopback interface; None for any that is free.
        program: `vllm`.

    Yields:
        The engine, healthy.

    Raises:
        TestbedError: There is no vLLM, or it does not start; with the end of its log.
    """
    options = options or EngineOptions()
    if not program.exists():
        raise TestbedError(f"{program} is missing: run `make .venv-vllm/.installed`")
    port = free_port() if port is None else port
    log_file = folder / f"vllm-{port}.log"
    with running_server(
        options.command(program, str(model), port),
        lambda: _is_healthy(port),
        log_file,
        environment={"PYTHONPATH": _python_path(), **options.variables()},
        timeout_s=START_TIMEOUT_S,
    ) as process:
        yield Engine(port, options.served_name(str(model)), process.pid, log_file)


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _python_path() -> str:
    # The testbed is not installed: the engine finds the worker class in the project's root.
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
