"""What a round of rebuilding came to."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from index_builder.rebuild.comparison import VersionComparison
from index_builder.rebuild.others import OthersComparison

TAKEN_OUT = "of the live version by a caller that is left out"
"""Why rows of the live version go, as an outcome tells it."""

KEPT_WITHOUT_TEXT = "of the live version without text, which a training needs"
"""Why rows of the live version are left out, as an outcome tells it."""

WITHOUT_VECTOR = "for which the encoder gave no finite vector"
"""Why rows, new ones or others, are left out, as an outcome tells it."""


class RoundEnding(StrEnum):
    """How a round ended; `exit_code` is the program's, if it was the only one."""

    PUBLISHED = "published"
    NOTHING_NEW = "nothing new"
    TOO_LITTLE_NEW = "too little new"
    REFUSED = "refused"
    OVERTAKEN = "overtaken"
    FAILED = "failed"

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong; 2 is left to a wrong command line."""
        return EXIT_CODES.get(self, 0)


EXIT_CODES = {RoundEnding.FAILED: 1, RoundEnding.REFUSED: 3, RoundEnding.OVERTAKEN: 4}
"""What is not here is 0; scripts tell the others apart by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """One round.

    Args:
        ending: How it ended, which decides the exit code.
        version: The version that is current now, as far as this round knows.
        before: The one that was current when it began; None if there was none.
        after_sequence: Rows of the history after this one were read.
        last_sequence: The last one that was read.
        new_rows: New rows that could be used.
        left_out: New rows that were not usable, by reason.
        dropped: Rows that had to go, by cap.
        rows: Rows of the version that was made; 0 if none was.
        comparison: With the live version; None where there was none to compare with.
        others: What rows of others suffer from each caller's new ones; empty where there are none.
        faults: Why it was refused, failed or was overtaken, or what is still lacking.
        carried_over: Whether it has the rows of a version that became current meanwhile, and none
            of the history.
        pruned: Old versions that were removed after it.
        seconds: How long the round took.
    """

    ending: RoundEnding
    version: str | None
    before: str | None
    after_sequence: int = 0
    last_sequence: int = 0
    new_rows: int = 0
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    rows: int = 0
    comparison: VersionComparison | None = None
    others: tuple[OthersComparison, ...] = ()
    faults: tuple[str, ...] = ()
    carried_over: bool = False
    pruned: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "ending": str(self.ending)}

    def lines(self) -> list[str]:
        """For people."""
        found = [self._headline()]
        found += [f"  {fault}" for fault in self.faults]
        if self.comparison is not None:
            found.append(f"  {_compared(self.comparison)}")
        if self.left_out:
            found.append(f"  left out: {_counted(self.left_out)}")
        if self.dropped:
            found.append(f"  dropped to stay within the caps: {_counted(self.dropped)}")
        if self.pruned:
            found.append(f"  versions removed: {', '.join(self.pruned)}")
        return found

    def _headline(self) -> str:
        read = f"{self.new_rows:,} new rows after {self.after_sequence:,}"
        match self.ending:
            case RoundEnding.PUBLISHED:
                return f"Published {self.version}: {self.rows:,} rows, {read}; {self.seconds:.1f} s"
            case RoundEnding.NOTHING_NEW:
                return f"Nothing new after {self.after_sequence:,}: {self.version} stays"
            case RoundEnding.TOO_LITTLE_NEW:
                return f"Too little new: {read}; {self.version} stays and they wait for more"
            case RoundEnding.REFUSED:
                return (
                    f"Refused: made with {read}, it predicts worse than {self.version}, which stays"
                )
            case RoundEnding.OVERTAKEN:
                return f"Overtaken: what was made with {read} is dropped; the next round takes them"
            case RoundEnding.FAILED:
                return "Failed: nothing was published"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _compared(c: VersionComparison) -> str:
    live, new = c.live, c.candidate
    taus = " -> ".join(
        "-" if a.kendall_tau_b is None else f"{a.kendall_tau_b:.3f}" for a in (live, new)
    )
    return (
        f"on the newest {c.rows:,} rows, live -> candidate: MAE {live.mae_tokens:.1f} -> "
        f"{new.mae_tokens:.1f} tokens, tau-b {taus}, coverage of the 90 % interval "
        f"{live.coverage_90:.1%} -> {new.coverage_90:.1%}"
    )
