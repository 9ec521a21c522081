"""What a user sets: how much of the host's memory, and in how many bits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

GIB_VARIABLE = "LENGTHWISE_SWAP_GIB"
"""GiB of the host's memory for all workers of an engine; unset, empty or 0 swaps nothing."""

BITS_VARIABLE = "LENGTHWISE_SWAP_BITS"
"""Bits of each key and value that is swapped, 8 or 16; 16 unless set."""

GIB = 1 << 30
"""Bytes."""

Bits = Literal[8, 16]


@dataclass(frozen=True, slots=True)
class SwapSettings:
    """How preempted requests are kept.

    Args:
        host_gib: Memory of the host for all workers of an engine together, in GiB.
        bits: 16 keeps keys and values as they are, whatever their dtype; 8 rounds them to a byte
            each, which halves bfloat16.
    """

    host_gib: float
    bits: Bits = 16

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "SwapSettings | None":
        """Read the variables.

        Returns:
            None if LENGTHWISE_SWAP_GIB is not set, empty or 0: nothing is swapped.

        Raises:
            ValueError: If one has a bad value; the message names it.
        """
        gib = environment.get(GIB_VARIABLE, "").strip()
        bits = environment.get(BITS_VARIABLE, "").strip() or "16"
        return cls.from_texts(gib, bits) if gib else None

    @classmethod
    def from_texts(cls, gib: str, bits: str) -> "SwapSettings | None":
        """Check texts, of variables or of --kv-transfer-config.

        Raises:
            ValueError: If one is out of range or no number.
        """
        try:
            host_gib = float(gib)
        except ValueError:
            host_gib = math.nan
        if not 0 <= host_gib < math.inf:
            raise ValueError(f"{GIB_VARIABLE} is {gib!r}: expected a number of GiB, 0 for off")
        if bits not in ("8", "16"):
            raise ValueError(f"{BITS_VARIABLE} is {bits!r}: expected 8 or 16")
        return cls(host_gib, cast("Bits", int(bits))) if host_gib else None

    @classmethod
    def from_extra_config(cls, extra: Mapping[str, Any]) -> "SwapSettings | None":
        """Read `kv_connector_extra_config` of vLLM's --kv-transfer-config.

        Raises:
            ValueError: If one is out of range or no number.
        """
        gib = str(extra.get("host_gib", "")).strip()
        return cls.from_texts(gib, str(extra.get("bits", 16))) if gib else None

    def to_extra_config(self) -> dict[str, Any]:
        """What `from_extra_config` reads."""
        return {"host_gib": self.host_gib, "bits": self.bits}

    def worker_bytes(self, workers: int) -> int:
        """The share of each of an engine's workers."""
        return int(self.host_gib * GIB) // workers
