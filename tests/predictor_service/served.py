"""A service as a process of its own, with a fake index: `python -m tests.predictor_service.served`.

What the command line would build from an artifact is built from a fake here; signals, sockets,
exit codes and worker processes are real.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from predictor_service.batching.threads import leave
from predictor_service.cli import announcer
from predictor_service.config import read_config
from predictor_service.drift.promise import Promises
from predictor_service.errors import StartUpError
from predictor_service.lifecycle import run_process
from predictor_service.logs import set_up_logs
from predictor_service.supervisor import Supervisor
from tests.predictor_service.fakes import FakeIndex

KILL = "kill the worker"


class Deadly(FakeIndex):
    """Dies of one prompt, as a worker would of a fault in native code; waits for another."""

    def __init__(self, version: str, folder: Path) -> None:
        super().__init__(version)
        self._folder = folder

    def encode(self, prompts):
        if KILL in prompts:
            os.kill(os.getpid(), signal.SIGKILL)
        if "wait" in prompts:
            (self._folder / "waiting").touch()
            while not (self._folder / "go").exists():
                threading.Event().wait(0.01)
        return super().encode(prompts)


class FolderSource:
    """Reads the version's name from a file in the index folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def promises(self, version: str) -> Promises:
        return Promises()

    def current(self) -> str | None:
        return (self._folder / "CURRENT").read_text()

    def versions(self) -> list[str]:
        return sorted({"v1", "v2", self.current() or ""})

    def fetch(self, version: str) -> None:
        pass

    def make_current(self, version: str) -> None:
        (self._folder / "CURRENT").write_text(version)

    def load(self, version: str | None = None) -> FakeIndex:
        version = version or (self._folder / "CURRENT").read_text()
        if version == "never":
            (self._folder / "loading").touch()
            threading.Event().wait(60)
        return Deadly(version, self._folder)

    def prepare_thread(self, *, wide: bool = False) -> None:
        pass


def main() -> int:
    flags = dict(arg.split("=", 1) for arg in sys.argv[1:])
    try:
        config = read_config(flags)
        set_up_logs(config)
        source = FolderSource(Path(config.index))
        if config.processes > 1:
            Supervisor(config, source, on_ready=announcer(config)).run()
        else:
            run_process(config, source, on_ready=announcer(config))
    except StartUpError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
