"""The prediction service as a process, on a free port, while a context lasts."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from testbed.engine import ROOT
from testbed.server_process import running_server

PYTHON = ROOT / ".venv" / "bin" / "python"
"""The service needs FAISS and the encoder, which vLLM's environment does not hold."""

START_TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class Predictor:
    """A running prediction service.

    Args:
        target: "127.0.0.1:PORT", as LENGTHWISE_TARGET takes it.
        pid: Of the leader of its process group.
        log_file: What it prints.
    """

    target: str
    pid: int
    log_file: Path


@contextmanager
def running_predictor(
    index: Path,
    folder: Path,
    *,
    arguments: tuple[str, ...] = (),
) -> Generator[Predictor]:
    """Serve an index while the context lasts.

    Args:
        index: The store.
        folder: For the log and the file with the port.
        arguments: Further ones of `python -m predictor_service`.

    Raises:
        TestbedError: It does not start; with the end of its log.
    """
    own = Path(mkdtemp(prefix="predictor-", dir=folder))
    port_file, log_file = own / "port", own / "log"
    command = [str(PYTHON), "-m", "predictor_service", "--index", str(index), "--host"]
    command += ["127.0.0.1", "--port", "0", "--port-file", str(port_file), *arguments]
    with running_server(
        command,
        lambda: port_file.exists() and bool(port_file.read_text().strip()),
        log_file,
        environment={"PYTHONPATH": str(ROOT)},
        timeout_s=START_TIMEOUT_S,
    ) as process:
        target = f"127.0.0.1:{int(port_file.read_text())}"
        yield Predictor(target, process.pid, log_file)
