"""What reading a file of the history found, told to the build beside the parts.

So are the lengths of rows that are not selected: their prompts may come again.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from index_builder.distributed.place import Place
from lengthwise.history.files import ReadReport
from lengthwise.history.files.report import EXAMPLES
from lengthwise.index.repeats.repeat_table import RepeatTable


@dataclass(frozen=True, slots=True)
class FileFindings:
    """A file that was read to its end.

    Args:
        file: Its number in the plan.
        chunks: Parts that its rows make.
        report: Rows read, rows skipped and why.
    """

    file: int
    chunks: int
    report: ReadReport

    def write(self, place: Place) -> None:
        """Write it beside the parts; each worker that read the file writes the same.

        Raises:
            StoreError: It cannot be written.
        """
        content = {"file": self.file, "chunks": self.chunks, "report": vars(self.report)}
        place.write(findings_name(self.file), (json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def read(cls, place: Place, file: int) -> "FileFindings | None":
        """What was found in a file; None if nobody has read it to its end."""
        content = place.read(findings_name(file))
        if content is None:
            return None
        found: dict[str, Any] = json.loads(content.to_pybytes())
        report: dict[str, Any] = found.pop("report")
        skipped, left_out = Counter(report.pop("skipped")), Counter(report.pop("left_out"))
        return cls(report=ReadReport(**report, skipped=skipped, left_out=left_out), **found)


def findings_name(file: int) -> str:
    """Name of what was found in a file, below the folder of its encoding."""
    return f"files/{file:06d}.json"


def merged(reports: list[ReadReport]) -> ReadReport:
    """One report of several files, as if one reader had read them all."""
    whole = ReadReport()
    for report in reports:
        whole.rows += report.rows
        whole.records += report.records
        whole.skipped.update(report.skipped)
        whole.left_out.update(report.left_out)
        whole.examples += report.examples[: EXAMPLES - len(whole.examples)]
        for title in report.read_as:
            whole.recognised(title)
        whole.notes += [note for note in report.notes if note not in whole.notes]
    return whole


def unselected_name(file: int) -> str:
    """Name of a file's lengths below the folder of its encoding."""
    return f"repeats/{file:06d}.bin"


def read_unselected(place: Place, file: int) -> RepeatTable | None:
    """What the rows of a file say that are not selected; None where all are.

    Raises:
        ArtifactAlteredError: It was altered.
    """
    name = unselected_name(file)
    if not place.has(name):
        return None
    if place.folder is not None:
        return RepeatTable.open(place.folder / name)
    content = np.frombuffer(place.read(name), np.uint8)
    return RepeatTable.from_bytes(content, f"{place.text}/{name}")
