"""Which student a training makes of the encoder that it has trained."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lengthwise.index.encoder.encoder import Device, load_encoder
from lengthwise.index.errors import InvalidInputError

MAX_TAU_B_LOST = 0.005
"""Kendall tau-b on the validation rows that a smaller encoder may cost by default: under a
hundredth of what a trained one reaches."""

SMALLEST_FIRST = (0, 2, 3)
"""Sizes that are made of an encoder of six layers; 0 has no network."""

TIMED_PROMPTS = 32
"""A micro-batch of the service."""

TIMED_ROUNDS = 5
"""The fastest of them counts, since the others were held up by something else."""


@dataclass(frozen=True, slots=True)
class StudentOptions:
    """Which student is wanted.

    Args:
        layers: So many; 0 for none, a static encoder; as many as the trained encoder has: no
            student. None chooses.
        target_speed: Choose the largest that encodes at least so many times as fast as the trained
            encoder, whatever it costs. None chooses the smallest that costs at most
            `MAX_TAU_B_LOST`, and takes the trained encoder itself where none does.
        pooling_layer: Whether the last of its layers computes one state for each prompt.
        feed_forward: Width of the feed-forward part of the layers that compute a state of each
            token, at least 1; None leaves it as it is in the trained encoder.

    Raises:
        InvalidInputError: Values out of range, or such that exclude each other.
    """

    layers: int | None = None
    target_speed: float | None = None
    pooling_layer: bool = False
    feed_forward: int | None = None

    def __post_init__(self) -> None:
        if self.layers is not None and self.layers < 0:
            raise InvalidInputError(f"layers is {self.layers}: expected 0 or more")
        if self.target_speed is not None and not self.target_speed >= 1:
            raise InvalidInputError(f"target_speed is {self.target_speed}: expected 1 or more")
        if self.layers is not None and self.target_speed is not None:
            raise InvalidInputError(
                f"layers is {self.layers} and target_speed is {self.target_speed}: expected one of "
                "them, since each decides the size"
            )
        if self.pooling_layer and self.layers == 0:
            raise InvalidInputError(
                "pooling_layer is set and layers is 0: expected layers, the last of which pools"
            )
        if self.feed_forward is not None and self.feed_forward < 1:
            raise InvalidInputError(f"feed_forward is {self.feed_forward}: expected 1 or more")
        if self.feed_forward is not None and self.layers == 0:
            raise InvalidInputError(
                f"feed_forward is {self.feed_forward} and layers is 0: expected layers, of which "
                "it is a part"
            )
        if self.feed_forward is not None and self.pooling_layer and self.layers == 1:
            raise InvalidInputError(
                f"feed_forward is {self.feed_forward} and the only layer pools, which stays as it "
                "is: expected layers of 2 or more"
            )

    @property
    def is_decided(self) -> bool:
        """True if the size does not depend on how well a student learns."""
        return self.layers is not None or self.target_speed is not None


def sizes_to_try(options: StudentOptions, held: int) -> list[int]:
    """Sizes that may be made, smallest first; none if the trained encoder itself is asked for.

    Args:
        options: Which student is wanted, or how it is chosen.
        held: Layers of the trained encoder.

    Raises:
        InvalidInputError: More layers are asked for than there are, or all of them and another
            kind of layers.
    """
    if options.layers is None:
        return [layers for layers in SMALLEST_FIRST if layers < held]
    if options.layers > held:
        raise InvalidInputError(
            f"layers is {options.layers}: the encoder has {held}, expected at most so many"
        )
    changes = {"pooling_layer": options.pooling_layer, "feed_forward": options.feed_forward}
    for name, changed in changes.items():
        if options.layers == held and changed:
            raise InvalidInputError(
                f"layers is {held}, as many as the encoder has, which then stays as it was "
                f"trained: expected fewer with {name}"
            )
    return [] if options.layers == held else [options.layers]


def largest_fast_enough(
    sizes: Sequence[int], held: int, speed_of: Callable[[int], float], target: float
) -> int:
    """The size that a target speed asks for.

    Args:
        sizes: That may be taken, smallest first; that of the trained encoder last, if it may.
        held: That of the trained encoder.
        speed_of: Measures prompts per second of a size.
        target: How many times as fast as the trained encoder it must be.

    Raises:
        InvalidInputError: Not even the smallest is.
    """
    full = speed_of(held)
    fastest = 0.0
    for size in reversed(sizes):
        ratio = 1.0 if size == held else speed_of(size) / full
        if ratio >= target:
            return size
        fastest = max(fastest, ratio)
    raise InvalidInputError(
        f"target_speed is {target}: the fastest student encodes {fastest:.1f} times as fast here"
    )


def encoder_speed(folder: Path, prompts: Sequence[str], device: Device) -> float:
    """Prompts per second in batches of `TIMED_PROMPTS`, as it would be served on this machine."""
    encoder = load_encoder(str(folder), device=device)
    batch = list(prompts[:TIMED_PROMPTS])
    encoder.encode(batch)
    taken_s: list[float] = []
    for _ in range(TIMED_ROUNDS):
        began_s = time.perf_counter()
        encoder.encode(batch)
        taken_s.append(time.perf_counter() - began_s)
    return len(batch) / min(taken_s)


def saved_speed(save: Callable[[Path], None], prompts: Sequence[str], device: Device) -> float:
    """The same of an encoder that lies nowhere yet; it need not have learnt anything."""
    with TemporaryDirectory(prefix="lengthwise-speed-") as name:
        save(Path(name) / "encoder")
        return encoder_speed(Path(name) / "encoder", prompts, device)
