"""What a reading found: rows, records, what was skipped and why, and what is to be noted."""

from collections import Counter
from dataclasses import dataclass, field

from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.values import describe_names

EXAMPLES = 5
"""Messages kept in full: enough to see what is wrong, few enough to print."""


@dataclass
class ReadReport:
    """Counts of one reading, running while it reads.

    Args:
        rows: Rows seen, good or bad.
        records: Records made of them; one row can give several.
        skipped: Rows or rests of files left out, by kind.
        examples: The full messages of the first few.
        left_out: Rows that are no answers to learn from, by cause.
        read_as: What tools' logs the files were recognised as.
        notes: What else a reader should know, a line each.
    """

    rows: int = 0
    records: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    read_as: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def total_skipped(self) -> int:
        """How many rows or rests of files were left out."""
        return self.skipped.total()

    def skip(self, error: HistoryReadError) -> None:
        """Count what was left out."""
        self.skipped[error.kind] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(str(error))

    def add_skipped(self, other: "ReadReport") -> None:
        """Count what the reading of another file left out as well."""
        self.skipped.update(other.skipped)
        self.examples += other.examples[: EXAMPLES - len(self.examples)]

    def reasons(self) -> str:
        """List the kinds, most frequent first: "12 bad JSON, 3 bad prompt"."""
        return ", ".join(f"{count:,} {kind}" for kind, count in self.skipped.most_common())

    def recognised(self, title: str) -> None:
        """Note that a file was read as some tool's log."""
        if title not in self.read_as:
            self.read_as.append(title)

    def summary(self) -> str:
        """Say it in one line for people, and a further line for each note."""
        line = f"{self.records:,} records from {self.rows:,} rows"
        if self.read_as:
            line = f"read as {' and '.join(self.read_as)}: {line}"
        if self.left_out:
            causes = ", ".join(f"{n:,} {cause}" for cause, n in self.left_out.most_common())
            line += f"; {self.left_out.total():,} left out: {causes}"
        if self.total_skipped:
            line += f"; {self.total_skipped:,} skipped ({self.reasons()})"
        return "\n".join([line, *self.notes])


_REASONS_NAMED = 5
"""Of the unknown reasons, those that are named: the most frequent."""


def notes_of(fields: Fields) -> list[str]:
    """Say what was counted while these fields made records."""
    notes: list[str] = []
    if fields.means_taken:
        notes.append(
            f"several answers with one length for all: {fields.means_taken:,} requests, read as "
            "their mean (with --tokenizer and the texts in the log, each answer is read)"
        )
    if fields.unknown_reasons:
        named = ", ".join(
            f"{describe_names([reason])} {number:,}"
            for reason, number in fields.unknown_reasons.most_common(_REASONS_NAMED)
        )
        notes.append(
            f"unknown finish reasons: {named}; counted as cut off at exactly the limit, "
            "else as ended"
        )
    return notes
