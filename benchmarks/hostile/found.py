"""What the hostile benchmark finds."""

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.hostile.attacks import FUZZED, RANDOM, SHARES, AttackCounts
from benchmarks.hostile.service import FAULTS, Attacked


@dataclass(slots=True)
class Phase:
    """What one of the two services went through.

    Args:
        name: What the tables call the service.
        counts: What became of each attack's messages, by the attack's name.
        codes: Calls that the service counted, by the name of their gRPC status.
        before_mib: Memory before the first attack.
        peak_mib: The most memory that it held at any time.
        after_mib: Memory after the last attack; 0 if it did not survive.
        crashes: Times that the service ended.
    """

    name: str
    counts: dict[str, AttackCounts] = field(default_factory=dict[str, AttackCounts])
    codes: dict[str, int] = field(default_factory=dict[str, int])
    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0
    crashes: int = 0

    @property
    def faults(self) -> int:
        """Calls that were answered with a fault of the service."""
        return sum(self.codes.get(code, 0) for code in FAULTS)

    def close(self, service: Attacked) -> None:
        """Note how the service is at the end."""
        self.crashes += not service.alive
        if service.alive:
            self.codes = service.codes()
            self.after_mib = service.rss_mib
        self.peak_mib = max(service.peak_mib, self.after_mib)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What coverage-guided fuzzing found.

    Args:
        folder: Of the inputs; None where there was no fuzzing.
        inputs: How many reached something new.
        crashed: Whether one raised what no caller may cause.
    """

    folder: Path | None = None
    inputs: int = 0
    crashed: bool = False


@dataclass(slots=True)
class HostileFindings:
    """Everything that was found.

    Args:
        phases: The service without rates, and that with.
        fuzzed: What fuzzing found before anything was sent.
        alone_ms: What another caller's predictions took, in between the attacks.
        beside_ms: What they took while an attack was under way.
        failed: What it was told in place of predictions.
    """

    phases: list[Phase]
    fuzzed: Fuzzed
    alone_ms: list[float] = field(default_factory=list[float])
    beside_ms: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])

    @property
    def shares(self) -> dict[str, float]:
        """Of each attack; random bytes take the place of what was not fuzzed for."""
        shares = dict(SHARES)
        if not self.fuzzed.inputs:
            shares[RANDOM] += shares.pop(FUZZED)
        return shares
