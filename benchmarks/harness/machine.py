"""The machine that something was measured on."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "lengthwise",
    "torch",
    "sentence-transformers",
    "transformers",
    "faiss-cpu",
    "numpy",
    "grpcio",
    "protobuf",
)
CPU_FEATURES = {"amx_bf16": "AMX bf16", "amx_int8": "AMX int8", "avx512_bf16": "AVX-512 BF16"}
"""What /proc/cpuinfo calls units for bfloat16 and int8, and their names for people."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What counts for speed.

    Args:
        cpu: The model's name, as the kernel has it.
        cores: That this process may use.
        cpu_features: Those that multiply small numbers fast.
        memory_gib: All memory of the machine, used or not.
        gpu: Its name; "" without one.
        system: Name and release of the kernel, and the architecture.
        versions: Version of each package that counts for speed, by its name.
        load_average: Processes that were running in the last minute, when it was looked at.
    """

    cpu: str
    cores: int
    cpu_features: tuple[str, ...]
    memory_gib: float
    gpu: str
    system: str
    versions: dict[str, str]
    load_average: float

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        info = _colon_lines(Path("/proc/cpuinfo"))
        flags = set(info.get("flags", "").split())
        memory_kib = int(_colon_lines(Path("/proc/meminfo")).get("MemTotal", "0").split()[0])
        return cls(
            cpu=info.get("model name", platform.processor() or "unknown"),
            cores=len(os.sched_getaffinity(0)),
            cpu_features=tuple(name for flag, name in CPU_FEATURES.items() if flag in flags),
            memory_gib=round(memory_kib / 2**20, 1),
            gpu=_gpu_name(),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            versions={"python": platform.python_version(), **_versions()},
            load_average=round(os.getloadavg()[0], 2),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        return [describe(self.to_dict()), ", ".join(f"{k} {v}" for k, v in self.versions.items())]


def describe(machine: dict[str, Any]) -> str:
    """The hardware in one line."""
    features = ", ".join(machine["cpu_features"]) or "neither AMX nor AVX-512 BF16"
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return (
        f"{machine['cpu']}, {cores} ({features}), "
        f"{machine['memory_gib']:g} GiB memory, GPU: {machine['gpu'] or 'none'}"
    )


def _colon_lines(path: Path) -> dict[str, str]:
    """The first value under each name; empty where there is no such file."""
    found: dict[str, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), value.strip())
    return found


def _gpu_name() -> str:
    import torch  # noqa: PLC0415  seconds to import, and only here

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
