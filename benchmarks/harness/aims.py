"""What a benchmark is to reach, beside what it reached."""

from dataclasses import dataclass

from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim, judged by the median of the repeats.

    Args:
        name: What is measured, as the table says it.
        value: What was reached, in the unit of the aim; of a Spread its median counts.
        at_least: The aim, if more is better.
        at_most: The aim, if less is better.
        form: Format of the numbers, with the unit.
    """

    name: str
    value: float | Spread
    at_least: float | None = None
    at_most: float | None = None
    form: str = "{:.2f}"

    @property
    def met(self) -> bool:
        """True if it was reached."""
        value = self.value.median if isinstance(self.value, Spread) else self.value
        over = self.at_least is None or value >= self.at_least
        return over and (self.at_most is None or value <= self.at_most)

    def to_row(self) -> Row:
        """As a row of the table; its numbers are texts, since each aim has its own unit."""
        bound, sign = (
            (self.at_least, "≥") if self.at_least is not None else (self.at_most or 0.0, "≤")
        )
        value = self.value if isinstance(self.value, Spread) else Spread.from_values([self.value])
        low, middle, high = (
            self.form.format(v) for v in (value.lowest, value.median, value.highest)
        )
        return {
            "aim": self.name,
            "wanted": f"{sign} {self.form.format(bound)}",
            "reached": middle if low == high else f"{middle} ({low}–{high})",
            "met": self.met,
            "value": value,
        }


def aims_table(aims: list[Aim]) -> Table:
    """The aims of a benchmark side by side."""
    columns = [
        Column("aim", "aim"),
        Column("wanted", "wanted"),
        Column("reached", "reached"),
        Column("met", "met"),
    ]
    return Table("aims", "What was to be reached", columns, [aim.to_row() for aim in aims])
