"""Environments of their own for what must not share ours: the peer, and the other backends."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from testbed.engine import VLLM

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


def with_vllm(module: str, argv: Sequence[str] | None) -> None:
    """Go on as the same module in vLLM's environment, unless this one has vLLM.

    Args:
        module: Run as `python -m module`.
        argv: Its arguments; None for those of this process.

    Raises:
        SystemExit: That environment is missing.
    """
    if find_spec("vllm") is not None:
        return
    python = VLLM.parent / "python"
    if not python.exists():
        sys.exit(f"{python} is missing: run `make setup-vllm`")
    arguments = sys.argv[1:] if argv is None else argv
    os.execv(python, [str(python), "-m", module, *arguments])  # noqa: S606  it takes our place
