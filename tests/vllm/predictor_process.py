"""A predictor as a process that tests kill, hang and start again.

`python -m tests.vllm.predictor_process PORT FILE` runs in the project's main environment: it
predicts as many tokens as a prompt has characters, and writes what is reported to it into FILE.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from testbed.engine import ROOT
from testbed.predictor import PYTHON
from testbed.server_process import free_port

START_TIMEOUT_S = 60


class PredictorProcess:
    """One address, behind which a predictor comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.target = f"127.0.0.1:{self.port}"
        self.file = folder / f"reported-{self.port}.jsonl"
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [PYTHON, "-m", "tests.vllm.predictor_process", str(self.port), str(self.file)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            assert self._process.poll() is None, "the predictor did not start"
            assert time.monotonic() < deadline_s, "the predictor did not start in time"
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it as the kernel does one that takes too much memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def hang(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def reported(self) -> list[dict]:
        """What was reported so far."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [json.loads(line) for line in lines]


def main(port: str, file: str) -> None:
    from tests.scheduler_client.fake_service import FakeService, Running

    class WritingService(FakeService):
        def Report(self, request, context):  # noqa: N802  the contract's name
            with Path(file).open("a") as out:
                for completion in request.completions:
                    fields = {
                        "prompt": completion.prompt,
                        "model": completion.model,
                        "output_tokens": completion.output_tokens,
                        "finish_reason": completion.finish_reason,
                        "temperature": completion.temperature,
                    }
                    out.write(json.dumps(fields) + "\n")
            return super().Report(request, context)

    running = Running(WritingService(), f"127.0.0.1:{port}")
    running.server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
