"""Coverage-guided fuzzing of what a message goes through before it is queued, by atheris.

`python -m benchmarks.hostile_fuzz FOLDER SEEDS SECONDS` leaves in FOLDER the inputs that reached
something new, which the benchmark then sends over the wire. Their first byte picks the method.
"""

import contextlib
import random
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.hostile_bodies import KINDS, Body, extreme_body
from lengthwise.v1 import length_predictor_pb2 as pb

PATHS = tuple(KINDS)
LONGEST_INPUT_BYTES = 2_048
SEEDS = 300
GRACE_S = 60.0


def can_fuzz() -> bool:
    """Whether atheris is installed: pip install 'lengthwise[fuzz]'."""
    return find_spec("atheris") is not None


def fuzz(folder: Path, seconds: int) -> bool:
    """Fuzz in a process of its own.

    Args:
        folder: For the inputs found.
        seconds: How long.

    Returns:
        False if an input raised what no caller may cause; it lies in the folder as crash-*.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as seeds:
        _write_seeds(Path(seeds))
        command = [sys.executable, "-m", "benchmarks.hostile_fuzz", str(folder), seeds]
        command.append(str(seconds))
        done = subprocess.run(command, check=False, capture_output=True, timeout=seconds + GRACE_S)
    return done.returncode == 0


def _write_seeds(folder: Path) -> None:
    """Messages to begin with: bytes alone would take long to become one."""
    rng = random.Random(0)
    for i in range(SEEDS):
        body = extreme_body(rng)
        data = bytes((PATHS.index(body.path),)) + body.data
        (folder / str(i)).write_bytes(data[:LONGEST_INPUT_BYTES])


def found_bodies(folder: Path) -> list[Body]:
    """The inputs that were found, as messages."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [_body(data) for path in files if (data := path.read_bytes())]


def _body(data: bytes) -> Body:
    return Body(PATHS[data[0] % len(PATHS)], data[1:])


def _target() -> Callable[[bytes], None]:
    from predictor_service.errors import InvalidRequestError  # noqa: PLC0415  instrumented
    from predictor_service.rpc.validation import RequestLimits  # noqa: PLC0415  instrumented
    from predictor_service.rpc.wire import Malformed, tolerant  # noqa: PLC0415  instrumented

    limits = RequestLimits(max_prompt_chars=1_000, max_batch_items=64)
    parsers = {path: tolerant(type(make())) for path, make in KINDS.items()}

    def check(data: bytes) -> None:
        if not data:
            return
        body = _body(data)
        message = parsers[body.path](body.data)
        if isinstance(message, Malformed):
            return
        for item in _items(message):
            with contextlib.suppress(InvalidRequestError):
                if isinstance(item, pb.Completion):
                    limits.record(item, "")
                elif isinstance(item, pb.PredictRequest):
                    limits.query(item)

    return check


def _items(message: Any) -> list[Any]:
    """What is in a message, or the message itself."""
    for name in ("requests", "completions"):
        if hasattr(message, name):
            return list(getattr(message, name))
    return [message]


def main() -> None:
    """Fuzz in this process, which ends with it."""
    atheris: Any = import_module("atheris")  # an extra
    folder, seeds, seconds = sys.argv[1:]
    with atheris.instrument_imports(include=["predictor_service", "lengthwise.index.record"]):
        target = _target()
    arguments = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT_BYTES}"]
    arguments.append(f"-artifact_prefix={folder}/")
    atheris.Setup([sys.argv[0], *arguments, folder, seeds], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
