"""Environments of their own for what must not share ours: the peer, and the other backends."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
TORCH = "torch==2.13.0"
"""Installed first and alone: pinned like this it is the CPU's build, without gigabytes of CUDA."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment beside `.venv`, made from a file of pinned requirements.

    Args:
        folder: Where it lies, from the project's root.
        requirements: File of pinned packages, as pip takes it.
    """

    folder: Path
    requirements: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def program(self, name: str) -> Path:
        """A program that it installs."""
        return self.folder / "bin" / name

    def ensure(self) -> None:
        """Make it, unless it is there."""
        made = self.folder / ".made"
        if made.exists():
            return
        print(f"making {self.folder} (some minutes, once)", file=sys.stderr, flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(self.folder))
        _run(str(self.python), "-m", "pip", "install", "--quiet", TORCH)
        _run(str(self.python), "-m", "pip", "install", "--quiet", "-r", str(self.requirements))
        made.touch()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


PEER = Environment(Path(".venv-peer"), REQUIREMENTS / "peer.txt")
BACKENDS = Environment(Path(".venv-backends"), REQUIREMENTS / "backends.txt")
