"""Prompts of files that tell no lengths: what a student of an encoder may learn from as well."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lengthwise.history.files.columns import needed_columns
from lengthwise.history.files.errors import HistoryReadError, RowError
from lengthwise.history.files.fields import Fields
from lengthwise.history.files.formats import format_of
from lengthwise.history.files.formats.base import BytePosition
from lengthwise.history.files.options import ReadOptions
from lengthwise.history.files.sources import find_files


def read_prompts(
    sources: Sequence[str | Path] | str | Path, options: ReadOptions | None = None
) -> Iterator[str]:
    """The prompts of files, streaming; lengths that they tell are not looked at.

    Args:
        sources: Files, folders and globs, one or several, as of a history.
        options: Columns of the prompt and of earlier messages, and what to do at a bad row.

    Raises:
        HistoryReadError: A source leads to no file; a file cannot be read; or, under "stop", a row
            has no prompt.
    """
    options = options or ReadOptions()
    fields = Fields(options)
    for path in find_files(sources).files:
        fmt = format_of(path)
        for number, row in fmt.open(path, needed_columns(options), BytePosition()).rows:
            try:
                if isinstance(row, RowError):
                    raise row
                yield fields.prompt(row)
            except RowError as error:
                if options.on_error == "stop":
                    raise HistoryReadError(
                        path, number, str(error), kind=error.kind, unit=fmt.unit
                    ) from error
