"""Where an encoder runs, and in which precision it does well there.

PyTorch comes in when something is asked, not with the import: who only names a device has none.
"""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda"]
"""Where something runs; "auto" takes an NVIDIA GPU where there is one."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""What an encoder computes in; "auto" takes the fastest that the device computes well in."""


def choose_device(device: Device) -> str:
    """Resolve "auto" to "cuda" where PyTorch sees a GPU, else "cpu"."""
    if device != "auto":
        return device
    import torch  # noqa: PLC0415  see above

    return "cuda" if torch.cuda.is_available() else "cpu"


def cpu_has_bfloat16() -> bool:
    """True if the CPU multiplies bfloat16 in hardware (AMX or AVX-512 BF16)."""
    import torch  # noqa: PLC0415  see above

    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, probe, lambda: False)()) for probe in probes)


def choose_dtype(precision: Precision, device: str) -> "torch.dtype":
    """Resolve "auto" to the fastest precision that the device computes well in."""
    import torch  # noqa: PLC0415  see above

    if precision != "auto":
        return {
            "float32": torch.float32,
            "bfloat16": torch.bfloat16,
            "float16": torch.float16,
        }[precision]
    if device.startswith("cuda"):
        return torch.float16
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32
