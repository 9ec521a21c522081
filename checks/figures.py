"""The size of the house in figures."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from checks.bounds import modules_by_folder
from checks.documented import args_entries, constants
from checks.files import PythonFile


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted of the product's files, and of all folders.

    Args:
        files: Product files.
        median_lines: Of their lengths.
        longest: The longest of them and its lines.
        widest: The folder with most modules, tests and benchmarks included, and how many.
        args: Entries under "Args:" in the product's docstrings.
        thin_args: Those of them with four words or fewer.
        constants: Constants of the product's modules.
        bare_constants: Those of them without a comment or a docstring beside them.
    """

    files: int
    median_lines: float
    longest: tuple[str, int]
    widest: tuple[str, int]
    args: int
    thin_args: int
    constants: int
    bare_constants: int

    @classmethod
    def from_files(cls, sources: Sequence[PythonFile]) -> "Figures":
        """Count.

        Args:
            sources: Every Python file of the repository that is written by hand.

        Raises:
            ValueError: No product file is among them.
        """
        product = [source for source in sources if source.is_product]
        if not product:
            raise ValueError("no product file: expected the folder of the repository")
        longest = max(product, key=lambda source: source.lines)
        folder, modules = modules_by_folder(sources).most_common(1)[0]
        trees = [(ast.parse(source.text), source.text) for source in product]
        entries = [entry for tree, _ in trees for entry in args_entries(tree)]
        told = [is_told for tree, text in trees for _, is_told in constants(tree, text)]
        return cls(
            files=len(product),
            median_lines=median(source.lines for source in product),
            longest=(str(longest.path), longest.lines),
            widest=(str(folder), modules),
            args=len(entries),
            thin_args=sum(entry.is_thin for entry in entries),
            constants=len(told),
            bare_constants=told.count(False),
        )

    def lines(self) -> list[str]:
        """For people, a line each."""
        return [
            f"product files          {self.files}",
            f"median lines           {self.median_lines:g}",
            f"longest                {self.longest[1]} ({self.longest[0]})",
            f"widest folder          {self.widest[1]} modules ({self.widest[0]})",
            f"thin Args entries      {self.thin_args} of {self.args}",
            f"constants without why  {self.bare_constants} of {self.constants}",
        ]
