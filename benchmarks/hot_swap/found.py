"""What the benchmark of swaps measures."""

from dataclasses import dataclass, field

from benchmarks.hot_swap.load import LoadNotes


@dataclass(slots=True)
class SwapFindings:
    """What was measured.

    Args:
        calm: What callers saw without swapping, by round.
        swapping: What they saw meanwhile, by round.
        swap_s: How long each swap took, in seconds.
        resident_mib: The service's memory before the first swap and after each.
        peak_mib: The most it ever was.
    """

    calm: list[LoadNotes] = field(default_factory=list[LoadNotes])
    swapping: list[LoadNotes] = field(default_factory=list[LoadNotes])
    swap_s: list[float] = field(default_factory=list[float])
    resident_mib: list[float] = field(default_factory=list[float])
    peak_mib: float = 0.0

    @property
    def rounds(self) -> list[LoadNotes]:
        """All that callers saw."""
        return [*self.calm, *self.swapping]

    @property
    def grown_mib(self) -> float:
        """Memory after the last swaps over that after the first, a tenth of them each, in MiB.

        Versions differ in size, so single values do not compare.
        """
        count = max(3, len(self.swap_s) // 10 // 3 * 3)
        after = self.resident_mib[1:]
        return sum(after[-count:]) / count - sum(after[:count]) / count
